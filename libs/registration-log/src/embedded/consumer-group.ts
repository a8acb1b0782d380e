import { BackOff, type BackOffLimits } from '../back-off.js';
import { Bell, settledWithin } from '../bell.js';
import { isRetriable } from '../log-fault.js';
import type { BatchConsumer } from '../registration-log.js';
import { type FeedSource, PartitionFeed } from './partition-feed.js';
import { shareOut } from './share-out.js';

export interface GroupLimits {
  /** Longest wait for a consumer to let go of partitions before they are given away regardless. */
  handoverMs: number;
  backOff: BackOffLimits;
}

interface MemberOptions {
  consumer: BatchConsumer;
  maxRecords: number;
  limits: GroupLimits;
  sourceOf: (partition: number) => FeedSource;
  onFault: (error: unknown) => void;
}

/** One consumer in a group, with the partitions it has at the moment. */
export class GroupMember {
  private readonly options: MemberOptions;
  private readonly feeds = new Map<number, { feed: PartitionFeed; ended: Promise<void> }>();
  /** Wakes those who wait to announce partitions once more. */
  private readonly announcements = new Set<Bell>();
  /** The consumer hears of one change at a time, in order. */
  private lastCall: Promise<unknown> = Promise.resolve();
  leaving: 'no' | 'gently' | 'at once' = 'no';

  constructor(options: MemberOptions) {
    this.options = options;
  }

  wake(partition: number): void {
    this.feeds.get(partition)?.feed.wake();
  }

  take(partitions: readonly number[]): void {
    const { consumer, maxRecords, limits, sourceOf, onFault } = this.options;
    const feeds = partitions.map((partition) => {
      return new PartitionFeed({ source: sourceOf(partition), consumer, maxRecords, backOff: limits.backOff, onFault });
    });
    const welcome = this.announce(feeds);
    for (const feed of feeds) this.feeds.set(feed.partition, { feed, ended: welcome.then(() => feed.run()) });
  }

  async release(partitions: readonly number[]): Promise<void> {
    const held = partitions.flatMap((partition) => this.feeds.get(partition) ?? []);
    const ended = Promise.all(held.map((one) => one.ended));
    const revoke = () => {
      for (const { feed } of held) feed.revoke();
      this.ring();
      return this.call(() => this.options.consumer.revoked(partitions));
    };
    if (this.leaving === 'gently') {
      for (const { feed } of held) feed.drain();
      await settledWithin(this.options.limits.handoverMs, ended);
    }
    await settledWithin(this.options.limits.handoverMs, Promise.all([ended, this.reporting(revoke())]));
    for (const partition of partitions) this.feeds.delete(partition);
  }

  /** No batch begins any more, from this moment on, and with 'at once' none may commit. */
  leave(how: 'gently' | 'at once'): void {
    this.leaving = how;
    for (const { feed } of this.feeds.values()) {
      if (how === 'gently') feed.drain();
      else feed.revoke();
    }
    this.ring();
  }

  private ring(): void {
    for (const bell of this.announcements) bell.ring();
  }

  /** Tells the consumer of its new partitions until it accepts, leaving out what was taken away again meanwhile. */
  private async announce(feeds: readonly PartitionFeed[]): Promise<void> {
    const backOff = new BackOff(this.options.limits.backOff);
    const bell = new Bell();
    this.announcements.add(bell);
    try {
      for (;;) {
        const partitions = feeds.filter(({ isStale }) => !isStale).map(({ partition }) => partition);
        if (partitions.length === 0 || this.leaving !== 'no') return;
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

/** Shares the partitions of a topic among the consumers of one group in this process. */
export class ConsumerGroup {
  private readonly owners: (GroupMember | undefined)[];
  private members: GroupMember[] = [];
  /** Changes of the group happen one after another. */
  private lastChange: Promise<void> = Promise.resolve();

  constructor(partitions: number) {
    this.owners = new Array<GroupMember | undefined>(partitions).fill(undefined);
  }

  wake(partition: number): void {
    this.owners[partition]?.wake(partition);
  }

  join(member: GroupMember): void {
    this.members.push(member);
    void this.change();
  }

  /** Resolves when the member's partitions have been released. */
  async leave(member: GroupMember, how: 'gently' | 'at once'): Promise<void> {
    member.leave(how);
    this.members = this.members.filter((other) => other !== member);
    await this.change();
  }

  private change(): Promise<void> {
    this.lastChange = this.lastChange.then(() => this.rebalance());
    return this.lastChange;
  }

  private async rebalance(): Promise<void> {
    const target = shareOut(this.owners, this.members);
    const moving = target.flatMap((owner, partition) => (owner === this.owners[partition] ? [] : [partition]));
    const releases = groupByMember(moving, this.owners);
    await Promise.all([...releases].map(([member, partitions]) => member.release(partitions)));
    for (const partition of moving) this.owners[partition] = target[partition];
    for (const [member, partitions] of groupByMember(moving, target)) member.take(partitions);
  }
}

function groupByMember(
  partitions: readonly number[],
  owners: readonly (GroupMember | undefined)[],
): Map<GroupMember, number[]> {
  const byMember = new Map<GroupMember, number[]>();
  for (const partition of partitions) {
    const owner = owners[partition];
    if (!owner) continue;
    const own = byMember.get(owner);
    if (own) own.push(partition);
    else byMember.set(owner, [partition]);
  }
  return byMember;
}
