import type { Broker, Cluster, Kafka, KafkaMessage } from 'kafkajs';
import { BackOff } from '../consuming/back-off.js';
import { LogFault } from '../log-fault.js';
import type { ReceivedRecord } from '../registration-log.js';
import { faultOf } from './kafka-fault.js';
import { offsetOf, receivedRecord } from './received-record.js';

const tryMs = 6_000;
const fetchBytesMax = 4 * 1024 * 1024;
const fetchWaitMs = 50;

interface FetchedPartition {
  highWatermark: string;
  messages: readonly (KafkaMessage & { isControlRecord?: boolean })[];
}

/** Reads without a group, which kafkajs does not offer; so this borrows the cluster of a consumer that never joins any. */
export class PartitionReader {
  private readonly cluster: Cluster;
  private connected: Promise<void> | undefined;
  /** One read at a time: asked by several at once, kafkajs opens connections that it never closes. */
  private lastRead: Promise<unknown> = Promise.resolve();

  constructor(client: Kafka) {
    let borrowed: Cluster | undefined;
    client.consumer({
      groupId: 'berth-reader',
      allowAutoTopicCreation: false,
      partitionAssigners: [
        ({ cluster }) => {
          borrowed = cluster;
          return {
            name: 'none',
            version: 0,
            assign: async () => [],
            protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
          };
        },
      ],
    });
    if (!borrowed) throw new LogFault('refused', 'this kafkajs no longer hands its cluster to assigners');
    this.cluster = borrowed;
  }

  read(topic: string, partition: number, from: number, maxRecords: number): Promise<ReceivedRecord[]> {
    const read = this.lastRead.then(() => this.readNow(topic, partition, from, maxRecords));
    this.lastRead = read.catch(() => undefined);
    return read;
  }

  async close(): Promise<void> {
    await this.lastRead;
    if (this.connected) await this.cluster.disconnect();
  }

  private async readNow(topic: string, partition: number, from: number, maxRecords: number): Promise<ReceivedRecord[]> {
    const records: ReceivedRecord[] = [];
    let next = from;
    while (records.length < maxRecords) {
      const { messages, highWatermark } = await this.fetch(topic, partition, next);
      const fresh = messages.filter(({ offset }) => offsetOf(offset) >= next);
      for (const message of fresh) {
        if (!message.isControlRecord && records.length < maxRecords) records.push(receivedRecord(message));
      }
      if (fresh.length === 0) break;
      next = offsetOf(fresh.at(-1)!.offset) + 1;
      if (next >= offsetOf(highWatermark)) break;
    }
    return records;
  }

  private async fetch(topic: string, partition: number, from: number): Promise<FetchedPartition> {
    const deadline = Date.now() + tryMs;
    const backOff = new BackOff({ firstMs: 50, mostMs: 1_000 });
    for (;;) {
      try {
        return await this.fetchOnce(topic, partition, from);
      } catch (error) {
        if (isOutOfRange(error)) return { highWatermark: String(from), messages: [] };
        const fault = faultOf(error, `reading ${topic}/${partition}`);
        if (!fault.retriable || Date.now() > deadline) throw fault;
        this.connected = undefined;
      }
      // Of a topic just made its leaders may not know yet.
      await new Promise((resolve) => setTimeout(resolve, backOff.next()));
    }
  }

  private async fetchOnce(topic: string, partition: number, from: number): Promise<FetchedPartition> {
    await (this.connected ??= this.connect());
    await this.cluster.addTargetTopic(topic);
    const leaders = Object.keys(this.cluster.findLeaderForPartitions(topic, [partition]));
    const broker: Broker = await this.cluster.findBroker({ nodeId: leaders[0]! });
    const answer: { responses: { partitions: FetchedPartition[] }[] } = await broker.fetch({
      maxWaitTime: fetchWaitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes: fetchBytesMax }] }],
    });
    return answer.responses[0]?.partitions[0] ?? { highWatermark: String(from), messages: [] };
  }

  private async connect(): Promise<void> {
    await this.cluster.connect();
    await this.cluster.refreshMetadata();
  }
}

function isOutOfRange(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'type' in error && error.type === 'OFFSET_OUT_OF_RANGE';
}
