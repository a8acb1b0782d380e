import type { FeedSource } from '../consuming/partition-feed.js';
import type { ReceivedRecord } from '../registration-log.js';

/** What waits for a feed at most before the partition is paused; one fetched batch more may come on top. */
const waitingBytesMax = 4 * 1024 * 1024;

/** How an inbox steers what is fetched into it. */
export interface FetchControl {
  seek(partition: number, offset: number): void;
  pause(partition: number): void;
  resume(partition: number): void;
  commit(partition: number, next: number, isStale: () => boolean): Promise<void>;
}

/**
 * Stands between kafkajs, which fetches all partitions in one loop, and the feed of one of them: so a slow partition holds up
 * no other, and the loop stays free for heartbeats however long a batch takes.
 */
export class Inbox implements FeedSource {
  readonly topic: string;
  readonly partition: number;
  private readonly control: FetchControl;
  private readonly countMax: number;
  private waiting: ReceivedRecord[] = [];
  private bytes = 0;
  private paused = false;
  /** The offset the group had when the partition came, as far as that shows. */
  private firstOffset: number | undefined;
  private committedNext: number | undefined;
  /** Where fetching goes on. */
  private fetchNext: number | undefined;
  /** One past the last record handed to the feed. */
  private takenNext = 0;
  private soughtInVain: number | undefined;

  constructor(options: { topic: string; partition: number; maxRecords: number; control: FetchControl }) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.control = options.control;
    this.countMax = options.maxRecords * 4;
  }

  /**
   * Takes what was fetched from `fetchedOffset` on; `next` is where fetching would go on. Answers false when something is missing in
   * between, having asked for it: the records are not to be counted as fetched.
   */
  accept(fetchedOffset: number, records: readonly ReceivedRecord[], next: number): boolean {
    const expected = this.fetchNext;
    if (expected !== undefined && fetchedOffset > expected && this.soughtInVain !== expected) {
      this.soughtInVain = expected;
      this.control.seek(this.partition, expected);
      return false;
    }
    // Asked for once and not there: retention has removed it.
    for (const record of records) {
      if (record.offset < (expected ?? 0)) continue;
      this.waiting.push(record);
      this.bytes += record.value.length;
      this.firstOffset ??= record.offset;
    }
    this.fetchNext = Math.max(next, expected ?? 0);
    this.steer();
    return true;
  }

  /** After a rebalance kafkajs begins again at the committed offset; what we have need not come twice. */
  reposition(): void {
    if (this.fetchNext !== undefined) this.control.seek(this.partition, this.fetchNext);
  }

  async committed(): Promise<number> {
    return this.committedNext ?? this.firstOffset ?? 0;
  }

  async read(from: number, maxRecords: number): Promise<readonly ReceivedRecord[]> {
    if (from < this.takenNext) this.rewind(from);
    const records = this.waiting.splice(0, maxRecords);
    for (const { value } of records) this.bytes -= value.length;
    this.takenNext = records.length > 0 ? records.at(-1)!.offset + 1 : this.takenNext;
    this.steer();
    return records;
  }

  async commit(next: number, isStale: () => boolean): Promise<void> {
    if (this.committedNext !== undefined && next <= this.committedNext) return;
    await this.control.commit(this.partition, next, isStale);
    this.committedNext = Math.max(next, this.committedNext ?? 0);
  }

  private rewind(to: number): void {
    this.control.seek(this.partition, to);
    this.waiting = [];
    this.bytes = 0;
    this.fetchNext = to;
    this.takenNext = to;
  }

  private steer(): void {
    const full = this.bytes > waitingBytesMax || this.waiting.length >= this.countMax;
    const roomy = this.bytes <= waitingBytesMax / 2 && this.waiting.length <= this.countMax / 2;
    if (!this.paused && full) this.control.pause(this.partition);
    else if (this.paused && roomy) this.control.resume(this.partition);
    else return;
    this.paused = full;
  }
}
