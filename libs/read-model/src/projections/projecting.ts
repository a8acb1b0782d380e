import { type StoredEvent } from '@berth/event-store';
import { type Progress } from '../progress.js';
import { type Changes, type Checkpoint, type Database, lowestOf } from '../sql/database.js';
import { type AnyTable } from '../sql/table.js';
import { FirstSeen } from './first-seen.js';
import { type Projection } from './projection.js';
import { WorkingRows } from './working-rows.js';

/**
 * Decisions (a configuration event counts as one) in a transaction: devices come in random order, so what a transaction
 * costs grows much slower than its rows, and catching up takes large ones. Some 50 MB of memory while they are in hand.
 */
const transactionWeightMax = 32_000;
/** Transactions in hand: one being written, one being folded, one whose rows are being read. */
const inHandMax = 3;

/** What one transaction does to one projection. */
interface Share {
  projection: Projection;
  from: bigint | null;
  events: readonly StoredEvent[];
}

/**
 * Folds events into all projections and writes their rows and checkpoints together. Batches overlap: while one is being
 * written, the next is folded and the rows of the one after are read.
 */
export class Projecting {
  /** Rejects when a batch can't be projected; nothing after it is written. Pending otherwise. */
  readonly failed: Promise<never>;

  /** Where each projection will be once everything in hand is written. */
  private readonly accepted: Map<string, bigint | null>;
  private readonly written: Map<string, bigint | null>;
  private readonly seen = new FirstSeen();
  /** When this began; since then nobody else has written to them. */
  private readonly empty: ReadonlySet<AnyTable>;
  private readonly inHand: { written: Promise<void>; oldest: Date | null }[] = [];
  private recent: readonly WorkingRows[] = [];
  private folding: Promise<unknown> = Promise.resolve();
  private fail!: (error: unknown) => void;

  constructor(
    private readonly database: Pick<Database, 'find' | 'write'>,
    private readonly projections: readonly Projection[],
    checkpoints: readonly Checkpoint[],
    private readonly progress: Progress,
  ) {
    this.accepted = new Map(checkpoints.map(({ projection, position }) => [projection, position]));
    this.written = new Map(this.accepted);
    this.empty = new Set(
      projections.flatMap(({ name, tables }) => ((this.accepted.get(name) ?? null) === null ? tables : [])),
    );
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
  }

  /**
   * Takes events in order, and the position up to which there are no others. What a projection has seen it skips.
   * Resolves when the next may be given; they are written a little later. Not to be called again before that.
   */
  async accept(events: readonly StoredEvent[], position: bigint): Promise<void> {
    const parts = partsOf(events);
    for (const [index, part] of parts.entries()) {
      if (this.inHand.length >= inHandMax) await this.inHand[0]?.written;
      this.begin(part, index === parts.length - 1 ? position : (part.at(-1)?.position ?? position));
    }
    if (this.inHand.length >= inHandMax) await this.inHand[0]?.written;
  }

  /** Resolves when everything accepted is written. */
  async settled(): Promise<void> {
    await Promise.all(this.inHand.map(({ written }) => written));
  }

  /** When the oldest event that was accepted and isn't written was recorded; null when there is none. */
  get oldestInHand(): Date | null {
    return this.inHand.find(({ oldest }) => oldest !== null)?.oldest ?? null;
  }

  async apply(events: readonly StoredEvent[], position: bigint): Promise<void> {
    await this.accept(events, position);
    await this.settled();
  }

  private begin(events: readonly StoredEvent[], to: bigint): void {
    const shares = this.sharesOf(events, to);
    if (shares.length === 0) return;
    for (const { projection } of shares) this.accepted.set(projection.name, to);
    const isNew = (table: AnyTable, key: string) => this.empty.has(table) && this.seen.add(table.name, key);
    const rows = new WorkingRows(this.database, isNew, this.recent);
    this.recent = [rows, ...this.recent].slice(0, inHandMax - 1);
    const folded = Promise.all([this.folding, readAhead(shares, rows)]).then(() => fold(shares, rows));
    this.folding = folded;
    const written = folded.then(async () => {
      const advance = shares.map(({ projection, from }) => ({ projection: projection.name, from, to }));
      const changes = rows.changes();
      rows.release();
      await this.database.write({ advance, ...changes });
      this.show(advance);
      void this.inHand.shift();
    });
    written.catch(this.fail);
    this.inHand.push({ written, oldest: events[0]?.recordedAt ?? null });
  }

  private sharesOf(events: readonly StoredEvent[], to: bigint): Share[] {
    return this.projections.flatMap((projection): Share[] => {
      const from = this.accepted.get(projection.name) ?? null;
      if (from === null) return [{ projection, from, events }];
      return from >= to ? [] : [{ projection, from, events: events.filter(({ position }) => position > from) }];
    });
  }

  private show(advance: Changes['advance']): void {
    for (const { projection, to } of advance) this.written.set(projection, to);
    const position = lowestOf([...this.written.values()]);
    if (position !== null) this.progress.moveTo(position);
  }
}

async function readAhead(shares: readonly Share[], rows: WorkingRows): Promise<void> {
  const touched = shares.flatMap(({ projection, events }) => projection.touched(events));
  await Promise.all(touched.map(({ table, keys }) => rows.load(table, keys)));
}

async function fold(shares: readonly Share[], rows: WorkingRows): Promise<void> {
  for (const { projection, events } of shares) {
    if (events.length > 0) await projection.apply(events, rows);
  }
}

/** At least one part, which may be empty: a position without events is progress, too. */
function partsOf(events: readonly StoredEvent[]): (readonly StoredEvent[])[] {
  const parts: StoredEvent[][] = [[]];
  let weight = 0;
  for (const stored of events) {
    const own = stored.event.type === 'DecisionsRecorded' ? 1 + stored.event.data.outcomes.length : 1;
    if (weight > 0 && weight + own > transactionWeightMax) {
      parts.push([]);
      weight = 0;
    }
    weight += own;
    parts.at(-1)?.push(stored);
  }
  return parts;
}
