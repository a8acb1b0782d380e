import type { Offsets } from 'kafkajs';
import { BackOff } from '../consuming/back-off.js';
import { staleBatch } from '../consuming/partition-feed.js';
import { faultOf } from './kafka-fault.js';

interface WaitingCommit {
  partition: number;
  next: number;
  isStale: () => boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** How long a commit is tried while the group changes hands or the coordinator is away. */
const commitMs = 20_000;

/** Commits a group's offsets: one request at a time, with what gathered for any partition since the last. */
export class CommitQueue {
  private readonly topic: string;
  private readonly commitOffsets: (offsets: Offsets) => Promise<void>;
  private waiting: WaitingCommit[] = [];
  private sending = false;

  constructor(topic: string, commitOffsets: (offsets: Offsets) => Promise<void>) {
    this.topic = topic;
    this.commitOffsets = commitOffsets;
  }

  /** @throws LogFault `stale-batch` as soon as the partition is known to be lost, `log-away` when time is up. */
  async commit(partition: number, next: number, isStale: () => boolean): Promise<void> {
    const deadline = Date.now() + commitMs;
    const backOff = new BackOff({ firstMs: 50, mostMs: 1_000 });
    for (;;) {
      try {
        await this.submit(partition, next, isStale);
        return;
      } catch (error) {
        const fault = faultOf(error, `committing ${this.topic}/${partition}`);
        if (fault.code !== 'log-away' || Date.now() > deadline) throw fault;
      }
      // During a rebalance the broker refuses; once it is through, we either still have the partition or are stale.
      await new Promise((resolve) => setTimeout(resolve, backOff.next()));
    }
  }

  private submit(partition: number, next: number, isStale: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ partition, next, isStale, resolve, reject });
      if (!this.sending) void this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    this.sending = true;
    while (this.waiting.length > 0) await this.send(this.waiting.splice(0));
    this.sending = false;
  }

  private async send(commits: readonly WaitingCommit[]): Promise<void> {
    // The last look before it goes out: after a rebalance a commit for a partition that is gone would be taken.
    for (const { isStale, partition, reject } of commits) if (isStale()) reject(staleBatch(this.topic, partition));
    const ours = commits.filter(({ isStale }) => !isStale());
    if (ours.length === 0) return;
    const nextOf = new Map<number, number>();
    for (const { partition, next } of ours) nextOf.set(partition, Math.max(next, nextOf.get(partition) ?? 0));
    const partitions = [...nextOf].map(([partition, next]) => ({ partition, offset: String(next) }));
    try {
      await this.commitOffsets({ topics: [{ topic: this.topic, partitions }] });
      for (const { resolve } of ours) resolve();
    } catch (error) {
      for (const { reject } of ours) reject(error);
    }
  }
}
