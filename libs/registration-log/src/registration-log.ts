export interface LogRecord {
  /** UTF-8; `null` spreads records over the partitions. Records with equal keys stay in order. */
  key: string | null;
  /** Any bytes; not to be changed until the publish has resolved. */
  value: Buffer;
  /** Names and values are UTF-8 strings. Of a repeated Kafka header the last value is given. */
  headers: Readonly<Record<string, string>>;
}

export interface ReceivedRecord extends LogRecord {
  /** Position in its partition, below 2^53. Offsets rise; they need not be gapless. */
  offset: number;
  /** Milliseconds since 1970, as the log's clock had it when the record was taken. */
  timestamp: number;
  /**
   * The bytes, in base64, of what should have been UTF-8 and is not, by `key` or the header's name: there the record has
   * replacement characters. Absent when there is none.
   */
  notText?: Readonly<Record<string, string>>;
}

/** Where a record stands for good. */
export interface Receipt {
  topic: string;
  partition: number;
  offset: number;
}

export interface Batch {
  topic: string;
  partition: number;
  /** Never empty, in offset order. */
  records: readonly ReceivedRecord[];
  /**
   * Says that everything up to the end of this batch is done; once it resolves, a crash does not bring it back. Never moves
   * a group backwards.
   * @throws LogFault `stale-batch` when the partition was taken away, `log-away` when the outcome is unknown (both retriable).
   */
  commit(): Promise<void>;
  /**
   * To be called during long work: says that this consumer lives and asks whether the partition is still its own.
   * @throws LogFault `stale-batch` when it is not.
   */
  heartbeat(): Promise<void>;
  /**
   * True from the moment it is known that the partition was taken away: stop, don't commit. When a partition is only wanted
   * by another consumer, its running batch is first given some seconds to finish.
   */
  isStale(): boolean;
}

/** What a consumer of a group is told. Different partitions may be in progress at once. */
export interface BatchConsumer {
  /**
   * Awaited before the first batch of these partitions. A throw with `retriable: true` is tried again after a back-off, any
   * other ends the consumption.
   */
  assigned(partitions: readonly number[]): void | Promise<void>;
  /**
   * These partitions go to someone else, or the consumption stops. Comes after their running batches, which by then are through or,
   * if they took too long, stale. May name partitions whose `assigned` never succeeded. Embedded: their next owner is told
   * when this is through, or after a bounded wait; Kafka: perhaps before, if never while a batch of ours that may commit runs.
   */
  revoked(partitions: readonly number[]): void | Promise<void>;
  /**
   * One batch of a partition at a time. When it resolves the next one follows, committed or not. A throw with `retriable: true`
   * redelivers from the last committed offset after a bounded back-off; anything else ends the consumption and shows in `failed`.
   */
  batch(batch: Batch): Promise<void>;
}

export interface Consumption {
  /** Lets running batches finish (they may still commit), then revokes and releases. Safe to call twice. */
  stop(): Promise<void>;
  /** Rejects on the fault that ended the consumption; stays pending otherwise, also after `stop`. */
  readonly failed: Promise<never>;
}

export interface ConsumeOptions {
  topic: string;
  /** Consumers that name the same group share the partitions and one committed offset per partition. */
  group: string;
  /** Most records in a batch; default 1000. A batch is bounded in bytes as well, and may always be shorter. */
  maxRecords?: number;
}

/** Something an operator should know, which stops nothing. */
export interface LogWarning {
  code: 'partitions-differ' | 'consumption-ended' | 'reconnecting' | 'not-tidied';
  message: string;
  /** Absent when it is about all of them. */
  topic?: string;
}

/**
 * The registration topics, wherever they are kept. Topic, partition, key and offset mean the same in every adapter: a key's
 * partition is Kafka's `toPositive(murmur2(key)) % partitions`, so a device has one ledger whoever publishes. A topic that does
 * not exist is made on first use; one that exists keeps its partition count for life, and a difference from the wanted
 * count is reported through `onWarning`, not corrected, for that would move devices to other ledgers.
 *
 * An abstract class, so that Nest can use it as an injection token.
 */
export abstract class RegistrationLog {
  /**
   * Takes all records or, on a fault known before writing, none. Resolves once they are durable (embedded: synced to disk; Kafka:
   * acknowledged by all in-sync replicas). Receipts come in the order of `records`. Records of equal key keep their order, also
   * from one publish to the next. After `log-away` the outcome is unknown, so a retry may store a record twice.
   * @throws LogFault `queue-full`, `log-away` (retriable), `record-too-large`, `bad-argument`, `closed`, `refused`.
   */
  abstract publish(topic: string, records: readonly LogRecord[]): Promise<readonly Receipt[]>;

  /**
   * Joins a group, which starts a topic at its beginning. Resolves when the consumer is a member; partitions follow by
   * `assigned`.
   * @throws LogFault `log-away` (retriable), `bad-argument`, `closed`, `refused`.
   */
  abstract consume(options: ConsumeOptions, consumer: BatchConsumer): Promise<Consumption>;

  /**
   * Up to `maxRecords` records from `fromOffset` on, in order; empty at the end. For tools and tests: it belongs to no group.
   * @throws LogFault `log-away` (retriable), `bad-argument`, `closed`, `refused`.
   */
  abstract read(
    topic: string,
    partition: number,
    fromOffset: number,
    maxRecords: number,
  ): Promise<readonly ReceivedRecord[]>;

  abstract partitionCount(topic: string): Promise<number>;

  /** Stops all consumptions, writes what was taken, lets go. Safe to call twice. */
  abstract close(): Promise<void>;
}
