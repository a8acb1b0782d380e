import { assertGroup, assertPartition, assertRange } from '../arguments.js';
import { type BackOffLimits, defaultBackOff } from '../consuming/back-off.js';
import { GroupMember, type Leaving } from '../consuming/group-member.js';
import { LogFault } from '../log-fault.js';
import { Partitioner } from '../partitioner.js';
import {
  type BatchConsumer,
  type Consumption,
  type ConsumeOptions,
  type LogRecord,
  type LogWarning,
  type Receipt,
  type ReceivedRecord,
  RegistrationLog,
} from '../registration-log.js';
import { isTopicName, recordBytesMax, topics } from '../topics.js';
import { ConsumerGroup } from './consumer-group.js';
import { packRecords, unpackSegment } from './segment.js';
import { defaultRetention, Retention, type RetentionLimits } from './retention.js';
import { StoreClient } from './store-client.js';
import { WriteQueue } from './write-queue.js';

export interface EmbeddedLogOptions {
  /** Made when it is not there. One log at a time has it open. */
  dataFolder: string;
  /** Partitions of newly made topics, 1 to 1024. */
  partitions: number;
  /** Default: `process.emitWarning`. */
  onWarning?: (warning: LogWarning) => void;
  /** Most bytes that wait to be written before `publish` throws `queue-full`; default 64 MiB. */
  queueBytesMax?: number;
  /** How long a running batch may go on, and `revoked` may take, when its partition is to be given away; default 10 s. */
  handoverMs?: number;
  /** Waits between redeliveries; default 100 ms doubling to 10 s. */
  backOff?: BackOffLimits;
  /**
   * What goes when: default a week, looked for every hour. A record that a group which ever consumed its topic hasn't
   * committed stays, however old it is.
   */
  retention?: RetentionLimits;
}

const readBytesMax = 4 * 1024 * 1024;
const maxRecordsDefault = 1000;

/**
 * The topics in one folder on this machine's disk, for development and single-node operation. What `publish` has answered
 * survives the loss of the process and, as far as the disk honours a sync, of the machine.
 * @throws LogFault `folder-in-use`, `unknown-format`, `bad-argument`, or `log-away` when the disk refuses.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<RegistrationLog> {
  if (!Number.isInteger(options.partitions) || options.partitions < 1 || options.partitions > 1024) {
    throw new LogFault('bad-argument', `partitions must be 1 to 1024, not ${options.partitions}`);
  }
  const log = new EmbeddedLog(options);
  await log.open();
  return log;
}

interface ActiveConsumption extends Consumption {
  fail(error: unknown): void;
}

class EmbeddedLog extends RegistrationLog {
  private readonly options: EmbeddedLogOptions;
  private readonly store: StoreClient;
  private readonly queue: WriteQueue;
  private readonly retention: Retention;
  private readonly topicPartitions = new Map<string, number>();
  private readonly partitioners = new Map<string, Partitioner>();
  private readonly groups = new Map<string, Map<string, ConsumerGroup>>();
  private readonly consumptions = new Set<ActiveConsumption>();
  private closing: Promise<void> | undefined;

  constructor(options: EmbeddedLogOptions) {
    super();
    this.options = options;
    this.store = new StoreClient((fault) => {
      for (const consumption of this.consumptions) consumption.fail(fault);
    });
    this.queue = new WriteQueue(this.store, options.queueBytesMax ?? 64 * 1024 * 1024, (topic, partition) => {
      for (const group of this.groups.get(topic)?.values() ?? []) group.wake(partition);
    });
    this.retention = new Retention(this.store, options.retention ?? defaultRetention, ({ message }) => {
      this.warn({ code: 'not-tidied', message: `old records could not be deleted: ${message}` });
    });
  }

  async open(): Promise<void> {
    const { dataFolder, partitions } = this.options;
    try {
      const found = await this.store.ask('open', { dataFolder });
      for (const [topic, count] of Object.entries(found.topics)) this.reportDifference(topic, count, partitions);
      for (const [topic, count] of Object.entries(found.topics)) this.topicPartitions.set(topic, count);
      for (const topic of Object.values(topics)) await this.partitionCount(topic);
      this.retention.start();
    } catch (error) {
      await this.store.end();
      throw error;
    }
  }

  async publish(topic: string, records: readonly LogRecord[]): Promise<readonly Receipt[]> {
    const count = await this.partitionCount(topic);
    if (records.length === 0) return [];
    const packed = packRecords(records);
    const bytesMax = recordBytesMax(topic);
    let bytes = 0;
    for (const { size } of packed) {
      if (size > bytesMax) {
        throw new LogFault('record-too-large', `a record of ${size} bytes; ${topic} takes up to ${bytesMax}`);
      }
      bytes += size;
    }
    let partitioner = this.partitioners.get(topic);
    if (!partitioner) this.partitioners.set(topic, (partitioner = new Partitioner()));
    const placer = partitioner;
    const partitions = packed.map(({ key }) => placer.place(key, count));
    return this.queue.publish({ topic, partitions, records: packed, bytes });
  }

  async consume(
    { topic, group: groupName, maxRecords = maxRecordsDefault }: ConsumeOptions,
    consumer: BatchConsumer,
  ): Promise<Consumption> {
    assertGroup(groupName, maxRecords);
    const partitions = await this.partitionCount(topic);
    // From now on the topic keeps what this group has not committed.
    const begins = Array.from({ length: partitions }, (_, partition) => {
      return this.queue.commit({ group: groupName, topic, partition, next: 0 });
    });
    await Promise.all(begins);
    const group = this.groupOf(topic, groupName, partitions);
    let fail: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    // Whoever does not watch `failed` is told through onWarning; the process need not die of it.
    failed.catch(() => undefined);
    let ended: Promise<void> | undefined;
    const leave = (how: Leaving) => {
      this.consumptions.delete(consumption);
      return (ended ??= group.leave(member, how));
    };
    const onFault = (error: unknown) => {
      if (ended) return;
      void leave('at once');
      this.warn({
        code: 'consumption-ended',
        topic,
        message: `${groupName} no longer consumes ${topic}: ${String(error)}`,
      });
      fail(error);
    };
    const limits = { handoverMs: this.options.handoverMs ?? 10_000, backOff: this.options.backOff ?? defaultBackOff };
    const sourceOf = (partition: number) => this.sourceOf(topic, groupName, partition);
    const member = new GroupMember({ consumer, maxRecords, limits, sourceOf, onFault });
    const consumption: ActiveConsumption = { stop: () => leave('gently'), failed, fail: onFault };
    this.consumptions.add(consumption);
    group.join(member);
    return consumption;
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly ReceivedRecord[]> {
    assertPartition(partition, await this.partitionCount(topic));
    assertRange(fromOffset, maxRecords);
    if (maxRecords === 0) return [];
    return (await this.readAhead(topic, partition, fromOffset, maxRecords)).slice(0, maxRecords);
  }

  async partitionCount(topic: string): Promise<number> {
    if (this.closing) throw new LogFault('closed', 'the registration log is closed');
    const known = this.topicPartitions.get(topic);
    if (known !== undefined) return known;
    if (!isTopicName(topic)) throw new LogFault('bad-argument', `${JSON.stringify(topic)} is no topic name`);
    const partitions = await this.store.ask('topic', { topic, partitions: this.options.partitions });
    this.topicPartitions.set(topic, partitions);
    return partitions;
  }

  close(): Promise<void> {
    return (this.closing ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    await Promise.all([...this.consumptions].map((consumption) => consumption.stop()));
    await this.queue.drain();
    await this.retention.stop();
    try {
      await this.store.ask('close', null);
    } finally {
      await this.store.end();
    }
  }

  private groupOf(topic: string, name: string, partitions: number): ConsumerGroup {
    let ofTopic = this.groups.get(topic);
    if (!ofTopic) this.groups.set(topic, (ofTopic = new Map<string, ConsumerGroup>()));
    let group = ofTopic.get(name);
    if (!group) ofTopic.set(name, (group = new ConsumerGroup(partitions)));
    return group;
  }

  private sourceOf(topic: string, group: string, partition: number) {
    return {
      topic,
      partition,
      committed: () => this.store.ask('committed', { group, topic, partition }),
      read: (from: number, maxRecords: number) => this.readAhead(topic, partition, from, maxRecords),
      commit: (next: number) => this.queue.commit({ group, topic, partition, next }),
    };
  }

  /** At least one record if there is one, at most about `readBytesMax`, and possibly more records than asked for. */
  private async readAhead(
    topic: string,
    partition: number,
    from: number,
    maxRecords: number,
  ): Promise<ReceivedRecord[]> {
    const found = await this.store.ask('read', { topic, partition, from, maxRecords, maxBytes: readBytesMax });
    return found.flatMap((segment) => unpackSegment(segment, from));
  }

  private reportDifference(topic: string, found: number, wanted: number): void {
    if (found === wanted) return;
    const message = `${topic} has ${found} partitions and keeps them; ${wanted} were asked for`;
    this.warn({ code: 'partitions-differ', topic, message });
  }

  private warn(warning: LogWarning): void {
    if (this.options.onWarning) this.options.onWarning(warning);
    else process.emitWarning(warning.message, { code: warning.code });
  }
}
