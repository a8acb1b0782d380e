import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRetriable } from '../log-fault.js';
import { eventually, RecordingConsumer } from '../registration-log.contract.js';
import type { Receipt, RegistrationLog } from '../registration-log.js';
import { connectKafkaLog } from './kafka-log.js';
import { describeNotRun, startOwnKafka } from './kafka-under-test.js';

const deadlineMs = 60_000;
const kafka = await startOwnKafka();

if ('missing' in kafka) {
  describeNotRun('A Kafka broker that goes away', kafka.missing, process.env['CI'] === 'true');
} else {
  afterAll(() => kafka.remove(), deadlineMs);

  describe('a Kafka broker that goes away', () => {
    const topic = 'berth.registrations';
    let log: RegistrationLog;
    let warnings: string[];

    beforeEach(async () => {
      warnings = [];
      log = await connectKafkaLog({
        brokers: kafka.brokers,
        partitions: 4,
        sessionMs: 3_000,
        onWarning: ({ message }) => warnings.push(message),
      });
    }, deadlineMs);
    afterEach(() => log.close(), deadlineMs);

    it(
      'and comes back loses nothing it acknowledged; publishing fails as retriable meanwhile and consuming goes on by itself',
      async () => {
        const consumer = new RecordingConsumer();
        await log.consume({ topic, group: 'g' }, consumer);
        const acknowledged: (Receipt & { text: string })[] = [];
        const faults: unknown[] = [];
        const publish = async (text: string) => {
          try {
            const [receipt] = await log.publish(topic, [{ key: text, value: Buffer.from(text), headers: {} }]);
            acknowledged.push({ ...receipt!, text });
          } catch (fault) {
            faults.push(fault);
          }
        };
        let at = 0;
        let publishing = true;
        const publisher = (async () => {
          while (publishing) await publish(`record ${(at += 1)}`);
        })();
        await eventually('some acknowledged', () => acknowledged.length > 100, deadlineMs);
        await kafka.kill();
        const before = acknowledged.length;
        await eventually('a publish to fail', () => faults.length > 0, deadlineMs);
        expect(faults.filter((fault) => !isRetriable(fault))).toEqual([]);
        await kafka.restart();
        await eventually('publishes to succeed again', () => acknowledged.length > before + 100, deadlineMs);
        publishing = false;
        await publisher;
        const lost = () => {
          const seen = new Set(consumer.texts());
          return acknowledged.filter(({ text }) => !seen.has(text));
        };
        await eventually('all that was acknowledged to be consumed', () => lost().length === 0, deadlineMs);
        expect(lost()).toEqual([]);
        // Where the receipt says, and nowhere else: a retry of the driver's is no second record.
        const stored = (
          await Promise.all(
            [0, 1, 2, 3].map((partition) =>
              log
                .read(topic, partition, 0, 1_000_000)
                .then((records) =>
                  records.map(({ offset, value }) => ({ text: value.toString(), place: `${partition}/${offset}` })),
                ),
            ),
          )
        ).flat();
        const places = new Map<string, string[]>();
        for (const { text, place } of stored) places.set(text, [...(places.get(text) ?? []), place]);
        const misplaced = acknowledged.filter(({ text, partition, offset }) => {
          const found = places.get(text);
          return found?.length !== 1 || found[0] !== `${partition}/${offset}`;
        });
        expect(misplaced).toEqual([]);
      },
      deadlineMs * 4,
    );

    it(
      "and hands out a batch that isn't what it stored is asked again, and nothing of the batch believed",
      async () => {
        const text = 'a value that the disk will change';
        const [receipt] = await log.publish(topic, [{ key: 'damaged', value: Buffer.from(text), headers: {} }]);
        const file = join(kafka.logFolder, `${topic}-${receipt!.partition}`, `${'0'.repeat(20)}.log`);
        const at = (await readFile(file)).indexOf(text);
        const write = async (bytes: string) => {
          const handle = await open(file, 'r+');
          await handle.write(bytes, at);
          await handle.close();
        };
        await write('A');
        const consumer = new RecordingConsumer();
        const consumption = await log.consume({ topic, group: 'of the damaged' }, consumer);
        consumption.failed.catch((error: unknown) => warnings.push(`ended: ${String(error)}`));
        await eventually('the damage to be told', () => /checksum/.test(warnings.join()), deadlineMs);
        await expect(log.read(topic, receipt!.partition, receipt!.offset, 1)).rejects.toThrow(/checksum/);
        expect(consumer.texts().filter((it) => it.endsWith(text.slice(1)))).toEqual([]);
        await write('a');
        await eventually('the record as it was', () => consumer.texts().includes(text), deadlineMs);
        expect(warnings.filter((it) => it.startsWith('ended'))).toEqual([]);
        await consumption.stop();
      },
      deadlineMs * 2,
    );

    it(
      'is reported as away when it is not there to begin with',
      async () => {
        const nowhere = connectKafkaLog({ brokers: ['127.0.0.1:1'], partitions: 4 });
        await expect(nowhere).rejects.toMatchObject({ name: 'LogFault', code: 'log-away', retriable: true });
      },
      deadlineMs,
    );
  });
}
