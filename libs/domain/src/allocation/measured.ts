import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { type HubPool } from './hub-pool.js';
import { type KnownLatency, type Latencies } from './latency.js';

/** A hub of which a latency is known. */
export interface Measured {
  readonly hub: HubOnBoard;
  /** Microseconds. */
  readonly us: number;
  /** Its place among all that is known, a message's own below 0: settles ties. */
  readonly order: number;
}

/** What a device's message says itself, before what is known for every device that comes from there. */
export class OwnBeforeShared implements Latencies {
  constructor(
    readonly own: ReadonlyMap<string, KnownLatency>,
    readonly shared: Latencies,
  ) {}

  get(hub: string): KnownLatency | undefined {
    return this.own.get(hub) ?? this.shared.get(hub);
  }

  *keys(): MapIterator<string> {
    yield* this.own.keys();
    for (const hub of this.shared.keys()) if (!this.own.has(hub)) yield hub;
  }
}

/** What came of it, by pool: most devices of a page share what is known and the pool. */
const kept = new WeakMap<Latencies, WeakMap<HubPool, readonly Measured[]>>();

/** The hubs of a pool of which a latency is known, the nearest first. The very same array for the same latencies and pool. */
export function measuredIn(board: HubBoard, pool: HubPool, latencies: Latencies): readonly Measured[] {
  let byPool = kept.get(latencies);
  if (!byPool) kept.set(latencies, (byPool = new WeakMap()));
  let measured = byPool.get(pool);
  if (!measured) byPool.set(pool, (measured = measure(board, pool, latencies)));
  return measured;
}

function measure(board: HubBoard, pool: HubPool, latencies: Latencies): readonly Measured[] {
  if (latencies instanceof OwnBeforeShared) {
    const { own, shared } = latencies;
    return merged(found(board, pool, own, -own.size), measuredIn(board, pool, shared));
  }
  return found(board, pool, latencies, 0);
}

/** Of the shared ones those that aren't among a message's own. They stay as they are: it is done for each device that says something itself. */
function merged(own: readonly Measured[], shared: readonly Measured[]): readonly Measured[] {
  const hubs = new Set(own.map(({ hub }) => hub));
  const both: Measured[] = [];
  let next = 0;
  for (const it of shared) {
    if (hubs.has(it.hub)) continue;
    for (; next < own.length && byDistance(own[next] as Measured, it) < 0; next += 1) both.push(own[next] as Measured);
    both.push(it);
  }
  both.push(...own.slice(next));
  return both;
}

/** The nearest first. @param from the place of the first. */
function found(board: HubBoard, pool: HubPool, latencies: Latencies, from: number): Measured[] {
  const measured: Measured[] = [];
  for (const key of latencies.keys()) {
    const hub = board.get(key);
    if (!hub || !pool.has(hub)) continue;
    measured.push({ hub, us: (latencies.get(key) as KnownLatency).us, order: from + measured.length });
  }
  return measured.sort(byDistance);
}

/** As they were named. */
export function inOrder(measured: readonly Measured[]): Measured[] {
  return [...measured].sort((a, b) => a.order - b.order);
}

function byDistance(a: Measured, b: Measured): number {
  return a.us - b.us || a.order - b.order;
}
