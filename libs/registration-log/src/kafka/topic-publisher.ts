import { type CompressionTypes, type Message, type Producer, type RecordMetadata } from 'kafkajs';
import { LogFault } from '../log-fault.js';
import { Partitioner } from '../partitioner.js';
import { recordSize } from '../record-size.js';
import type { LogRecord, Receipt } from '../registration-log.js';
import { recordBytesMax } from '../topics.js';
import { faultOf } from './kafka-fault.js';
import { grouped } from './lean-produce.js';
import { offsetOf } from './received-record.js';

/** A partition's share of a request is one batch, which the broker takes up to about 1 MB by default. */
const batchBytesMax = 900_000;
const requestBytesMax = 8 * 1024 * 1024;
const acknowledgementMs = 10_000;

interface Publish {
  receipts: Receipt[];
  open: number;
  bytes: number;
  failed: boolean;
  resolve(receipts: Receipt[]): void;
  reject(fault: LogFault): void;
}

interface Entry {
  publish: Publish;
  index: number;
  message: Message & { partition: number };
  bytes: number;
}

/** Which broker leads each partition, as last heard. */
export interface TopicLeaders {
  of(partition: number): number;
  /** Something went wrong, perhaps because they have changed. */
  doubt(): void;
}

/**
 * Publishes to one topic. To each leading broker one request is under way at a time, with what gathered while the last one was.
 * One at a time, so that a retry can't turn equal keys around; one broker a request, because kafkajs, when one of several
 * brokers fails, sends the others' share again as something new.
 */
export class TopicPublisher {
  private readonly producer: Pick<Producer, 'sendBatch'>;
  private readonly topic: string;
  private readonly partitions: number;
  private readonly leaders: TopicLeaders;
  private readonly bytesMax: number;
  private readonly compression: CompressionTypes;
  private readonly partitioner = new Partitioner();
  private readonly waiting = new Map<number, Entry[]>();
  private readonly busyLeaders = new Set<number>();
  private readonly busyPartitions = new Set<number>();
  private bytes = 0;
  private pumping = false;
  private drained: (() => void) | undefined;

  constructor(options: {
    producer: Pick<Producer, 'sendBatch'>;
    topic: string;
    partitions: number;
    leaders: TopicLeaders;
    bytesMax: number;
    compression: CompressionTypes;
  }) {
    this.producer = options.producer;
    this.topic = options.topic;
    this.partitions = options.partitions;
    this.leaders = options.leaders;
    this.bytesMax = options.bytesMax;
    this.compression = options.compression;
  }

  publish(records: readonly LogRecord[]): Promise<Receipt[]> {
    const sizes = records.map((record) => this.sizeOf(record));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (this.bytes > 0 && this.bytes + bytes > this.bytesMax) {
      throw new LogFault('queue-full', `${this.bytes} bytes wait to be published already`);
    }
    this.bytes += bytes;
    return new Promise((resolve, reject) => {
      const publish: Publish = { receipts: [], open: records.length, bytes, failed: false, resolve, reject };
      for (const [index, { key, value, headers }] of records.entries()) {
        const keyBytes = key === null ? null : Buffer.from(key, 'utf8');
        const partition = this.partitioner.place(keyBytes, this.partitions);
        const entry = { publish, index, message: { key: keyBytes, value, headers, partition }, bytes: sizes[index]! };
        const queue = this.waiting.get(partition);
        if (queue) queue.push(entry);
        else this.waiting.set(partition, [entry]);
      }
      if (this.pumping) return;
      this.pumping = true;
      // Not at once: what is published in the same tick goes out together.
      queueMicrotask(() => this.pump());
    });
  }

  /** Resolves when everything taken so far has been acknowledged or given up. */
  async drain(): Promise<void> {
    if (this.waiting.size === 0 && this.busyLeaders.size === 0) return;
    await new Promise<void>((resolve) => (this.drained = resolve));
  }

  private pump(): void {
    this.pumping = false;
    for (const [leader, request] of this.takeRequests()) void this.send(leader, request);
    if (this.waiting.size === 0 && this.busyLeaders.size === 0) this.drained?.();
  }

  /** For each leader that is free, from the head of each of its partitions as much as makes one batch. */
  private takeRequests(): Map<number, Map<number, Entry[]>> {
    const requests = new Map<number, Map<number, Entry[]>>();
    const requestBytes = new Map<number, number>();
    for (const [partition, queue] of this.waiting) {
      const leader = this.leaders.of(partition);
      // After a change of leader a partition may still be under way to the old one.
      if (this.busyLeaders.has(leader) || this.busyPartitions.has(partition)) continue;
      let count = 0;
      let batchBytes = 0;
      while (count < queue.length && (count === 0 || batchBytes + queue[count]!.bytes <= batchBytesMax)) {
        batchBytes += queue[count]!.bytes;
        count += 1;
      }
      const sum = (requestBytes.get(leader) ?? 0) + batchBytes;
      if (sum > requestBytesMax && requests.has(leader)) continue;
      requestBytes.set(leader, sum);
      const request = requests.get(leader) ?? new Map<number, Entry[]>();
      requests.set(leader, request.set(partition, queue.splice(0, count)));
      if (queue.length === 0) this.waiting.delete(partition);
    }
    return requests;
  }

  private async send(leader: number, request: Map<number, Entry[]>): Promise<void> {
    this.busyLeaders.add(leader);
    for (const partition of request.keys()) this.busyPartitions.add(partition);
    const entries = [...request.values()].flat().filter(({ publish }) => !publish.failed);
    try {
      if (entries.length > 0) this.settle(request, await this.sendEntries(entries));
    } catch (error) {
      const fault = faultOf(error, `publishing to ${this.topic}`);
      for (const { publish } of entries) this.fail(publish, fault);
      this.leaders.doubt();
    }
    this.busyLeaders.delete(leader);
    for (const partition of request.keys()) this.busyPartitions.delete(partition);
    this.pump();
  }

  private sendEntries(entries: readonly Entry[]): Promise<RecordMetadata[]> {
    const messages = entries.map(({ message }) => message);
    return this.producer.sendBatch({
      acks: -1,
      compression: this.compression,
      timeout: acknowledgementMs,
      topicMessages: [{ topic: this.topic, messages: grouped(messages) }],
    });
  }

  private settle(request: Map<number, Entry[]>, answers: readonly RecordMetadata[]): void {
    const bases = new Map(answers.map(({ partition, baseOffset }) => [partition, baseOffset]));
    for (const [partition, entries] of request) {
      const sent = entries.filter(({ publish }) => !publish.failed);
      const base = bases.get(partition);
      if (base === undefined) {
        // After a leader change in the middle of a request kafkajs answers without having sent all of it.
        const fault = new LogFault('log-away', `the broker acknowledged nothing for ${this.topic}/${partition}`);
        for (const { publish } of sent) this.fail(publish, fault);
        continue;
      }
      const first = offsetOf(base);
      for (const [at, { publish, index }] of sent.entries()) {
        publish.receipts[index] = { topic: this.topic, partition, offset: first + at };
        publish.open -= 1;
        if (publish.open > 0 || publish.failed) continue;
        this.bytes -= publish.bytes;
        publish.resolve(publish.receipts);
      }
    }
  }

  private fail(publish: Publish, fault: LogFault): void {
    if (publish.failed) return;
    publish.failed = true;
    this.bytes -= publish.bytes;
    publish.reject(fault);
  }

  private sizeOf(record: LogRecord): number {
    const size = recordSize(record);
    const max = recordBytesMax(this.topic);
    if (size <= max) return size;
    throw new LogFault('record-too-large', `a record of ${size} bytes; ${this.topic} takes up to ${max}`);
  }
}
