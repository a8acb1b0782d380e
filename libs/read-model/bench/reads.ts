import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenReadModel, RegistrationFilter } from '../src/index.js';
import type { Ledgers } from './ledgers.ts';

const reads = 3000;
export const lag = { perSecond: 5000, everyMs: 20, seconds: 15 };

export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** Pages at random places, of the small and the large read model in turn, so that both see the same machine. */
export async function pages(small: OpenReadModel, large: OpenReadModel): Promise<Record<string, number>> {
  const filters: Record<string, RegistrationFilter> = {
    page: {},
    pageByStatus: { status: 'assigned' },
    pageByHub: { hub: 'hub-000.example.net' },
    pageByPrefix: { registrationIdPrefix: 'dev-a' },
  };
  const found: Record<string, number> = {};
  for (const [name, filter] of Object.entries(filters)) {
    const times = { few: [] as number[], many: [] as number[] };
    for (let index = 0; index < reads; index += 1) {
      const request = name === 'pageByPrefix' ? { first: 100 } : { first: 100, after: cursorOf(index) };
      times.few.push(await timed(() => small.readModel.registrations(request, filter)));
      times.many.push(await timed(() => large.readModel.registrations(request, filter)));
    }
    times.few.sort((a, b) => a - b);
    times.many.sort((a, b) => a - b);
    for (const part of [0.5, 0.99]) {
      const label = part === 0.5 ? 'P50' : 'P99';
      found[`${name}${label}Few`] = percentile(times.few, part);
      found[`${name}${label}Many`] = percentile(times.many, part);
    }
    found[`${name}P99Ratio`] = percentile(times.many, 0.99) / percentile(times.few, 0.99);
  }
  return found;
}

/** Early enough in the order of keys that a whole page follows, in the small one too. */
function cursorOf(index: number): string {
  return `dev-${'0123456'[index % 7]}${createHash('md5').update(`cursor ${index}`).digest('hex').slice(0, 4)}`;
}

/** Time from the acknowledged append to its being shown, at a steady pace. */
export async function pace(ledgers: Ledgers, { readModel }: OpenReadModel): Promise<Record<string, number>> {
  const lags: Promise<number>[] = [];
  const started = performance.now();
  const perTick = (lag.perSecond * lag.everyMs) / 1000;
  for (let tick = 0; tick < (lag.seconds * 1000) / lag.everyMs; tick += 1) {
    const position = await ledgers.append(perTick);
    lags.push(timed(() => readModel.reached(position, 30_000)));
    await delay(Math.max(0, started + (tick + 1) * lag.everyMs - performance.now()));
  }
  const sorted = (await Promise.all(lags)).sort((a, b) => a - b);
  const lagPace = (sorted.length * perTick) / ((performance.now() - started) / 1000);
  return { lagPace, lagP50Ms: percentile(sorted, 0.5), lagP99Ms: percentile(sorted, 0.99) };
}
