import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { type ChildProgram, CompiledLibrary } from '../child-program.js';
import { describeRegistrationLogContract, eventually, RecordingConsumer } from '../registration-log.contract.js';
import type { LogWarning, RegistrationLog } from '../registration-log.js';
import { kafkaClient } from './kafka-client.js';
import { connectKafkaLog } from './kafka-log.js';
import { findKafka } from './kafka-under-test.js';
import { describeNotRun } from './not-run.contract.js';

const deadlineMs = 30_000;
const kafka = await findKafka(process.env['BERTH_KAFKA_BROKERS']);

if ('missing' in kafka) {
  describeNotRun('RegistrationLog contract: Kafka', kafka.missing, process.env['CI'] === 'true');
} else {
  const { brokers } = kafka;
  afterAll(() => kafka.stop(), deadlineMs);

  const open = async (partitions: number) => {
    const warnings: LogWarning[] = [];
    const log = await connectKafkaLog({
      brokers,
      partitions,
      sessionMs: 10_000,
      handoverMs: 500,
      backOff: { firstMs: 5, mostMs: 50 },
      onWarning: (warning) => void warnings.push(warning),
    });
    return { log, warnings };
  };

  describeRegistrationLogContract(
    'Kafka',
    async ({ partitions }) => {
      let current = (await open(partitions)).log;
      return {
        log: current,
        restart: async (options) => {
          await current.close();
          const again = await open(options.partitions);
          current = again.log;
          return again;
        },
        end: () => current.close(),
      };
    },
    { deadlineMs },
  );

  describe('compression', () => {
    const text = 'a registration, and much like the one before; '.repeat(3_000);
    const topicWith = async (config: Record<string, string>) => {
      const topic = `compressed-${randomUUID()}`;
      const admin = kafkaClient({ brokers }).admin();
      await admin.connect();
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 4, configEntries }] });
      await admin.disconnect();
      return topic;
    };
    const publish = (log: RegistrationLog, topic: string) =>
      log.publish(topic, [
        { key: 'press-01', value: Buffer.from(text), headers: { of: 'it' } },
        { key: 'press-01', value: Buffer.from('short'), headers: {} },
      ]);
    const expectBoth = async (log: RegistrationLog, topic: string) => {
      const consumer = new RecordingConsumer();
      const consumption = await log.consume({ topic, group: `group-${randomUUID()}` }, consumer);
      await eventually('both records', () => consumer.seen.length === 2, deadlineMs);
      await consumption.stop();
      expect(consumer.texts()[0] === text).toBe(true);
      expect(consumer.seen).toMatchObject([
        { offset: 0, key: 'press-01' },
        { offset: 1, key: 'press-01', text: 'short' },
      ]);
      const [read] = await log.read(topic, consumer.seen[0]!.partition, 0, 1);
      expect(read).toMatchObject({ offset: 0, headers: { of: 'it' } });
    };

    it.each(['gzip', 'snappy', 'lz4', 'zstd'])(
      'by %s is read as the Java client, which the broker compresses with, writes it',
      async (type) => {
        const topic = await topicWith({ 'compression.type': type });
        const { log } = await open(4);
        await publish(log, topic);
        await expectBoth(log, topic);
        await log.close();
      },
      deadlineMs * 2,
    );

    it.each(['gzip', 'zstd'] as const)(
      'by %s brings through what would be too large as it is',
      async (compression) => {
        const topic = await topicWith({ 'max.message.bytes': '10000' });
        const { log } = await open(4);
        await expect(publish(log, topic)).rejects.toMatchObject({ code: 'record-too-large' });
        await log.close();
        const compressing = await connectKafkaLog({ brokers, partitions: 4, compression, onWarning: () => undefined });
        await publish(compressing, topic);
        await expectBoth(compressing, topic);
        await compressing.close();
      },
      deadlineMs * 2,
    );
  });

  // Tells its parent what it has done before it commits, as the allocator publishes answers before it commits.
  const consumingProgram = `
    import { kafkaClient } from './kafka-client.js';
import { connectKafkaLog } from './kafka/kafka-log.js';
    const [, , brokers, topic, group] = process.argv;
    const log = await connectKafkaLog({ brokers: brokers.split(','), partitions: 4, sessionMs: 6000, onWarning() {} });
    const tell = (message) => new Promise((resolve) => process.send(message, resolve));
    await log.consume({ topic, group, maxRecords: 20 }, {
      assigned() {},
      revoked() {},
      async batch(batch) {
        await tell({ done: batch.records.map(({ value }) => value.toString()) });
        await batch.commit();
        await tell({ committed: { partition: batch.partition, next: batch.records.at(-1).offset + 1 } });
      },
    });
  `;

  // Sits on the first of its partitions until it hears that the batch is stale, and then tries to commit all the same.
  const sleepingProgram = `
    import { kafkaClient } from './kafka-client.js';
import { connectKafkaLog } from './kafka/kafka-log.js';
    const [, , brokers, topic, group] = process.argv;
    const log = await connectKafkaLog({ brokers: brokers.split(','), partitions: 4, sessionMs: 3000, onWarning() {} });
    let first;
    await log.consume({ topic, group }, {
      assigned: (assigned) => {
        first ??= assigned[0];
        process.send({ assigned });
      },
      revoked: (revoked) => void process.send({ revoked }),
      async batch(batch) {
        if (batch.partition !== first) {
          await batch.commit();
          process.send({ done: batch.partition });
          return;
        }
        process.send({ began: batch.partition });
        while (!batch.isStale()) await new Promise((resolve) => setTimeout(resolve, 20));
        await batch.commit().then(() => process.send({ ended: 'committed' }), (fault) => process.send({ ended: fault.code }));
      },
    });
  `;

  describe('two Kafka consumers in different processes', () => {
    const children: ChildProgram[] = [];
    const logs: { close(): Promise<void> }[] = [];
    afterEach(async () => {
      await Promise.all(children.splice(0).map((child) => child.kill()));
      await Promise.all(logs.splice(0).map((log) => log.close()));
    }, deadlineMs);

    it(
      'lose nothing when one is killed: the other takes over where it had committed',
      async () => {
        const library = await CompiledLibrary.make();
        const topic = `killed-${randomUUID()}`;
        const group = `group-${randomUUID()}`;
        const { log } = await open(4);
        logs.push(log);
        const survivor = new RecordingConsumer();
        await log.consume({ topic, group, maxRecords: 20 }, survivor);
        await eventually('all partitions here', () => survivor.held.size === 4, deadlineMs);
        const child = await library.run(consumingProgram, [brokers.join(','), topic, group]);
        children.push(child);
        await eventually('half of the partitions there', () => survivor.held.size === 2, deadlineMs);

        const everything = () => new Set([...survivor.texts(), ...child.said<string[]>('done').flat()]);
        let published = 0;
        let publishing = true;
        const publisher = (async () => {
          while (publishing) {
            // Not faster than it is consumed: there is to be something under way, not a heap.
            await eventually('most to be consumed', () => published - everything().size < 500, deadlineMs);
            const from = published;
            await log.publish(
              topic,
              Array.from({ length: 50 }, (_, at) => ({
                key: `device-${(from + at) % 97}`,
                value: Buffer.from(`${from + at}`),
                headers: {},
              })),
            );
            published += 50;
          }
        })();
        await eventually('some commits there', () => child.said('committed').length > 20, deadlineMs);
        await child.kill();
        await eventually('all partitions here again', () => survivor.held.size === 4, deadlineMs);
        publishing = false;
        await publisher;

        await eventually('every record somewhere', () => everything().size === published, deadlineMs);
        const again = child
          .said<{ partition: number; next: number }>('committed')
          .filter(({ partition, next }) =>
            survivor.seen.some((one) => one.partition === partition && one.offset < next),
          );
        expect(again).toEqual([]);
        await library.remove();
      },
      deadlineMs * 4,
    );

    it(
      'agree on who has what after one slept through its session: it commits nothing and begins anew',
      async () => {
        const library = await CompiledLibrary.make();
        const topic = `asleep-${randomUUID()}`;
        const group = `group-${randomUUID()}`;
        const { log } = await open(4);
        logs.push(log);
        const awake = new RecordingConsumer();
        await log.consume({ topic, group }, awake);
        await eventually('all partitions here', () => awake.held.size === 4, deadlineMs);
        const sleeper = await library.run(sleepingProgram, [brokers.join(','), topic, group]);
        children.push(sleeper);
        await eventually('half of the partitions there', () => sleeper.said('assigned').length === 1, deadlineMs);
        const texts = Array.from({ length: 100 }, (_, at) => `${at}`);
        await log.publish(
          topic,
          texts.map((text) => ({ key: `device-${text}`, value: Buffer.from(text), headers: {} })),
        );
        await eventually(
          'it to work',
          () => sleeper.said('began').length + sleeper.said('done').length === 2,
          deadlineMs,
        );
        const had = sleeper.said<number[]>('assigned')[0];

        sleeper.freeze();
        await eventually('all partitions here again', () => awake.held.size === 4, deadlineMs);
        sleeper.thaw();
        await eventually('its batch to end', () => sleeper.said('ended').length === 1, deadlineMs);
        expect(sleeper.said('ended')).toEqual(['stale-batch']);
        await eventually('it to be given partitions anew', () => sleeper.said('assigned').length === 2, deadlineMs);
        // Also the partition on which nothing was going on: meanwhile it was somebody else's.
        expect(sleeper.said('revoked')).toEqual([had]);
        await library.remove();
      },
      deadlineMs * 4,
    );
  });
}
