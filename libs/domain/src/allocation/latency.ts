import { hubKey } from '../hub/hub-name.js';

/**
 * A round-trip time to a hub as a gateway measured it: an average over its latest samples, since all its devices share the
 * way there.
 */
export interface HubLatency {
  /** Milliseconds, ≥ 0. */
  ms: number;
  /** What it is an average of; 0 is nothing measured. */
  samples?: number;
  /** How long ago the latest sample was taken when it was sent, milliseconds. */
  ageMs?: number;
}

/** A measurement older than this says nothing any more. */
export const latencyStaleAfterMs = 10 * 60 * 1000;
/** How far above the best a hub may be and still count as just as near: the wider of the two. */
export const tieBand = { us: 5_000, percent: 10 } as const;
/**
 * When a device leaves a hub that still takes it: another is nearer by more than `marginPercent`, `evaluations` times in a
 * row, and it hasn't moved for `coolDownMs`. Simulated with noise and spikes this moves a device once in some 5,000
 * evaluations, where taking the nearest each time moves it every third to ninth; the price is that a real change is noticed
 * after four to five evaluations.
 */
export const leaving = { marginPercent: 20, evaluations: 3, coolDownMs: 24 * 60 * 60 * 1000 } as const;

/** One measurement of a message. */
export interface Measurement {
  /** Key of the hub. */
  hub: string;
  /** Whole microseconds, so that every machine compares alike. */
  us: number;
  /** Milliseconds since 1970. */
  measuredAt: number;
}

/** Who says so: the registration event, the latest report of its gateway, or the table of the device's region. */
export type LatencySource = 'registration' | 'gateway' | 'region';

export interface KnownLatency {
  /** Microseconds. */
  us: number;
  from: LatencySource;
}

/** What is known of hubs, by key. What isn't in it is unknown: never zero. */
export type Latencies = Pick<ReadonlyMap<string, KnownLatency>, 'get' | 'keys'>;

export const noLatencies: ReadonlyMap<string, KnownLatency> = new Map();

/** The measurements that a message brought, by hub name. @param sentAt milliseconds since 1970. */
export function measurementsOf(latencies: Readonly<Record<string, HubLatency>>, sentAt: number): Measurement[] {
  return Object.keys(latencies).flatMap((name) => {
    const { ms, samples = 1, ageMs = 0 } = latencies[name] as HubLatency;
    return samples === 0 ? [] : { hub: hubKey(name), us: Math.round(ms * 1000), measuredAt: sentAt - ageMs };
  });
}

/** Those that still say something, microseconds by key. @param at milliseconds since 1970. */
export function freshLatencies(measurements: readonly Measurement[], at: number): Map<string, number> {
  const fresh = new Map<string, number>();
  for (const { hub, us, measuredAt } of measurements) if (at - measuredAt <= latencyStaleAfterMs) fresh.set(hub, us);
  return fresh;
}

/** How far a hub may be to count as just as near as the best one. @param best microseconds. */
export function reachOf(best: number): number {
  return best + Math.max(tieBand.us, Math.floor((best * tieBand.percent) / 100));
}

/**
 * Whether the nearest of the others is nearer than the present hub by more than the margin, and not just as near; null when that
 * can't be told. @param us microseconds; null: unknown.
 */
export function isOutdone(us: number | null, nearest: number | null): boolean | null {
  if (us === null || nearest === null) return null;
  return us > reachOf(nearest) && nearest * 100 < us * (100 - leaving.marginPercent);
}
