import type { Batch, BatchConsumer, ConsumeOptions, Consumption, ReceivedRecord } from '@berth/registration-log';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { madeAt } from './devices.ts';
import { answersOf, pageOf, type Pattern } from './patterns.ts';

/** As many as the allocator gets at once. */
const recordsMax = 1000;
const metadata = { correlationId: 'bench', actor: 'bench', at: madeAt };
const answersTopic = 'berth.assignments';

/**
 * The bare pipe as anybody would write it by the manuals of kafkajs and of the event store's client, with nothing of ours in
 * between or patched into them: for each batch a page of as many outcomes appended, as many answers published, a commit.
 */
export class PlainPipe implements BatchConsumer {
  private readonly kafka: Kafka;
  private readonly producer: Producer;
  private readonly client: EventStoreDBClient;
  private readonly patterns: readonly Pattern[];
  private readonly revisions = new Map<number, bigint>();

  private constructor(brokers: string[], eventStoreUrl: string, patterns: readonly Pattern[]) {
    this.kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
    this.producer = this.kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
    this.client = EventStoreDBClient.connectionString(eventStoreUrl);
    this.patterns = patterns;
  }

  static async open(
    { brokers, eventStoreUrl }: { brokers: string[]; eventStoreUrl: string },
    patterns: readonly Pattern[],
  ): Promise<PlainPipe> {
    const pipe = new PlainPipe(brokers, eventStoreUrl, patterns);
    await pipe.producer.connect();
    return pipe;
  }

  async consume({ topic, group }: ConsumeOptions, listener: BatchConsumer): Promise<Consumption> {
    const consumer = this.kafka.consumer({ groupId: group, maxWaitTimeInMs: 250 });
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    failed.catch(() => undefined);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => listener.assigned(payload.memberAssignment[topic] ?? []));
    consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: this.patterns.length,
      eachBatch: async ({ batch: { partition, messages }, heartbeat }) => {
        for (let from = 0; from < messages.length; from += recordsMax) {
          const some = messages.slice(from, from + recordsMax);
          const records = some as unknown as ReceivedRecord[];
          const offset = String(Number(some.at(-1)!.offset) + 1);
          const commit = () => consumer.commitOffsets([{ topic, partition, offset }]);
          await listener.batch({ topic, partition, records, commit, heartbeat, isStale: () => false });
        }
      },
    });
    return { failed, stop: () => consumer.disconnect() };
  }

  assigned(): void {}
  revoked(): void {}

  async batch({ partition, records, commit }: Batch): Promise<void> {
    const pattern = this.patterns[partition]!;
    const event = jsonEvent({ type: 'DecisionsRecorded', data: { ...pageOf(pattern, records.length) }, metadata });
    const expectedRevision = this.revisions.get(partition) ?? NO_STREAM;
    const appended = await this.client.appendToStream(`plain-${partition}`, event, { expectedRevision });
    this.revisions.set(partition, appended.nextExpectedRevision);
    await this.producer.send({ topic: answersTopic, messages: answersOf(pattern, records.length) });
    await commit();
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
    await this.client.dispose();
  }
}
