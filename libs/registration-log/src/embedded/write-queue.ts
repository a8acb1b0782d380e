import { LogFault } from '../log-fault.js';
import type { Receipt } from '../registration-log.js';
import { type PackedRecord, packSegment } from './segment.js';
import type { StoreClient } from './store-client.js';
import type { OffsetCommit, Segment } from './store-protocol.js';

/** What one transaction takes at most, unless a single publish is larger. */
const groupBytesMax = 4 * 1024 * 1024;
const segmentBytesMax = 1024 * 1024;
/** While one transaction waits for the disk the next is being packed. */
const inFlightMax = 2;

/** Records of one publish with the partition of each. */
export interface PlacedRecords {
  topic: string;
  partitions: readonly number[];
  records: readonly PackedRecord[];
  bytes: number;
}

interface WaitingPublish extends PlacedRecords {
  resolve(receipts: Receipt[]): void;
  reject(error: unknown): void;
}

interface WaitingCommit {
  commit: OffsetCommit;
  resolve(): void;
  reject(error: unknown): void;
}

/** Gathers concurrent publishes and offset commits into transactions, so that many callers share one sync of the disk. */
export class WriteQueue {
  private readonly store: StoreClient;
  private readonly bytesMax: number;
  private readonly appended: (topic: string, partition: number) => void;
  private publishes: WaitingPublish[] = [];
  private commits: WaitingCommit[] = [];
  private bytes = 0;
  private inFlight = 0;
  private drained: (() => void) | undefined;

  constructor(store: StoreClient, bytesMax: number, appended: (topic: string, partition: number) => void) {
    this.store = store;
    this.bytesMax = bytesMax;
    this.appended = appended;
  }

  publish(placed: PlacedRecords): Promise<Receipt[]> {
    if (this.bytes > 0 && this.bytes + placed.bytes > this.bytesMax) {
      return Promise.reject(new LogFault('queue-full', `${this.bytes} bytes wait to be written already`));
    }
    this.bytes += placed.bytes;
    return new Promise((resolve, reject) => {
      this.publishes.push({ ...placed, resolve, reject });
      this.flush();
    });
  }

  commit(commit: OffsetCommit): Promise<void> {
    return new Promise((resolve, reject) => {
      this.commits.push({ commit, resolve, reject });
      this.flush();
    });
  }

  /** Resolves when everything taken so far has been written or refused. */
  async drain(): Promise<void> {
    if (this.inFlight === 0) return;
    await new Promise<void>((resolve) => (this.drained = resolve));
  }

  private flush(): void {
    while (this.inFlight < inFlightMax && this.publishes.length + this.commits.length > 0) {
      this.inFlight += 1;
      void this.writeGroup(this.takePublishes(), this.commits.splice(0));
    }
  }

  private takePublishes(): WaitingPublish[] {
    let count = 0;
    let bytes = 0;
    while (count < this.publishes.length && (count === 0 || bytes + this.publishes[count]!.bytes <= groupBytesMax)) {
      bytes += this.publishes[count]!.bytes;
      count += 1;
    }
    return this.publishes.splice(0, count);
  }

  private async writeGroup(publishes: readonly WaitingPublish[], commits: readonly WaitingCommit[]): Promise<void> {
    const group = new SegmentGroup();
    const places = publishes.map((publish) => group.add(publish));
    const segments = group.pack(Date.now());
    try {
      const bases = await this.store.ask(
        'write',
        { segments, commits: commits.map(({ commit }) => commit) },
        segments.map(({ bytes }) => bytes.buffer),
      );
      publishes.forEach(({ topic, partitions, resolve }, at) => {
        const receipts = places[at]!.map(({ segment, index }, record) => {
          return { topic, partition: partitions[record]!, offset: bases[segment]! + index };
        });
        resolve(receipts);
      });
      for (const { resolve } of commits) resolve();
      for (const { topic, partition } of segments) this.appended(topic, partition);
    } catch (error) {
      for (const { reject } of [...publishes, ...commits]) reject(error);
    } finally {
      for (const { bytes } of publishes) this.bytes -= bytes;
      this.inFlight -= 1;
      this.flush();
      if (this.inFlight === 0) this.drained?.();
    }
  }
}

interface OpenSegment {
  segment: number;
  topic: string;
  partition: number;
  records: PackedRecord[];
  bytes: number;
}

/** Sorts the records of a group into segments, in the order they came, and remembers where each one went. */
class SegmentGroup {
  private readonly segments: OpenSegment[] = [];
  private readonly openByTopic = new Map<string, Map<number, OpenSegment>>();

  add({ topic, partitions, records }: PlacedRecords): { segment: number; index: number }[] {
    let open = this.openByTopic.get(topic);
    if (!open) this.openByTopic.set(topic, (open = new Map<number, OpenSegment>()));
    return records.map((record, at) => {
      const partition = partitions[at]!;
      let into = open.get(partition);
      if (!into || into.bytes + record.size > segmentBytesMax) {
        into = { segment: this.segments.length, topic, partition, records: [], bytes: 0 };
        this.segments.push(into);
        open.set(partition, into);
      }
      into.bytes += record.size;
      return { segment: into.segment, index: into.records.push(record) - 1 };
    });
  }

  pack(at: number): (Segment & { bytes: Uint8Array<ArrayBuffer> })[] {
    return this.segments.map(({ topic, partition, records }) => {
      return { topic, partition, at, count: records.length, bytes: packSegment(records) };
    });
  }
}
