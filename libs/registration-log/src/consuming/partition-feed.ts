import { BackOff, type BackOffLimits } from './back-off.js';
import { Bell } from './bell.js';
import { isRetriable, LogFault } from '../log-fault.js';
import type { Batch, BatchConsumer, ReceivedRecord } from '../registration-log.js';

/** What a feed needs of the log for its one partition and group. */
export interface FeedSource {
  topic: string;
  partition: number;
  committed(): Promise<number>;
  read(from: number, maxRecords: number): Promise<readonly ReceivedRecord[]>;
  /** `isStale` is to be asked again right before the commit goes out. */
  commit(next: number, isStale: () => boolean): Promise<void>;
}

export function staleBatch(topic: string, partition: number): LogFault {
  return new LogFault('stale-batch', `${topic}/${partition} was taken away from this consumer`);
}

/** Delivers one partition to one consumer, from the group's committed offset on, until it is drained or revoked. */
export class PartitionFeed {
  readonly partition: number;
  private readonly source: FeedSource;
  private readonly consumer: BatchConsumer;
  private readonly maxRecords: number;
  private readonly backOff: BackOff;
  private readonly onFault: (error: unknown) => void;
  private readonly bell = new Bell();
  private readonly settled = new Bell();
  private draining = false;
  private stale = false;
  private held = false;
  private inBatch = false;

  constructor(options: {
    source: FeedSource;
    consumer: BatchConsumer;
    maxRecords: number;
    backOff: BackOffLimits;
    onFault: (error: unknown) => void;
  }) {
    this.source = options.source;
    this.partition = options.source.partition;
    this.consumer = options.consumer;
    this.maxRecords = options.maxRecords;
    this.backOff = new BackOff(options.backOff);
    this.onFault = options.onFault;
  }

  /** No batch will begin any more. */
  get isEnding(): boolean {
    return this.draining;
  }

  /** New records were appended to the partition. */
  wake(): void {
    this.bell.ring();
  }

  /** No batch begins until `resume`. Resolves when none runs any more, true, or when the time is up, false. */
  async hold(limitMs: number): Promise<boolean> {
    this.held = true;
    const until = Date.now() + limitMs;
    while (this.inBatch && Date.now() < until) await this.settled.wait(until - Date.now());
    return !this.inBatch;
  }

  resume(): void {
    this.held = false;
    this.bell.ring();
  }

  /** No further batch; the running one may finish and commit. */
  drain(): void {
    this.draining = true;
    this.bell.ring();
  }

  /** No further batch, and the running one may not commit any more. */
  revoke(): void {
    this.stale = true;
    this.drain();
  }

  /** Runs until drained or revoked, or until a fault that is not worth another try, which goes to `onFault`. */
  async run(): Promise<void> {
    try {
      let position = await this.retrying(() => this.source.committed());
      let ahead: readonly ReceivedRecord[] = [];
      while (!this.draining && position !== undefined) {
        if (ahead.length === 0) {
          const from: number = position;
          ahead = (await this.retrying(() => this.source.read(from, this.maxRecords))) ?? [];
          if (ahead.length === 0 && !this.draining) await this.bell.wait();
          continue;
        }
        if (this.held) {
          await this.bell.wait();
          continue;
        }
        const records = ahead.slice(0, this.maxRecords);
        if (await this.deliver(records)) {
          position = records.at(-1)!.offset + 1;
          ahead = ahead.slice(records.length);
        } else {
          position = await this.retrying(() => this.source.committed());
          ahead = [];
        }
      }
    } catch (error) {
      if (!this.stale) this.onFault(error);
    }
  }

  /** True when the consumer took the batch; false, after a wait, when it wants it again. */
  private async deliver(records: readonly ReceivedRecord[]): Promise<boolean> {
    this.inBatch = true;
    try {
      await this.consumer.batch(this.batchOf(records));
    } catch (error) {
      if (!this.stale && !isRetriable(error)) throw error;
      this.endBatch();
      await this.pause();
      return false;
    } finally {
      this.endBatch();
    }
    this.backOff.reset();
    return true;
  }

  private endBatch(): void {
    this.inBatch = false;
    this.settled.ring();
  }

  /** Tries until it works; undefined when drained before it did. */
  private async retrying<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    while (!this.draining) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetriable(error)) throw error;
        await this.pause();
      }
    }
    return undefined;
  }

  private async pause(): Promise<void> {
    const until = Date.now() + this.backOff.next();
    // New records ring too, and must not cut the wait short.
    while (!this.draining && Date.now() < until) await this.bell.wait(until - Date.now());
  }

  private batchOf(records: readonly ReceivedRecord[]): Batch {
    const { topic, partition } = this.source;
    const assertOurs = () => {
      if (this.stale) throw staleBatch(topic, partition);
    };
    return {
      topic,
      partition,
      records,
      commit: async () => {
        assertOurs();
        await this.source.commit(records.at(-1)!.offset + 1, () => this.stale);
      },
      heartbeat: async () => assertOurs(),
      isStale: () => this.stale,
    };
  }
}
