import { type LoadEvent, type LoadView, reportsKept, ToldLoads } from '@berth/domain';
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
  /** What was told of our partitions, and the ledger's revision then. */
  private readonly told = new WeakMap<ClaimedPartition, { loads: ToldLoads; revision: number }>();
  /** Revisions of the streams, by partition. */
  private readonly revisions = new Map<number, number>();
  /** Up to which of them we know what was reported. */
  private readonly known = new Map<number, number>();
  /** Partitions of which we have missed a report that others go on from. */
  private readonly missed = new Set<number>();
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
    const { partition, generation, since } = data;
    const known = this.known.get(partition) ?? noStream;
    if (revision <= known) return;
    this.revisions.set(partition, Math.max(revision, this.revision(partition)));
    this.changed();
    if (since !== undefined && since !== known) {
      this.missed.add(partition);
      return;
    }
    this.known.set(partition, revision);
    const report = { partition, generation, loads: new Map(data.loads) };
    if (since === undefined) this.options.loads.reported(report);
    else this.options.loads.changed(report);
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
    if (!this.hasRead) {
      await this.read(Array.from({ length: partitions }, (_, partition) => partition));
      this.hasRead = true;
    }
    await this.read([...this.missed]);
    // Who is alone by now has nobody to tell.
    if (claimed.size < partitions) await Promise.all([...claimed.values()].map((partition) => this.report(partition)));
    loads.nextEpoch();
  }

  /** What was reported before we listened. */
  private async read(partitions: readonly number[]): Promise<void> {
    const { store } = this.options;
    const newest = async (partition: number, maxCount: number) => {
      const reports: StoredEvent<LoadEvent>[] = [];
      const stream = streams.loads(partition);
      for await (const report of store.read<LoadEvent>(stream, { backwards: true, maxCount })) reports.push(report);
      return reports;
    };
    const all = partitions.map(async (partition) => {
      let reports = await newest(partition, 1);
      if (reports.some(({ event }) => event.data.since !== undefined)) reports = await newest(partition, reportsKept);
      const whole = reports.findIndex(({ event }) => event.data.since === undefined);
      for (const report of reports.slice(0, whole + 1).reverse()) this.heard(report);
      this.missed.delete(partition);
    });
    await Promise.all(all);
  }

  private async report(partition: ClaimedPartition): Promise<void> {
    const { store, name, now } = this.options;
    const { number, ledger } = partition;
    const { revision } = ledger;
    const before = this.told.get(partition);
    if (before?.revision === revision) return;
    // Until all of it is stored nobody knows what the others know.
    this.told.delete(partition);
    const loads = before?.loads ?? new ToldLoads();
    const stream = streams.loads(number);
    const at = new Date(now()).toISOString();
    const metadata = { correlationId: `${name}/loads/${number}`, actor: name, at };
    let expected = this.revision(number);
    try {
      for (const event of loads.next(ledger, expected)) {
        expected = (await store.append(stream, [event], expected, metadata)).revision;
        this.revisions.set(number, Math.max(expected, this.revision(number)));
        this.known.set(number, Math.max(expected, this.known.get(number) ?? noStream));
      }
      if (!before) await store.keepNewest(stream, reportsKept);
      this.told.set(partition, { loads, revision });
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
