import { isRetriable } from '../log-fault.js';
import type { BatchConsumer } from '../registration-log.js';
import { BackOff, type BackOffLimits } from './back-off.js';
import { Bell, settledWithin } from './bell.js';
import { type FeedSource, PartitionFeed } from './partition-feed.js';

export interface GroupLimits {
  /** How long a running batch may go on, and how long `revoked` may take, when partitions are to be given away. */
  handoverMs: number;
  backOff: BackOffLimits;
}

export interface MemberOptions {
  consumer: BatchConsumer;
  maxRecords: number;
  limits: GroupLimits;
  sourceOf: (partition: number) => FeedSource;
  /** A fault that ends the consumption. May come more than once. */
  onFault: (error: unknown) => void;
}

/** Gently: a running batch may finish and commit, for a bounded time. At once: it is stale from now on. */
export type Leaving = 'gently' | 'at once';

interface Held {
  feed: PartitionFeed;
  ended: Promise<void>;
}

/** One consumer of a group and the partitions it has at the moment; who gets which is decided elsewhere. */
export class GroupMember {
  private readonly options: MemberOptions;
  private readonly held = new Map<number, Held>();
  /** Those who wait to announce partitions once more. */
  private readonly announcements = new Set<Bell>();
  /** The consumer hears of one change at a time, in order. */
  private lastCall: Promise<unknown> = Promise.resolve();
  private leaving = false;
  private holding = false;

  constructor(options: MemberOptions) {
    this.options = options;
  }

  wake(partition: number): void {
    this.held.get(partition)?.feed.wake();
  }

  /** Announces the partitions to the consumer, then feeds them to it. */
  take(partitions: readonly number[]): void {
    const { consumer, maxRecords, limits, sourceOf, onFault } = this.options;
    const feeds = partitions.map((partition) => {
      return new PartitionFeed({ source: sourceOf(partition), consumer, maxRecords, backOff: limits.backOff, onFault });
    });
    const welcome = this.announce(feeds);
    for (const feed of feeds) {
      if (this.leaving) feed.revoke();
      if (this.holding) void feed.hold(0);
      this.held.set(feed.partition, { feed, ended: welcome.then(() => feed.run()) });
    }
  }

  /** Resolves when the partitions are let go of; their feeds are stale then, however long their batches go on. */
  async release(partitions: readonly number[], how: Leaving): Promise<void> {
    const { handoverMs } = this.options.limits;
    const held = this.heldOf(partitions);
    if (held.length === 0) return;
    const ended = Promise.all(held.map((one) => one.ended));
    for (const { feed } of held) feed.drain();
    this.ringAnnouncements();
    if (how === 'gently') await settledWithin(handoverMs, ended);
    for (const { feed } of held) feed.revoke();
    const revoked = this.reporting(
      this.call(() => this.options.consumer.revoked(held.map(({ feed }) => feed.partition))),
    );
    await settledWithin(handoverMs, Promise.all([ended, revoked]));
    for (const { feed } of held) this.held.delete(feed.partition);
  }

  get partitions(): number[] {
    return [...this.held.keys()];
  }

  /** From this moment on no batch begins, and none that runs may commit. `release` has to follow. */
  revoke(partitions: readonly number[]): void {
    for (const { feed } of this.heldOf(partitions)) feed.revoke();
    this.ringAnnouncements();
  }

  /** No batch begins any more, from this moment on. */
  leave(how: Leaving): void {
    this.leaving = true;
    for (const { feed } of this.held.values()) {
      if (how === 'gently') feed.drain();
      else feed.revoke();
    }
    this.ringAnnouncements();
  }

  /** Begins no batch until `resume`, and waits for running ones. Partitions whose batch would not end in time are revoked. */
  async hold(): Promise<void> {
    this.holding = true;
    const feeds = [...this.held.values()].map(({ feed }) => feed);
    await Promise.all(
      feeds.map(async (feed) => {
        if (!(await feed.hold(this.options.limits.handoverMs))) feed.revoke();
      }),
    );
  }

  resume(): void {
    this.holding = false;
    for (const { feed } of this.held.values()) feed.resume();
  }

  isRevoked(partition: number): boolean {
    return this.held.get(partition)?.feed.isEnding ?? false;
  }

  private heldOf(partitions: readonly number[]): Held[] {
    return partitions.flatMap((partition) => this.held.get(partition) ?? []);
  }

  private ringAnnouncements(): void {
    for (const bell of this.announcements) bell.ring();
  }

  /** Tells the consumer of its new partitions until it accepts, leaving out what was taken away again meanwhile. */
  private async announce(feeds: readonly PartitionFeed[]): Promise<void> {
    const backOff = new BackOff(this.options.limits.backOff);
    const bell = new Bell();
    this.announcements.add(bell);
    try {
      for (;;) {
        const partitions = feeds.filter(({ isEnding }) => !isEnding).map(({ partition }) => partition);
        if (partitions.length === 0 || this.leaving) return;
        if (await this.accepts(partitions)) return;
        await bell.wait(backOff.next());
      }
    } finally {
      this.announcements.delete(bell);
    }
  }

  private async accepts(partitions: readonly number[]): Promise<boolean> {
    try {
      await this.call(() => this.options.consumer.assigned(partitions));
      return true;
    } catch (error) {
      if (isRetriable(error)) return false;
      this.options.onFault(error);
      return true;
    }
  }

  private async call(tell: () => void | Promise<void>): Promise<void> {
    const call = this.lastCall.then(tell);
    this.lastCall = call.catch(() => undefined);
    await call;
  }

  private async reporting(call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      this.options.onFault(error);
    }
  }
}
