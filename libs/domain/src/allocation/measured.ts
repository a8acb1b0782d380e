import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { type HubPool } from './hub-pool.js';
import { type KnownLatency, type Latencies } from './latency.js';

/** A hub of which a latency is known. */
export interface Measured {
  readonly hub: HubOnBoard;
  /** Microseconds. */
  readonly us: number;
  /** Its place among all that is known: settles ties. */
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
    const own = found(board, pool, latencies.own);
    const shared = measuredIn(board, pool, latencies.shared).filter(({ hub }) => !latencies.own.has(hub.key));
    return [...own, ...shared.map(({ hub, us, order }) => ({ hub, us, order: own.length + order }))].sort(byDistance);
  }
  return found(board, pool, latencies).sort(byDistance);
}

function found(board: HubBoard, pool: HubPool, latencies: Latencies): Measured[] {
  const measured: Measured[] = [];
  for (const key of latencies.keys()) {
    const hub = board.get(key);
    if (hub && pool.has(hub))
      measured.push({ hub, us: (latencies.get(key) as KnownLatency).us, order: measured.length });
  }
  return measured;
}

/** As they were named. */
export function inOrder(measured: readonly Measured[]): Measured[] {
  return [...measured].sort((a, b) => a.order - b.order);
}

function byDistance(a: Measured, b: Measured): number {
  return a.us - b.us || a.order - b.order;
}
