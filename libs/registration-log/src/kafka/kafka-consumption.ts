import type { Assigner, Cluster, Consumer, EachBatchPayload, Kafka, Offsets } from 'kafkajs';
import type { BackOffLimits } from '../consuming/back-off.js';
import { settledWithin } from '../consuming/bell.js';
import { GroupMember, type Leaving } from '../consuming/group-member.js';
import { LogFault } from '../log-fault.js';
import type { BatchConsumer, Consumption, LogWarning } from '../registration-log.js';
import { CommitQueue } from './commit-queue.js';
import { type FetchControl, Inbox } from './inbox.js';
import { driverRetry } from './kafka-client.js';
import { faultOf } from './kafka-fault.js';
import { offsetOf, receivedRecord } from './received-record.js';
import { stickyAssigner } from './sticky-assigner.js';

export interface KafkaGroupLimits {
  /** The broker gives our partitions away when it hasn't heard of us for so long. */
  sessionMs: number;
  /** How long a running batch may go on before we join a changed group; must be well below `sessionMs`. */
  handoverMs: number;
  backOff: BackOffLimits;
}

export interface KafkaConsumptionOptions {
  client: Kafka;
  topic: string;
  group: string;
  maxRecords: number;
  consumer: BatchConsumer;
  limits: KafkaGroupLimits;
  warn: (warning: LogWarning) => void;
  onEnd: (consumption: KafkaConsumption) => void;
}

/** Longest wait for a fetch that finds nothing; a partition taken up again waits as long at worst. */
const fetchWaitMs = 250;
const leaveMs = 10_000;

/**
 * One member of a Kafka consumer group. kafkajs fetches, beats and joins; which batch runs when is ours, by the same feeds
 * as in the embedded log. Before a join no batch begins and running ones are waited for, then what is kept goes on where it was,
 * without the consumer noticing; that is safe as long as no generation was missed (`steady` below).
 */
export class KafkaConsumption implements Consumption {
  readonly failed: Promise<never>;
  private readonly options: KafkaConsumptionOptions;
  private readonly driver: Consumer;
  private readonly member: GroupMember;
  private readonly commits: CommitQueue;
  private readonly inboxes = new Map<number, Inbox>();
  private readonly reject: (error: unknown) => void;
  private commitOffsets: ((offsets: Offsets) => Promise<void>) | undefined;
  private lastChange: Promise<void> = Promise.resolve();
  private memberId = '';
  private joinAttempts = 0;
  private ended: Promise<void> | undefined;
  private fault: unknown;

  constructor(options: KafkaConsumptionOptions) {
    this.options = options;
    let reject: (error: unknown) => void = () => undefined;
    this.failed = new Promise<never>((_, rejectFailed) => (reject = rejectFailed));
    // Whoever does not watch `failed` is told through onWarning; the process need not die of it.
    this.failed.catch(() => undefined);
    this.reject = reject;
    const { client, topic, group, maxRecords, consumer, limits } = options;
    this.commits = new CommitQueue(topic, (offsets) => this.commitByDriver(offsets));
    this.member = new GroupMember({
      consumer,
      maxRecords,
      limits,
      sourceOf: (partition) => this.inboxes.get(partition) ?? this.inboxFor(partition),
      onFault: (error) => this.fail(error),
    });
    this.driver = client.consumer({
      groupId: group,
      sessionTimeout: limits.sessionMs,
      heartbeatInterval: Math.max(100, Math.floor(limits.sessionMs / 10)),
      rebalanceTimeout: Math.max(60_000, limits.sessionMs * 2),
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      partitionAssigners: [({ cluster }) => this.assigner(cluster)],
      retry: { ...driverRetry, restartOnFailure: async () => this.ended === undefined },
    });
  }

  async start(): Promise<void> {
    const { topic, group } = this.options;
    const { GROUP_JOIN, CRASH } = this.driver.events;
    this.driver.on(GROUP_JOIN, ({ payload }) => this.joined(payload.memberId, payload.memberAssignment[topic] ?? []));
    this.driver.on(CRASH, ({ payload }) => this.crashed(payload.error, payload.restart));
    try {
      await this.driver.connect();
      await this.driver.subscribe({ topics: [topic], fromBeginning: true });
      await this.driver.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // A batch is only put into its inbox here, so there is nothing to do side by side.
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => this.fetched(payload),
      });
    } catch (error) {
      this.ended ??= this.driver.disconnect();
      throw faultOf(error, `joining ${group}`);
    }
    if (this.fault !== undefined) throw faultOf(this.fault, `joining ${group}`);
  }

  stop(): Promise<void> {
    return (this.ended ??= this.end('gently'));
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.fault = error;
    this.ended = this.end('at once');
    const { group, topic, warn } = this.options;
    warn({ code: 'consumption-ended', topic, message: `${group} no longer consumes ${topic}: ${String(error)}` });
    this.reject(error);
  }

  private async end(how: Leaving): Promise<void> {
    this.member.leave(how);
    await this.lastChange;
    await this.member.release(this.member.partitions, how);
    // Leaving may have to wait for a rebalance that is under way; the broker will miss us if we don't.
    await settledWithin(leaveMs, this.driver.disconnect());
    this.options.onEnd(this);
  }

  /** kafkajs hands its cluster to assigners only, and the first thing a join does is to look for the coordinator there. */
  private assigner(cluster: Cluster): Assigner {
    const findGroupCoordinator = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (group) => {
      await this.beforeJoin();
      return findGroupCoordinator(group);
    };
    return stickyAssigner(cluster, () => (this.joinAttempts === 1 ? this.keepable() : []));
  }

  private async beforeJoin(): Promise<void> {
    this.joinAttempts += 1;
    if (this.joinAttempts === 1) await this.member.hold();
  }

  private keepable(): number[] {
    return [...this.inboxes.keys()].filter((partition) => !this.member.isRevoked(partition));
  }

  private joined(memberId: string, partitions: readonly number[]): void {
    // One attempt under the same name: we took part in every generation since the last, so nobody had our partitions in between.
    const steady = this.joinAttempts === 1 && memberId === this.memberId;
    this.joinAttempts = 0;
    this.memberId = memberId;
    const keepable = new Set(steady ? this.keepable() : []);
    const kept = partitions.filter((partition) => keepable.has(partition));
    const lost = [...this.inboxes.keys()].filter((partition) => !kept.includes(partition));
    this.member.revoke(lost);
    for (const partition of lost) this.inboxes.delete(partition);
    for (const partition of kept) this.inboxes.get(partition)!.reposition();
    const gained = partitions.filter((partition) => !keepable.has(partition));
    const inboxes = gained.map((partition) => this.inboxFor(partition));
    for (const inbox of inboxes) this.inboxes.set(inbox.partition, inbox);
    this.control.resumeAll([...lost, ...gained]);
    this.member.resume();
    this.lastChange = this.lastChange.then(async () => {
      await this.member.release(lost, 'at once');
      // Meanwhile another join may have taken some away again.
      const still = inboxes.filter((inbox) => this.inboxes.get(inbox.partition) === inbox);
      if (still.length > 0) this.member.take(still.map(({ partition }) => partition));
    });
  }

  private crashed(error: Error, restarts: boolean): void {
    const { group, topic, warn } = this.options;
    if (!restarts) this.fail(faultOf(error, `consuming ${topic}`));
    else warn({ code: 'reconnecting', topic, message: `${group} joins again after: ${error.message}` });
  }

  private fetched({ batch, resolveOffset, commitOffsetsIfNecessary, isStale }: EachBatchPayload): void {
    this.commitOffsets = commitOffsetsIfNecessary;
    const inbox = this.inboxes.get(batch.partition);
    const [first] = batch.messages;
    // Stale: fetched before a seek took effect.
    if (!inbox || !first || isStale()) return;
    const fetchedOffset = 'fetchedOffset' in batch ? String(batch.fetchedOffset) : first.offset;
    const last = batch.lastOffset();
    if (!inbox.accept(offsetOf(fetchedOffset), batch.messages.map(receivedRecord), offsetOf(last) + 1)) return;
    resolveOffset(last);
    this.member.wake(batch.partition);
  }

  /**
   * Not `consumer.commitOffsets`, which resolves without having committed anything while kafkajs stops or restarts; what came with the
   * last batch goes to the group as it is now.
   */
  private async commitByDriver(offsets: Offsets): Promise<void> {
    if (!this.commitOffsets) throw new LogFault('log-away', 'nothing was fetched yet that could be committed');
    await this.commitOffsets(offsets);
  }

  private inboxFor(partition: number): Inbox {
    const { topic, maxRecords } = this.options;
    return new Inbox({ topic, partition, maxRecords, control: this.control });
  }

  private readonly control: FetchControl & { resumeAll(partitions: readonly number[]): void } = {
    seek: (partition, offset) => {
      const { topic } = this.options;
      this.steering(() => this.driver.seek({ topic, partition, offset: String(offset) }));
    },
    pause: (partition) => {
      this.steering(() => this.driver.pause([{ topic: this.options.topic, partitions: [partition] }]));
    },
    resume: (partition) => this.control.resumeAll([partition]),
    resumeAll: (partitions) => {
      this.steering(() => this.driver.resume([{ topic: this.options.topic, partitions: [...partitions] }]));
    },
    commit: (partition, next, isStale) => this.commits.commit(partition, next, isStale),
  };

  /** kafkajs can't be steered while it restarts. */
  private steering(steer: () => void): void {
    try {
      steer();
    } catch (error) {
      throw new LogFault('log-away', 'the consumer is about to join its group again', { cause: error });
    }
  }
}
