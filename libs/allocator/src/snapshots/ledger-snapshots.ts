import { emptyLedger, type Ledger, type LedgerEvent, type TablePart } from '@berth/domain';
import { type EventStreams, type Snapshot, Snapshots, streams } from '@berth/event-store';
import { randomHashKey } from '../hash-key.js';
import { chunksOf, partsIn } from './table-chunks.js';

/** Raise it when the records of a device table, the facts, or what the fold makes of an event change. */
const shape = 6;
/**
 * A snapshot is due after so many messages, and a quarter as many as there are devices: then writing it costs little beside
 * deciding them, and reading back what came since takes 2 s for a million devices in 64 partitions (docs/performance.md).
 */
const messagesMinDefault = 10_000;
const devicesPart = 4;

interface LedgerFacts {
  /** Of the last event folded: is it still the store's? */
  eventId: string;
  generation: number;
  lastOffset: number;
  configuration: string | null;
}

/** Devices by hub key. A head takes 1 MiB, and there may be ten thousand hubs with long names. */
type LoadFacts = [string, number][];

/** A ledger that an allocator works with. */
export interface LedgerAtWork {
  ledger: Ledger;
  /** Resolves when the page is through that has changed the ledger already, though it may not be stored; null: there is none. */
  readonly underWay: Promise<void> | null;
  /** False once the ledger was given up: it may hold what was never stored. */
  readonly isKept: boolean;
}

export interface LedgerSnapshotsOptions {
  dataFolder: string;
  store: EventStreams;
  /** Messages after which one is due, and a quarter as many as there are devices; default 10,000. */
  messagesMin?: number;
  /** Hears what went wrong with a snapshot; the ledger makes up for it. */
  warn(message: string, error?: unknown): void;
}

/**
 * Snapshots of ledgers, so that a start needs to read only what came after. They are taken while the allocator decides, a
 * part of the table at a time, one ledger after the other.
 */
export class LedgerSnapshots {
  /** Offset up to which a partition's newest snapshot goes. */
  private readonly reach = new Map<number, number>();
  private taking: Promise<void> | null = null;
  private isStopped = false;

  constructor(private readonly options: LedgerSnapshotsOptions) {}

  /** The ledger as its newest snapshot has it that can be trusted; an empty one when there is none. */
  async load(partition: number): Promise<Ledger> {
    const ledger = await this.snapshotsOf(partition).load((snapshot) => this.restore(partition, snapshot));
    const loaded = ledger ?? emptyLedger(partition, randomHashKey());
    this.reach.set(partition, loaded.lastOffset);
    return loaded;
  }

  /** To be called after each page: takes a snapshot when it is time, and none is being taken. */
  considered(work: LedgerAtWork): void {
    const { partition, lastOffset, devices } = work.ledger;
    const { messagesMin = messagesMinDefault } = this.options;
    const behind = lastOffset - (this.reach.get(partition) ?? -1);
    if (this.taking || this.isStopped || behind < messagesMin + devices.size / devicesPart) return;
    this.taking = this.take(work)
      .catch((error: unknown) => this.options.warn(`No snapshot of ledger ${partition} could be taken`, error))
      .finally(() => (this.taking = null));
  }

  /** Gives up the one that is being taken, if any. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.taking;
  }

  private async take(work: LedgerAtWork): Promise<void> {
    const { ledger } = work;
    while (work.underWay) await work.underWay;
    if (!work.isKept) return;
    const { partition, revision, generation, lastOffset, configuration } = ledger;
    // Noted first: one that fails is tried again when it is time for the next.
    this.reach.set(partition, lastOffset);
    const chunks = chunksAtRest(work, [...ledger.loads], () => work.isKept && !this.isStopped);
    const eventId = await this.eventIdAt(partition, revision);
    if (eventId === null) return;
    const facts = { eventId, generation, lastOffset, configuration };
    try {
      await this.snapshotsOf(partition).save(BigInt(revision), facts, chunks);
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
    }
  }

  private async restore(partition: number, { at, facts, chunks }: Snapshot<LedgerFacts>): Promise<Ledger | null> {
    const revision = Number(at);
    if ((await this.eventIdAt(partition, revision)) !== facts.eventId) return null;
    const { generation, lastOffset, configuration } = facts;
    const ledger = emptyLedger(partition, randomHashKey());
    let loads: LoadFacts | null = null;
    for await (const part of partsIn<LoadFacts | string>(chunks)) {
      if (loads) ledger.devices.restore(part as TablePart<string>);
      else [loads] = part.shared as [LoadFacts];
    }
    return Object.assign(ledger, { revision, generation, lastOffset, configuration, loads: new Map(loads) });
  }

  private async eventIdAt(partition: number, revision: number): Promise<string | null> {
    const stream = streams.ledger(partition);
    for await (const { id } of this.options.store.read<LedgerEvent>(stream, { from: revision, maxCount: 1 })) return id;
    return null;
  }

  private snapshotsOf(partition: number): Snapshots<LedgerFacts> {
    const { dataFolder, warn } = this.options;
    const onDamaged = (file: string, reason: string) => warn(`Snapshot ${file} of ledger ${partition}: ${reason}`);
    return new Snapshots({ dataFolder, name: `ledger-${partition}`, shape, onDamaged });
  }
}

/** The ledger was given up while its snapshot was taken. */
class GivenUp extends Error {}

/** Each part is made while nothing is under way, so that all it holds is stored. */
async function* chunksAtRest(work: LedgerAtWork, loads: LoadFacts, isKept: () => boolean): AsyncIterable<Buffer> {
  // The loads go as a part without records.
  yield* chunksOf({ shared: [loads], records: Buffer.alloc(0) });
  const parts = work.ledger.devices.parts()[Symbol.iterator]();
  try {
    for (;;) {
      while (work.underWay) await work.underWay;
      if (!isKept()) throw new GivenUp();
      const part = parts.next();
      if (part.done) return;
      yield* chunksOf(part.value);
    }
  } finally {
    parts.return?.();
  }
}
