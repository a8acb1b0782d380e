import { type StoredEvent } from '@berth/event-store';
import { type Progress } from '../progress.js';
import { type Changes, type Checkpoint, type Database } from '../sql/database.js';
import { type Projection } from './projection.js';
import { WorkingRows } from './working-rows.js';

/**
 * Decisions (a configuration event counts as one) in a transaction: enough to spread its cost when catching up, where
 * pages written once serve many rows, and few enough for some tens of megabytes of memory.
 */
const transactionWeightMax = 16_000;

/** Folds events into all projections and writes their rows and checkpoints together. One batch at a time. */
export class Projecting {
  private readonly checkpoints: Map<string, bigint | null>;

  constructor(
    private readonly database: Pick<Database, 'find' | 'write'>,
    private readonly projections: readonly Projection[],
    checkpoints: readonly Checkpoint[],
    private readonly progress: Progress,
  ) {
    this.checkpoints = new Map(checkpoints.map(({ projection, position }) => [projection, position]));
  }

  /** Events in order, and the position up to which there are no others. What a projection has seen it skips. */
  async apply(events: readonly StoredEvent[], position: bigint): Promise<void> {
    const parts = partsOf(events);
    for (const part of parts) {
      const isLast = part === parts.at(-1);
      await this.transact(part, isLast ? position : (part.at(-1)?.position ?? position));
    }
  }

  private async transact(events: readonly StoredEvent[], to: bigint): Promise<void> {
    const rows = new WorkingRows(this.database);
    const advance: Changes['advance'][number][] = [];
    for (const projection of this.projections) {
      const from = this.checkpoints.get(projection.name) ?? null;
      if (from !== null && from >= to) continue;
      const unseen = from === null ? events : events.filter((event) => event.position > from);
      if (unseen.length > 0) await projection.apply(unseen, rows);
      advance.push({ projection: projection.name, from, to });
    }
    if (advance.length === 0) return;
    await this.database.write({ advance, ...rows.changes() });
    for (const { projection } of advance) this.checkpoints.set(projection, to);
    this.progress.advance(lowest([...this.checkpoints.values()]) ?? to);
  }
}

/** The position that all have reached; null when one hasn't begun. */
export function lowest(positions: readonly (bigint | null)[]): bigint | null {
  return positions.reduce((low, it) => (low === null || it === null ? null : it < low ? it : low));
}

/** At least one part, which may be empty: a position without events is progress, too. */
function partsOf(events: readonly StoredEvent[]): (readonly StoredEvent[])[] {
  const parts: StoredEvent[][] = [[]];
  let weight = 0;
  for (const stored of events) {
    weight += stored.event.type === 'DecisionsRecorded' ? 1 + stored.event.data.outcomes.length : 1;
    if (weight > transactionWeightMax && parts.at(-1)?.length !== 0) {
      parts.push([]);
      weight = 0;
    }
    parts.at(-1)?.push(stored);
  }
  return parts;
}
