import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ChildProgram, CompiledLibrary } from '../child-program.js';
import { partitionOf } from '../partitioner.js';
import { describeRegistrationLogContract, eventually, Gate, RecordingConsumer } from '../registration-log.contract.js';
import type { Message } from 'kafkajs';
import { publishRejected, rejectedRecord } from '../messages/rejected.js';
import type { LogRecord, LogWarning, ReceivedRecord, RegistrationLog } from '../registration-log.js';
import { topics } from '../topics.js';
import { kafkaClient } from './kafka-client.js';
import { connectKafkaLog } from './kafka-log.js';
import { describeNotRun, findKafka } from './kafka-under-test.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

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

  it(
    'reports at start that a topic has other partitions than wanted',
    async () => {
      await (await open(4)).log.close();
      const { log, warnings } = await open(5);
      expect(warnings).toEqual(
        Object.values(topics).map((topic) => expect.objectContaining({ code: 'partitions-differ', topic })),
      );
      await log.close();
    },
    deadlineMs,
  );

  it(
    'fetches only so much ahead of a partition that is slow, while the others go on',
    async () => {
      const { log } = await open(4);
      const topic = `slow-${randomUUID()}`;
      const slow = partitionOf('slow', 4);
      const quickKey = ['a', 'b', 'c'].find((key) => partitionOf(key, 4) !== slow)!;
      const payload = Buffer.alloc(10_000, 'x');
      const records = (key: string, count: number) => {
        return Array.from({ length: count }, () => ({ key, value: payload, headers: {} }));
      };
      for (let publish = 0; publish < 6; publish += 1) await log.publish(topic, records('slow', 500));
      const held = () => {
        collectGarbage();
        return process.memoryUsage().arrayBuffers;
      };
      const before = held();
      const gate = new Gate();
      const consumer = new RecordingConsumer(async (batch) => {
        if (batch.partition === slow) await gate.opened;
        await batch.commit();
      });
      const of = (partition: (of: number) => boolean) => consumer.seen.filter((one) => partition(one.partition)).length;
      await log.consume({ topic, group: `group-${randomUUID()}`, maxRecords: 100 }, consumer);
      await eventually('the slow one to have begun', () => of((one) => one === slow) > 0, deadlineMs);
      for (let publish = 1; publish <= 3; publish += 1) {
        await log.publish(topic, records(quickKey, 500));
        await eventually('the quick one', () => of((one) => one !== slow) === publish * 500, deadlineMs);
      }
      // Of 30 MB that wait. Up to 4 MiB are taken in before fetching pauses, and what was under way then comes on top. What isn't held
      // any more is swept in the background, when the machine has time for it.
      await eventually('no more to be held', () => held() - before < 15_000_000, deadlineMs);
      gate.open();
      await eventually('all of the slow one', () => of((one) => one === slow) === 3_000, deadlineMs);
      const offsets = consumer.seen.filter(({ partition }) => partition === slow).map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.map((_, at) => at));
      await log.close();
    },
    deadlineMs * 4,
  );

  describe('strange records', () => {
    /** What the consumer of a topic is given, when another client than ours has produced it. */
    const givenAfter = async (log: RegistrationLog, message: Message): Promise<ReceivedRecord> => {
      const topic = `strange-${randomUUID()}`;
      await log.partitionCount(topic);
      const producer = kafkaClient({ brokers }).producer({ allowAutoTopicCreation: false });
      await producer.connect();
      await producer.send({ topic, messages: [{ ...message, partition: 0 }] });
      await producer.disconnect();
      const given: ReceivedRecord[] = [];
      const consumer = new RecordingConsumer(async (batch) => {
        given.push(...batch.records);
        await batch.commit();
      });
      const consumption = await log.consume({ topic, group: `group-${randomUUID()}` }, consumer);
      await eventually('the record', () => given.length === 1, deadlineMs);
      await consumption.stop();
      return given[0]!;
    };
    const origin = { topic: 'strange', partition: 0, offset: 0 };
    const lastRejected = async (log: RegistrationLog, record: LogRecord) => {
      await publishRejected(log, [{ ...record, headers: { ...record.headers, 'berth-path': '/here' } }]);
      const found: ReceivedRecord[] = [];
      for (let partition = 0; partition < (await log.partitionCount(topics.rejected)); partition += 1) {
        found.push(...(await log.read(topics.rejected, partition, 0, 1_000)));
      }
      return found.sort((one, other) => one.timestamp - other.timestamp).at(-1)!;
    };

    it(
      'with very many headers are taken in at once, and rejected though they are too many for the topic',
      async () => {
        const { log } = await open(4);
        const headers = Object.fromEntries(Array.from({ length: 180_000 }, (_, at) => [at.toString(36), '']));
        // By kafkajs itself this takes minutes, in which nothing else happens.
        const record = await givenAfter(log, { key: 'a', value: 'b', headers });
        expect(Object.keys(record.headers)).toHaveLength(180_000);
        const rejected = await lastRejected(log, rejectedRecord(record, origin, 'too many', []));
        expect(rejected).toMatchObject({ key: 'a', value: Buffer.from('b') });
        expect(Object.keys(rejected.headers).sort()).toEqual(
          ['cut', 'offset', 'partition', 'path', 'reason', 'timestamp', 'topic'].map((name) => `berth-${name}`),
        );
        await log.close();
      },
      deadlineMs * 2,
    );

    it(
      'whose key and headers are no text keep their bytes when they are rejected',
      async () => {
        const { log } = await open(4);
        const bytes = Buffer.from([0xff, 0xfe, 0x41]);
        const record = await givenAfter(log, { key: bytes, value: null, headers: { odd: bytes, __proto__x: 'fine' } });
        expect(record).toMatchObject({ key: '\ufffd\ufffdA', value: Buffer.alloc(0), headers: { __proto__x: 'fine' } });
        const rejected = await lastRejected(log, rejectedRecord(record, origin, 'odd', []));
        expect(JSON.parse(rejected.headers['berth-not-text']!)).toEqual({
          key: bytes.toString('base64'),
          odd: bytes.toString('base64'),
        });
        await log.close();
      },
      deadlineMs * 2,
    );
  });

  // Tells its parent what it has done before it commits, as the allocator publishes answers before it commits; and after some
  // batches stands still in between.
  const consumingProgram = `
    import { connectKafkaLog } from './kafka/kafka-log.js';
    const [, , brokers, topic, group] = process.argv;
    const log = await connectKafkaLog({ brokers: brokers.split(','), partitions: 4, sessionMs: 6000, onWarning() {} });
    const tell = (message) => new Promise((resolve) => process.send(message, resolve));
    let batches = 0;
    await log.consume({ topic, group, maxRecords: 20 }, {
      assigned() {},
      revoked() {},
      async batch(batch) {
        const { partition } = batch;
        await tell({ done: batch.records.map(({ offset, value }) => ({ partition, offset, text: value.toString() })) });
        batches += 1;
        if (batches > 25) {
          await tell({ uncommitted: batch.records.map(({ value }) => value.toString()) });
          await new Promise(() => undefined);
        }
        await batch.commit();
        await tell({ committed: { partition: batch.partition, next: batch.records.at(-1).offset + 1 } });
      },
    });
  `;

  // Sits on the first of its partitions until it hears that the batch is stale, and then tries to commit all the same.
  const sleepingProgram = `
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

        const done = () => child.said<{ partition: number; offset: number; text: string }[]>('done').flat();
        const everything = () => new Set([...survivor.texts(), ...done().map(({ text }) => text)]);
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
        await eventually('it to stand before its commit', () => child.said('uncommitted').length > 0, deadlineMs);
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
        const seenHere = new Set(survivor.texts());
        const lost = child.said<string[]>('uncommitted').flat();
        expect(lost.filter((text) => !seenHere.has(text))).toEqual([]);
        // Each key in order, with whoever had it.
        for (const taken of [survivor.seen, done()]) {
          const last = new Map<number, number>();
          const outOfOrder = taken.filter(({ text }) => {
            const key = Number(text) % 97;
            const before = last.get(key) ?? -1;
            last.set(key, Number(text));
            return Number(text) <= before;
          });
          expect(outOfOrder).toEqual([]);
        }
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
