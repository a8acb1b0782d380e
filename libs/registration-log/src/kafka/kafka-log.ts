import { assertGroup, assertPartition, assertRange } from '../arguments.js';
import type { Admin, PartitionMetadata } from 'kafkajs';
import { type BackOffLimits, defaultBackOff } from '../consuming/back-off.js';
import { LogFault } from '../log-fault.js';
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
import { isTopicName, topics } from '../topics.js';
import { type Compression, compressionTypes } from './compression/codecs.js';
import { kafkaClient, type KafkaConnectionOptions } from './kafka-client.js';
import { KafkaConsumption, type KafkaGroupLimits } from './kafka-consumption.js';
import { connectingFaultOf, faultOf } from './kafka-fault.js';
import { PartitionReader } from './partition-reader.js';
import { RenewedProducer } from './renewed-producer.js';
import { type TopicLeaders, TopicPublisher } from './topic-publisher.js';

export interface KafkaLogOptions extends KafkaConnectionOptions {
  /** Partitions of newly made topics. */
  partitions: number;
  /** Replicas of newly made topics; default 3, or as many as there are brokers. */
  replicationFactor?: number;
  /** Default: `process.emitWarning`. */
  onWarning?: (warning: LogWarning) => void;
  /** Most bytes of a topic that wait to be published before `publish` throws `queue-full`; default 64 MiB. */
  queueBytesMax?: number;
  /** The broker gives away the partitions of a consumer it hasn't heard of for so long; default 30 s. */
  sessionMs?: number;
  /** How long a running batch may go on when the group changes; default 10 s, at most a third of the session. */
  handoverMs?: number;
  /** Of what is published; default none. */
  compression?: Compression;
  /** Waits between redeliveries; default 100 ms doubling to 10 s. */
  backOff?: BackOffLimits;
}

const maxRecordsDefault = 1000;
const topicReadyMs = 15_000;

/**
 * The topics on a Kafka cluster (measured against 4.x), by kafkajs. Topics that are missing are made; one that has another
 * number of partitions is reported through `onWarning` and used as it is.
 * @throws LogFault `log-away` when no broker answers within seconds, `refused` on credentials and on certificates.
 */
export async function connectKafkaLog(options: KafkaLogOptions): Promise<RegistrationLog> {
  const log = new KafkaLog(options);
  await log.connect();
  return log;
}

class KafkaLog extends RegistrationLog {
  private readonly options: KafkaLogOptions;
  private readonly limits: KafkaGroupLimits;
  private readonly admin: Admin;
  private readonly producer: RenewedProducer;
  private readonly reader: PartitionReader;
  private readonly partitionCounts = new Map<string, Promise<number>>();
  private readonly publishers = new Map<string, TopicPublisher>();
  private readonly consumptions = new Set<KafkaConsumption>();
  private closing: Promise<void> | undefined;

  constructor(options: KafkaLogOptions) {
    super();
    this.options = options;
    const { sessionMs = 30_000, handoverMs = 10_000, backOff = defaultBackOff } = options;
    // While we wait for a batch nobody tells the broker that we live.
    this.limits = { sessionMs, handoverMs: Math.min(handoverMs, sessionMs / 3), backOff };
    const client = kafkaClient(options);
    this.admin = client.admin();
    this.producer = new RenewedProducer(client);
    this.reader = new PartitionReader(client);
  }

  async connect(): Promise<void> {
    try {
      // One after the other: if the first is refused, no second one goes on trying for seconds.
      await this.admin.connect();
      await this.producer.connect();
      for (const topic of Object.values(topics)) await this.partitionCount(topic);
    } catch (error) {
      await Promise.allSettled([this.admin.disconnect(), this.producer.disconnect()]);
      throw connectingFaultOf(error, this.options.brokers);
    }
  }

  async publish(topic: string, records: readonly LogRecord[]): Promise<readonly Receipt[]> {
    const publisher = this.publishers.get(topic) ?? (await this.publisherOf(topic));
    this.assertOpen();
    return records.length === 0 ? [] : publisher.publish(records);
  }

  async consume(
    { topic, group, maxRecords = maxRecordsDefault }: ConsumeOptions,
    consumer: BatchConsumer,
  ): Promise<Consumption> {
    assertGroup(group, maxRecords);
    await this.partitionCount(topic);
    const consumption = new KafkaConsumption({
      client: kafkaClient(this.options),
      topic,
      group,
      maxRecords,
      consumer,
      limits: this.limits,
      warn: (warning) => this.warn(warning),
      onEnd: (ended) => this.consumptions.delete(ended),
    });
    this.consumptions.add(consumption);
    try {
      await consumption.start();
    } catch (error) {
      this.consumptions.delete(consumption);
      throw error;
    }
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
    return this.reader.read(topic, partition, fromOffset, maxRecords);
  }

  async partitionCount(topic: string): Promise<number> {
    this.assertOpen();
    if (!isTopicName(topic)) throw new LogFault('bad-argument', `${JSON.stringify(topic)} is no topic name`);
    const known = this.partitionCounts.get(topic);
    if (known) return known;
    const asked = this.ensureTopic(topic);
    this.partitionCounts.set(topic, asked);
    try {
      return await asked;
    } catch (error) {
      this.partitionCounts.delete(topic);
      throw faultOf(error, `looking for topic ${topic}`);
    }
  }

  close(): Promise<void> {
    return (this.closing ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    await Promise.all([...this.consumptions].map((consumption) => consumption.stop()));
    await Promise.all([...this.publishers.values()].map((publisher) => publisher.drain()));
    await Promise.all([this.producer.disconnect(), this.admin.disconnect(), this.reader.close()]);
  }

  private async publisherOf(topic: string): Promise<TopicPublisher> {
    const partitions = await this.partitionCount(topic);
    const { queueBytesMax = 64 * 1024 * 1024, compression = 'none' } = this.options;
    const leaders = await this.leadersOf(topic);
    const raced = this.publishers.get(topic);
    if (raced) return raced;
    const { producer } = this;
    const publisher = new TopicPublisher({
      producer,
      topic,
      partitions,
      leaders,
      bytesMax: queueBytesMax,
      compression: compressionTypes[compression],
    });
    this.publishers.set(topic, publisher);
    return publisher;
  }

  private async ensureTopic(topic: string): Promise<number> {
    const found = await this.countPartitions(topic);
    if (found !== undefined) {
      const { partitions } = this.options;
      if (found !== partitions) {
        const message = `${topic} has ${found} partitions and keeps them; ${partitions} were asked for`;
        this.warn({ code: 'partitions-differ', topic, message });
      }
      return found;
    }
    const replicationFactor =
      this.options.replicationFactor ?? Math.min(3, (await this.admin.describeCluster()).brokers.length);
    // What is rejected may be as large as anything that was taken elsewhere, and carries its reason besides.
    const configEntries = topic === topics.rejected ? [{ name: 'max.message.bytes', value: '2097152' }] : [];
    await this.admin.createTopics({
      // kafkajs's own wait gives up when a broker has not heard of the topic yet, which with KRaft is the rule.
      waitForLeaders: false,
      topics: [{ topic, numPartitions: this.options.partitions, replicationFactor, configEntries }],
    });
    // Another process may have been quicker, and wanted another count.
    return this.countOnceLed(topic);
  }

  private async countOnceLed(topic: string): Promise<number> {
    const deadline = Date.now() + topicReadyMs;
    for (;;) {
      const count = await this.countPartitions(topic);
      if (count !== undefined) return count;
      if (Date.now() > deadline) throw new LogFault('log-away', `${topic} was made, but no broker leads it`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private async countPartitions(topic: string): Promise<number | undefined> {
    return (await this.metadataOf(topic))?.length;
  }

  /** Undefined while there is no such topic, or one whose partitions have no leaders yet. */
  private async metadataOf(topic: string): Promise<readonly PartitionMetadata[] | undefined> {
    try {
      const { topics: found } = await this.admin.fetchTopicMetadata({ topics: [topic] });
      return found[0]?.partitions;
    } catch (error) {
      const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
      if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE') return undefined;
      throw error;
    }
  }

  private async leadersOf(topic: string): Promise<TopicLeaders> {
    const leaders = new Map<number, number>();
    const learn = async () => {
      for (const { partitionId, leader } of (await this.metadataOf(topic)) ?? []) leaders.set(partitionId, leader);
    };
    await learn();
    // What is not known any better stays as it was: it decides about bundling, not about where a record goes.
    return { of: (partition) => leaders.get(partition) ?? -1, doubt: () => void learn().catch(() => undefined) };
  }

  private assertOpen(): void {
    if (this.closing) throw new LogFault('closed', 'the registration log is closed');
  }

  private warn(warning: LogWarning): void {
    if (this.options.onWarning) this.options.onWarning(warning);
    else process.emitWarning(warning.message, { code: warning.code });
  }
}
