import {
  type Batch,
  type BatchConsumer,
  type ConsumeOptions,
  type Consumption,
  isRetriable,
  isTopicName,
  LogFault,
  type LogRecord,
  partitionOf,
  type Receipt,
  type ReceivedRecord,
  recordBytesMax,
  RegistrationLog,
} from '@berth/registration-log';
import { Channel, NoAnswer } from './network.js';
import { type SimulatedProcess } from './scheduler.js';
import { type Membership, type SimulatedBroker } from './simulated-broker.js';

const askDeadlineMs = 10_000;
const commitTriesMax = 3;
const maxRecordsDefault = 1000;

/** One process's access to the broker of the simulated world. */
export class SimulatedLog extends RegistrationLog {
  private readonly publishing = new Channel();
  private readonly consumptions = new Set<SimulatedMember>();
  private isClosed = false;
  private turn = 0;

  constructor(
    private readonly broker: SimulatedBroker,
    private readonly process: SimulatedProcess,
  ) {
    super();
  }

  async publish(name: string, records: readonly LogRecord[]): Promise<readonly Receipt[]> {
    const partitions = await this.partitionCount(name);
    if (records.length === 0) return [];
    for (const { key, value, headers } of records) {
      const size = value.length + Buffer.byteLength(key ?? '') + Buffer.byteLength(JSON.stringify(headers));
      if (size > recordBytesMax(name)) throw new LogFault('record-too-large', `a record of ${size} bytes`);
    }
    const placed = records.map((record) => {
      const partition = record.key === null ? (this.turn += 1) % partitions : partitionOf(record.key, partitions);
      return { partition, record };
    });
    const { broker, process, publishing } = this;
    const work = () => broker.publish(process, name, placed);
    return this.ask(`publish ${records.length} on ${name}`, work, publishing);
  }

  async consume(options: ConsumeOptions, consumer: BatchConsumer): Promise<Consumption> {
    const { topic, group, maxRecords = maxRecordsDefault } = options;
    if (group === '' || !Number.isInteger(maxRecords) || maxRecords < 1) {
      throw new LogFault('bad-argument', 'a consumer needs the name of its group, and to take records');
    }
    await this.partitionCount(topic);
    const { broker, process } = this;
    const member = new SimulatedMember(broker, process, { topic, group, maxRecords }, consumer, () =>
      this.consumptions.delete(member),
    );
    this.consumptions.add(member);
    await this.ask(`join ${group}`, () => member.join());
    return member;
  }

  async read(
    name: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly ReceivedRecord[]> {
    const partitions = await this.partitionCount(name);
    if (!(partition >= 0 && partition < partitions && fromOffset >= 0 && maxRecords >= 0)) {
      throw new LogFault('bad-argument', `can't read ${maxRecords} of ${name}/${partition} from ${fromOffset}`);
    }
    return this.ask(`read ${name}/${partition}`, () => this.broker.read(name, partition, fromOffset, maxRecords));
  }

  async partitionCount(name: string): Promise<number> {
    if (this.isClosed) throw new LogFault('closed', 'the registration log is closed');
    if (!isTopicName(name)) throw new LogFault('bad-argument', `${JSON.stringify(name)} is no topic name`);
    return this.broker.topic(name).partitions.length;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.consumptions].map((consumption) => consumption.stop()));
  }

  private async ask<T>(what: string, work: () => T, channel?: Channel): Promise<T> {
    const { broker, process } = this;
    const asking = { from: process, to: broker, what, deadlineMs: askDeadlineMs, work, ...(channel && { channel }) };
    try {
      return await broker.network.ask(asking);
    } catch (error) {
      throw error instanceof NoAnswer ? new LogFault('log-away', `no answer: ${what}`, { cause: error }) : error;
    }
  }
}

interface Subscription {
  topic: string;
  group: string;
  maxRecords: number;
}

/** A consumer of a group: hears of one change at a time, in order, and has one feed for each partition it holds. */
class SimulatedMember implements Consumption {
  readonly failed: Promise<never>;
  private readonly feeds = new Map<number, Feed>();
  private membership: Membership;
  private lastChange: Promise<unknown> = Promise.resolve();
  private lastCall: Promise<unknown> = Promise.resolve();
  private isLeaving = false;
  private ended: Promise<void> | null = null;
  private reject!: (error: unknown) => void;

  constructor(
    private readonly broker: SimulatedBroker,
    private readonly process: SimulatedProcess,
    private readonly subscription: Subscription,
    private readonly consumer: BatchConsumer,
    private readonly onEnd: () => void,
  ) {
    this.failed = new Promise((_resolve, reject) => (this.reject = reject));
    this.failed.catch(() => undefined);
    this.membership = this.newMembership();
  }

  join(): void {
    const { topic, group } = this.subscription;
    this.broker.join(topic, group, this.membership);
  }

  stop(): Promise<void> {
    return (this.ended ??= this.end('gently'));
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.ended = this.end('at once');
    this.reject(error);
  }

  private async end(how: 'gently' | 'at once'): Promise<void> {
    this.isLeaving = true;
    for (const feed of this.feeds.values()) {
      if (how === 'gently') feed.drain();
      else feed.revoke();
    }
    await this.changing(() => this.letGo([...this.feeds.keys()], how));
    const { topic, group } = this.subscription;
    const { membership } = this;
    // Tried but once: whom the broker doesn't hear leave it will miss.
    await this.ask(`leave ${group}`, () => this.broker.leave(topic, group, membership)).catch(ignoreNoAnswer);
    this.onEnd();
  }

  private newMembership(): Membership {
    const { process } = this;
    /** What was said to somebody who was expelled since is void. */
    const ifCurrent = (change: () => void | Promise<void>) =>
      void this.changing(async () => (this.membership === membership ? change() : undefined));
    const membership: Membership = {
      process,
      channel: new Channel(),
      isExpelled: false,
      take: (partitions) => ifCurrent(() => this.take(partitions)),
      release: (partitions) => ifCurrent(() => this.release(membership, partitions)),
      expelled: () => this.expelled(membership),
    };
    return membership;
  }

  private changing(change: () => Promise<void>): Promise<void> {
    const changed = this.lastChange.then(change);
    this.lastChange = changed.catch(() => undefined);
    return changed;
  }

  private take(partitions: readonly number[]): void {
    const { broker, process, subscription, consumer } = this;
    const { membership } = this;
    const feeds = partitions.map(
      (partition) => new Feed(broker, process, { ...subscription, partition }, membership, consumer),
    );
    const welcome = this.announce(feeds);
    for (const feed of feeds) {
      if (this.isLeaving) feed.revoke();
      this.feeds.set(feed.partition, feed);
      feed.ended = welcome.then(() => feed.run()).catch((error: unknown) => this.fail(error));
    }
  }

  private async release(membership: Membership, partitions: readonly number[]): Promise<void> {
    await this.letGo(partitions, 'gently');
    const { topic, group } = this.subscription;
    const what = `released ${topic}/${partitions.join()}`;
    const work = () => this.broker.released(topic, group, membership, partitions);
    while (!membership.isExpelled && !this.isLeaving) {
      try {
        return await this.ask(what, work);
      } catch (error) {
        ignoreNoAnswer(error);
        await this.broker.scheduler.sleep(
          this.broker.habits.backOff.firstMs,
          this.process,
          'says again what it released',
        );
      }
    }
  }

  /** Others have had its partitions meanwhile: everything begins anew, under another name. */
  private expelled(membership: Membership): void {
    if (this.membership !== membership) return;
    this.membership = this.newMembership();
    const held = [...this.feeds.keys()];
    for (const feed of this.feeds.values()) feed.revoke();
    void this.changing(() => this.letGo(held, 'at once'));
    void this.joinAgain();
  }

  private async joinAgain(): Promise<void> {
    while (!this.isLeaving) {
      try {
        return await this.ask(`join ${this.subscription.group} again`, () => this.join());
      } catch (error) {
        ignoreNoAnswer(error);
        await this.broker.scheduler.sleep(this.broker.habits.backOff.firstMs, this.process, 'joins again');
      }
    }
  }

  private async letGo(partitions: readonly number[], how: 'gently' | 'at once'): Promise<void> {
    const { handoverMs } = this.broker.habits;
    const feeds = partitions.flatMap((partition) => this.feeds.get(partition) ?? []);
    if (feeds.length === 0) return;
    const ended = Promise.all(feeds.map((feed) => feed.ended));
    for (const feed of feeds) feed.drain();
    if (how === 'gently') await this.settledWithin(handoverMs, ended);
    for (const feed of feeds) feed.revoke();
    const revoked = this.call(() => this.consumer.revoked(feeds.map(({ partition }) => partition)));
    revoked.catch((error: unknown) => this.fail(error));
    await this.settledWithin(handoverMs, Promise.all([ended, revoked]));
    for (const feed of feeds) if (this.feeds.get(feed.partition) === feed) this.feeds.delete(feed.partition);
  }

  /** Tells the consumer of its new partitions until it accepts, leaving out what was taken away again meanwhile. */
  private async announce(feeds: readonly Feed[]): Promise<void> {
    const { scheduler, random, habits } = this.broker;
    for (;;) {
      const partitions = feeds.filter(({ isEnding }) => !isEnding).map(({ partition }) => partition);
      if (partitions.length === 0 || this.isLeaving) return;
      try {
        return await this.call(() => this.consumer.assigned(partitions));
      } catch (error) {
        if (!isRetriable(error)) return this.fail(error);
      }
      const { firstMs, mostMs } = habits.backOff;
      await scheduler.sleep(random.between(firstMs, mostMs), this.process, `announces ${partitions.join()} again`);
    }
  }

  private call(tell: () => void | Promise<void>): Promise<void> {
    const call = this.lastCall.then(tell);
    this.lastCall = call.catch(() => undefined);
    return call;
  }

  private settledWithin(limitMs: number, work: Promise<unknown>): Promise<void> {
    const { scheduler } = this.broker;
    return new Promise((resolve) => {
      const timeOut = scheduler.after(limitMs, this.process, `has waited ${limitMs} ms for its batches`, resolve);
      const done = () => {
        scheduler.cancel(timeOut);
        resolve();
      };
      work.then(done, done);
    });
  }

  private ask<T>(what: string, work: () => T): Promise<T> {
    const { broker, process } = this;
    return broker.network.ask({ from: process, to: broker, what, deadlineMs: askDeadlineMs, work });
  }
}

/** Delivers one partition to one consumer, from the group's committed offset on, until it is drained or revoked. */
class Feed {
  readonly partition: number;
  ended: Promise<void> = Promise.resolve();
  isEnding = false;
  private isStale = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly broker: SimulatedBroker,
    private readonly process: SimulatedProcess,
    private readonly of: Subscription & { partition: number },
    private readonly membership: Membership,
    private readonly consumer: BatchConsumer,
  ) {
    this.partition = of.partition;
  }

  /** No further batch; the running one may finish and commit. */
  drain(): void {
    this.isEnding = true;
    this.wake();
  }

  /** No further batch, and the running one may not commit any more. */
  revoke(): void {
    this.isStale = true;
    this.drain();
  }

  /** @throws what the consumer threw, unless that is worth another try. */
  async run(): Promise<void> {
    const { broker, partition } = this;
    const { topic, group, maxRecords } = this.of;
    let position = await this.retrying('where the group is', () => broker.committed(topic, group, partition));
    while (!this.isEnding && position !== undefined) {
      const from: number = position;
      const count = broker.random.chance(broker.habits.shortBatch) ? broker.random.whole(1, 10) : maxRecords;
      const records = await this.retrying(`fetch from ${from}`, () =>
        broker.read(topic, partition, from, Math.min(count, maxRecords)),
      );
      if (this.isEnding || !records) return;
      if (records.length === 0) await this.news(from);
      else if (await this.deliver(records)) position = (records.at(-1) as ReceivedRecord).offset + 1;
      else position = await this.retrying('where the group is', () => broker.committed(topic, group, partition));
    }
  }

  /** True when the consumer took the batch; false, after a wait, when it wants it again. */
  private async deliver(records: readonly ReceivedRecord[]): Promise<boolean> {
    const { partition } = this;
    this.broker.scheduler.onStep?.(
      `${this.process.name}: is given ${this.of.topic}/${partition} from ${records[0]?.offset} to ${records.at(-1)?.offset}`,
    );
    try {
      await this.consumer.batch(this.batchOf(records));
      return true;
    } catch (error) {
      if (this.isStale) return false;
      if (!isRetriable(error)) throw error;
      this.broker.scheduler.onStep?.(`${this.process.name}: gave ${partition} back: ${String(error)}`);
      await this.pause();
      return false;
    }
  }

  private batchOf(records: readonly ReceivedRecord[]): Batch {
    const { broker, membership, partition } = this;
    const { topic, group } = this.of;
    const next = (records.at(-1) as ReceivedRecord).offset + 1;
    const assertOurs = () => {
      if (this.isStale) throw new LogFault('stale-batch', `${topic}/${partition} was taken away`);
    };
    return {
      topic,
      partition,
      records,
      commit: async () => {
        const work = () => broker.commit(topic, group, membership, partition, next);
        for (let attempt = 1; ; attempt += 1) {
          assertOurs();
          try {
            return await this.ask(`commit ${topic}/${partition} up to ${next}`, work);
          } catch (error) {
            ignoreNoAnswer(error);
            if (attempt >= commitTriesMax) throw new LogFault('log-away', 'the commit got no answer', { cause: error });
          }
        }
      },
      heartbeat: async () => {
        assertOurs();
        // Some adapters only know what they were told; some ask.
        if (broker.random.chance(0.5)) return;
        await this.ask('heartbeat', () => broker.assertOwner(topic, group, membership, partition)).catch(
          ignoreNoAnswer,
        );
        assertOurs();
      },
      isStale: () => this.isStale,
    };
  }

  private async retrying<T>(what: string, work: () => T): Promise<T | undefined> {
    while (!this.isEnding) {
      try {
        return await this.ask(`${what} in ${this.of.topic}/${this.partition}`, work);
      } catch (error) {
        ignoreNoAnswer(error);
        await this.pause();
      }
    }
    return undefined;
  }

  /** Until there is something at or behind `from`, or the feed ends. */
  private async news(from: number): Promise<void> {
    const { broker, process, partition } = this;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      broker.onNews(this.of.topic, partition, from, () => {
        broker.scheduler.after(broker.network.latency(), process, `hears of news in ${partition}`, resolve);
      });
    });
  }

  private async pause(): Promise<void> {
    const { scheduler, random, habits } = this.broker;
    await scheduler.sleep(random.between(habits.backOff.firstMs, habits.backOff.mostMs), this.process, 'tries again');
  }

  private ask<T>(what: string, work: () => T): Promise<T> {
    const { broker, process } = this;
    return broker.network.ask({ from: process, to: broker, what, deadlineMs: askDeadlineMs, work });
  }
}

function ignoreNoAnswer(error: unknown): void {
  if (!(error instanceof NoAnswer)) throw error;
}
