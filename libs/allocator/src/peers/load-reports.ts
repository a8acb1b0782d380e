import { type LoadEvent, type LoadView, reportOf } from '@berth/domain';
import { type EventStreams, noStream, RevisionConflict, type StoredEvent, streams } from '@berth/event-store';
import { type ClaimedPartition } from '../claimed-partition.js';

/** How long an epoch takes: how old what allocators know of each other's loads can be. */
const epochMs = 1_000;

export interface LoadReportsOptions {
  store: EventStreams;
  /** Names this process in its events. */
  name: string;
  now(): number;
  wait(ms: number): Promise<void>;
  /** Of the registration topic. */
  partitions: number;
  loads: LoadView;
  /** The partitions that are ours, by number. */
  claimed: ReadonlyMap<number, ClaimedPartition>;
}

/**
 * Tells the other allocators what devices our partitions have on each hub, and hears it from them, once an epoch while
 * anything changes. Lost, late or repeated reports make the spread less even, and nothing else.
 */
export class LoadReports {
  /** The ledger's revision as it was reported last. */
  private readonly reported = new WeakMap<ClaimedPartition, number>();
  /** Revisions of the streams that we write. */
  private readonly revisions = new Map<number, number>();
  private hasRead = false;
  /** Something is to be told, or was heard. */
  private isDue = false;
  private isRunning = false;
  private isStopped = false;

  /** @param fail hears of what keeps it from going on. */
  constructor(
    private readonly options: LoadReportsOptions,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Loads have changed, ours or others', or who decides what. While all partitions are ours there is nobody to tell. */
  changed(): void {
    const { claimed, partitions } = this.options;
    this.isDue = claimed.size > 0 && claimed.size < partitions;
    if (this.isDue && !this.isRunning) this.run().catch(this.fail);
  }

  heard({ event: { data }, revision }: StoredEvent<LoadEvent>): void {
    const { partition, generation, loads } = data;
    if (revision <= this.revision(partition)) return;
    this.revisions.set(partition, revision);
    this.options.loads.reported({ partition, generation, loads: new Map(loads) });
    this.changed();
  }

  stop(): void {
    this.isStopped = true;
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    try {
      while (this.isDue && !this.isStopped) {
        await this.options.wait(epochMs);
        this.isDue = false;
        await this.endEpoch().catch((error: unknown) => {
          if (!isRetriable(error)) throw error;
          // While the store is away everybody goes on with what was known last.
          this.isDue = true;
        });
      }
    } finally {
      this.isRunning = false;
    }
  }

  private async endEpoch(): Promise<void> {
    const { claimed, partitions, loads } = this.options;
    if (!this.hasRead) await this.readAll();
    // Who is alone by now has nobody to tell.
    if (claimed.size < partitions) await Promise.all([...claimed.values()].map((partition) => this.report(partition)));
    loads.nextEpoch();
  }

  private async readAll(): Promise<void> {
    const { store, partitions } = this.options;
    const all = Array.from({ length: partitions }, async (_, partition) => {
      const newest = store.read<LoadEvent>(streams.loads(partition), { backwards: true, maxCount: 1 });
      for await (const stored of newest) this.heard(stored);
    });
    await Promise.all(all);
    this.hasRead = true;
  }

  private async report(partition: ClaimedPartition): Promise<void> {
    const { store, name, now } = this.options;
    const { number, ledger } = partition;
    const { revision } = ledger;
    if (this.reported.get(partition) === revision) return;
    const stream = streams.loads(number);
    const at = new Date(now()).toISOString();
    const metadata = { correlationId: `${name}/loads/${number}`, actor: name, at };
    const expected = this.revision(number);
    try {
      const appended = await store.append(stream, [reportOf(ledger)], expected, metadata);
      this.revisions.set(number, Math.max(appended.revision, this.revision(number)));
      this.reported.set(partition, revision);
      if (expected === noStream) await store.keepNewest(stream, 1);
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
      // Another owner has reported meanwhile; we hear of it, and report again.
      this.isDue = true;
    }
  }

  private revision(partition: number): number {
    return this.revisions.get(partition) ?? noStream;
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof Error && 'retriable' in error && error.retriable === true;
}
