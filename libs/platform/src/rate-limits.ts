import { type Clock } from './clock.js';
import { metrics } from './metrics.js';

/** How often one caller, an API key, may ask something of this process in a minute; 0 is as often as it likes. */
export interface Rates {
  /** GraphQL mutations, a bulk one counting for 25, and imports. */
  operationsPerMinute: number;
  /** Registration events and reports of latencies posted to the intake. */
  registrationsPerMinute: number;
}

const windowMs = 60_000;

/** Counts what callers ask for. Abstract class so that it can be an injection token. */
export abstract class RateLimits {
  /**
   * @param count what is asked for at once; taken as a whole when the caller has anything left, so that none is too large for ever.
   * @returns null when it is taken, else after how many seconds to ask again, 1 to 60.
   */
  abstract take(rate: keyof Rates, caller: string, count: number): number | null;
}

interface Minute {
  endsAt: number;
  taken: number;
}

/** In memory: a minute for each API key that was used. A library would bring timers and stores, and take no batch beyond what is left. */
export function rateLimitsFor(rates: Rates, clock: Clock): RateLimits {
  const minutes = { operationsPerMinute: new Map<string, Minute>(), registrationsPerMinute: new Map<string, Minute>() };
  return {
    take(rate, caller, count) {
      const max = rates[rate];
      if (max === 0 || count === 0) return null;
      const now = clock.now();
      let minute = minutes[rate].get(caller);
      if (!minute || now >= minute.endsAt) {
        minute = { endsAt: now + windowMs, taken: 0 };
        minutes[rate].set(caller, minute);
      }
      if (minute.taken >= max) {
        metrics.throttled.inc({ rate });
        return Math.ceil((minute.endsAt - now) / 1000);
      }
      minute.taken += count;
      return null;
    },
  };
}
