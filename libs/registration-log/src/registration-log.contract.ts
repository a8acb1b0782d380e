import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { partitionOf } from './partitioner.js';
import type { Batch, BatchConsumer, LogRecord, LogWarning, Receipt, RegistrationLog } from './registration-log.js';
import { recordBytesMax } from './topics.js';

/** One log with its data, of which the suite may open a fresh view as if the process had been started again. */
export interface LogUnderTest {
  readonly log: RegistrationLog;
  /** Closes `log` and opens the same data again. */
  restart(options: { partitions: number }): Promise<{ log: RegistrationLog; warnings: readonly LogWarning[] }>;
  end(): Promise<void>;
}

/** Waits for a condition, looking again and again, and says which one did not come true. */
export async function eventually(what: string, condition: () => boolean, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Remembers what it was given; what it does with a batch is up to the test. */
export class RecordingConsumer implements BatchConsumer {
  readonly seen: { partition: number; offset: number; key: string | null; text: string }[] = [];
  readonly held = new Set<number>();
  readonly calls: string[] = [];
  private readonly handle: (batch: Batch) => Promise<void>;

  constructor(handle: (batch: Batch) => Promise<void> = (batch) => batch.commit()) {
    this.handle = handle;
  }

  assigned(partitions: readonly number[]): void {
    for (const partition of partitions) this.held.add(partition);
    this.calls.push(`assigned ${partitions.join()}`);
  }

  revoked(partitions: readonly number[]): void {
    for (const partition of partitions) this.held.delete(partition);
    this.calls.push(`revoked ${partitions.join()}`);
  }

  async batch(batch: Batch): Promise<void> {
    for (const { offset, key, value } of batch.records) {
      this.seen.push({ partition: batch.partition, offset, key, text: value.toString() });
    }
    await this.handle(batch);
  }

  texts(): string[] {
    return this.seen.map(({ text }) => text);
  }
}

class WorthAnotherTry extends Error {
  readonly retriable = true;
}

/** A promise for a test to hold something back with. */
export class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

const textRecord = (key: string | null, text: string): LogRecord => ({ key, value: Buffer.from(text), headers: {} });
const numbered = (count: number): LogRecord[] =>
  Array.from({ length: count }, (_, at) => textRecord(`device-${at % 50}`, `${at}`));

/** What every adapter of `RegistrationLog` must do. Each test has its own topic and group. */
export function describeRegistrationLogContract(
  name: string,
  create: (options: { partitions: number }) => Promise<LogUnderTest>,
  { deadlineMs }: { deadlineMs: number },
): void {
  describe(`RegistrationLog contract: ${name}`, () => {
    const partitions = 4;
    let underTest: LogUnderTest;
    let log: RegistrationLog;
    let topic: string;
    let group: string;

    const within = (what: string, condition: () => boolean) => eventually(what, condition, deadlineMs);
    const test = (title: string, body: () => Promise<void>) => it(title, body, deadlineMs * 4);
    const restart = async (count = partitions) => {
      const again = await underTest.restart({ partitions: count });
      log = again.log;
      return again;
    };
    const readAll = async () => {
      const all = await Promise.all(
        Array.from({ length: partitions }, (_, partition) => log.read(topic, partition, 0, 100_000)),
      );
      return all.flat();
    };

    beforeEach(async () => {
      topic = `contract-${randomUUID()}`;
      group = `group-${randomUUID()}`;
      underTest = await create({ partitions });
      log = underTest.log;
    }, deadlineMs * 2);

    afterEach(() => underTest.end(), deadlineMs * 2);

    describe('publishing', () => {
      test('answers in input order where each record stands', async () => {
        const records = numbered(200);
        const receipts = await log.publish(topic, records);
        expect(receipts).toHaveLength(records.length);
        const wrong: Receipt[] = [];
        for (const [at, receipt] of receipts.entries()) {
          const [found] = await log.read(topic, receipt.partition, receipt.offset, 1);
          const same = found?.offset === receipt.offset && found.value.equals(records[at]!.value);
          if (receipt.topic !== topic || !same) wrong.push(receipt);
        }
        expect(wrong).toEqual([]);
      });

      test('places a key where every Kafka client places it', async () => {
        const keys = ['21', 'foobar', 'a-little-bit-long-string', 'abc', 'gerät-ü', 'press-01'];
        const receipts = await log.publish(
          topic,
          keys.map((key) => textRecord(key, key)),
        );
        // toPositive(murmur2) of the first four stands in Kafka's own UtilsTest.
        const known = [-973932308, -790332482, -985981536, 479470107].map((hash) => (hash & 0x7fffffff) % partitions);
        const placed = receipts.map(({ partition }) => partition);
        expect(placed.slice(0, 4)).toEqual(known);
        expect(placed).toEqual(keys.map((key) => partitionOf(key, partitions)));
      });

      test('spreads records without a key over all partitions', async () => {
        const receipts = await log.publish(
          topic,
          Array.from({ length: partitions * 3 }, () => textRecord(null, 'x')),
        );
        expect(new Set(receipts.map(({ partition }) => partition)).size).toBe(partitions);
        expect((await readAll()).every(({ key }) => key === null)).toBe(true);
      });

      test('keeps the order of equal keys from one publish to the next, without waiting in between', async () => {
        const publishes = Array.from({ length: 40 }, (_, at) =>
          log.publish(topic, [textRecord('one', `${at}a`), textRecord('one', `${at}b`)]),
        );
        await Promise.all(publishes);
        const texts = (await readAll()).map(({ value }) => value.toString());
        expect(texts).toEqual(Array.from({ length: 40 }, (_, at) => [`${at}a`, `${at}b`]).flat());
      });

      test('keeps any bytes, large and empty values, and headers', async () => {
        const large = Buffer.alloc(900_000, 'Ω');
        const records: LogRecord[] = [
          {
            key: 'bytes',
            value: Buffer.from([0, 255, 128, 10, 13, 0]),
            headers: { empty: '', 'ü-名': 'Grüße 🚢', a: 'b' },
          },
          { key: 'large', value: large, headers: {} },
          { key: '', value: Buffer.alloc(0), headers: { 'content-type': 'application/json' } },
        ];
        const before = Date.now();
        const receipts = await log.publish(topic, records);
        for (const [at, { partition, offset }] of receipts.entries()) {
          const [found] = await log.read(topic, partition, offset, 1);
          expect(found!.key).toBe(records[at]!.key);
          expect(found!.value.equals(records[at]!.value)).toBe(true);
          expect(found!.headers).toEqual(records[at]!.headers);
          expect(Math.abs(found!.timestamp - before)).toBeLessThan(60_000);
        }
      });

      test('takes several megabytes in one publish', async () => {
        const records = Array.from({ length: 8_000 }, (_, at) => textRecord('one', `${at} ${'x'.repeat(600)}`));
        const receipts = await log.publish(topic, records);
        expect(receipts.map(({ offset }) => offset)).toEqual(records.map((_, at) => at));
      });

      test('refuses a record beyond the limit and takes none of that publish', async () => {
        const tooLarge = { key: 'a', value: Buffer.alloc(recordBytesMax(topic) + 1), headers: {} };
        await expect(log.publish(topic, [textRecord('a', 'fine'), tooLarge])).rejects.toMatchObject({
          code: 'record-too-large',
          retriable: false,
        });
        expect(await readAll()).toEqual([]);
      });

      test('refuses what can be no topic or partition', async () => {
        await expect(log.publish('no topic', [textRecord('a', 'b')])).rejects.toMatchObject({ code: 'bad-argument' });
        await expect(log.read(topic, partitions, 0, 1)).rejects.toMatchObject({ code: 'bad-argument' });
        await expect(log.read(topic, 0, -1, 1)).rejects.toMatchObject({ code: 'bad-argument' });
        await expect(log.consume({ topic, group: '' }, new RecordingConsumer())).rejects.toMatchObject({
          code: 'bad-argument',
        });
      });
    });

    describe('reading', () => {
      test('gives at most what was asked for, from the offset asked for, and nothing at the end', async () => {
        await log.publish(
          topic,
          Array.from({ length: 10 }, (_, at) => textRecord('one', `${at}`)),
        );
        const partition = partitionOf('one', partitions);
        const texts = async (from: number, count: number) =>
          (await log.read(topic, partition, from, count)).map(({ value }) => value.toString());
        expect(await texts(3, 4)).toEqual(['3', '4', '5', '6']);
        expect(await texts(8, 100)).toEqual(['8', '9']);
        expect(await texts(10, 100)).toEqual([]);
      });
    });

    describe('partitions', () => {
      test('are fixed for life: another wish is reported, not followed', async () => {
        expect(await log.partitionCount(topic)).toBe(partitions);
        const { warnings } = await restart(partitions + 3);
        expect(await log.partitionCount(topic)).toBe(partitions);
        expect(warnings).toContainEqual(expect.objectContaining({ code: 'partitions-differ', topic }));
      });
    });

    describe('consuming', () => {
      test('delivers every record once, each partition in order, in batches of at most maxRecords', async () => {
        await log.publish(topic, numbered(300));
        const sizes: number[] = [];
        const consumer = new RecordingConsumer(async (batch) => {
          sizes.push(batch.records.length);
          await batch.commit();
        });
        await log.consume({ topic, group, maxRecords: 7 }, consumer);
        await within('the first 300', () => consumer.seen.length >= 300);
        await log.publish(topic, numbered(20));
        await within('20 more, published while consuming', () => consumer.seen.length >= 320);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
        for (let partition = 0; partition < partitions; partition += 1) {
          const offsets = consumer.seen.filter((one) => one.partition === partition).map(({ offset }) => offset);
          expect(offsets).toEqual(offsets.map((_, at) => at));
        }
        expect(consumer.seen).toHaveLength(320);
      });

      test('goes on after a restart where the group committed, and gives again what it did not', async () => {
        await log.publish(
          topic,
          Array.from({ length: 10 }, (_, at) => textRecord('one', `${at}`)),
        );
        const firstFour = new RecordingConsumer(async (batch) => {
          if (batch.records[0]!.offset < 4) await batch.commit();
        });
        await log.consume({ topic, group, maxRecords: 2 }, firstFour);
        await within('all ten, of which four are committed', () => firstFour.seen.length === 10);
        await restart();
        const rest = new RecordingConsumer();
        await log.consume({ topic, group }, rest);
        await within('the other six again', () => rest.seen.length >= 6);
        expect(rest.texts()).toEqual(['4', '5', '6', '7', '8', '9']);
        await restart();
        const other = new RecordingConsumer();
        await log.consume({ topic, group: `${group}-other` }, other);
        await within('all ten for another group', () => other.seen.length >= 10);
      });

      test('does not let a late commit move a group backwards', async () => {
        await log.publish(
          topic,
          Array.from({ length: 4 }, (_, at) => textRecord('one', `${at}`)),
        );
        const batches: Batch[] = [];
        const consumer = new RecordingConsumer(async (batch) => void batches.push(batch));
        await log.consume({ topic, group, maxRecords: 2 }, consumer);
        await within('two batches', () => batches.length === 2);
        await batches[1]!.commit();
        await batches[0]!.commit();
        await restart();
        await log.publish(topic, [textRecord('one', 'new')]);
        const next = new RecordingConsumer();
        await log.consume({ topic, group }, next);
        await within('the new record', () => next.texts().includes('new'));
        expect(next.texts()).toEqual(['new']);
      });

      test('delivers again from the committed offset after a retriable throw', async () => {
        await log.publish(
          topic,
          Array.from({ length: 6 }, (_, at) => textRecord('one', `${at}`)),
        );
        let throws = 2;
        const consumer = new RecordingConsumer(async (batch) => {
          if (batch.records[0]!.offset >= 2 && throws > 0) {
            throws -= 1;
            throw new WorthAnotherTry('the store is away');
          }
          await batch.commit();
        });
        await log.consume({ topic, group, maxRecords: 2 }, consumer);
        await within('the last record', () => consumer.texts().includes('5'));
        expect(consumer.texts()).toEqual(['0', '1', '2', '3', '2', '3', '2', '3', '4', '5']);
      });

      test('ends on any other throw, says so, and leaves the partitions to others', async () => {
        await log.publish(topic, numbered(20));
        const defect = new Error('we were wrong');
        const failing = new RecordingConsumer(() => Promise.reject(defect));
        const consumption = await log.consume({ topic, group }, failing);
        await expect(consumption.failed).rejects.toBe(defect);
        const next = new RecordingConsumer();
        await log.consume({ topic, group }, next);
        await within('everything for the next consumer', () => next.seen.length >= 20);
        await consumption.stop();
      });

      test('waits for assigned before the first batch, and tries it again when that is worth it', async () => {
        await log.publish(topic, numbered(20));
        const gate = new Gate();
        let refusals = 2;
        const consumer = new (class extends RecordingConsumer {
          override async assigned(held: readonly number[]): Promise<void> {
            refusals -= 1;
            if (refusals >= 0) throw new WorthAnotherTry('not yet');
            await gate.opened;
            expect(this.seen).toEqual([]);
            super.assigned(held);
          }
        })();
        await log.consume({ topic, group }, consumer);
        await within('the third try', () => refusals < 0);
        gate.open();
        await within('all records', () => consumer.seen.length === 20);
      });

      test('works on different partitions at once, on each one batch at a time', async () => {
        await log.publish(topic, numbered(200));
        const running = new Map<number, number>();
        let overlapping = 0;
        let together = 0;
        const gate = new Gate();
        const consumer = new RecordingConsumer(async (batch) => {
          const here = (running.get(batch.partition) ?? 0) + 1;
          running.set(batch.partition, here);
          if (here > 1) overlapping += 1;
          together = Math.max(together, running.size);
          await gate.opened;
          await batch.commit();
          running.set(batch.partition, here - 1);
        });
        await log.consume({ topic, group, maxRecords: 5 }, consumer);
        await within('a batch of each partition in progress', () => together === partitions);
        gate.open();
        await within('all records', () => consumer.seen.length === 200);
        expect(overlapping).toBe(0);
      });

      test('lets the running batch finish and commit when it is stopped', async () => {
        await log.publish(topic, [textRecord('one', 'a')]);
        const gate = new Gate();
        let committed = false;
        const consumer = new RecordingConsumer(async (batch) => {
          await gate.opened;
          await batch.commit();
          committed = true;
        });
        const consumption = await log.consume({ topic, group }, consumer);
        await within('the batch', () => consumer.seen.length === 1);
        const stopped = consumption.stop();
        gate.open();
        await stopped;
        expect(committed).toBe(true);
        expect(consumer.held.size).toBe(0);
        const next = new RecordingConsumer();
        await log.consume({ topic, group }, next);
        await log.publish(topic, [textRecord('one', 'b')]);
        await within('the next record', () => next.seen.length > 0);
        expect(next.texts()).toEqual(['b']);
      });
    });

    describe('a group of two', () => {
      test('shares the partitions, and the one that stays takes over what the other had', async () => {
        const one = new RecordingConsumer();
        const other = new RecordingConsumer();
        const seen = () => one.seen.length + other.seen.length;
        await log.consume({ topic, group }, one);
        // A member that finds a new topic's partitions still without leaders joins again by itself; a second one that joins right
        // then makes it miss a generation, and it has to begin anew. So first the topic has to be at work.
        await log.publish(topic, numbered(100));
        await within('all records with the first', () => seen() === 100);
        const second = await log.consume({ topic, group }, other);
        await within('half with each', () => one.held.size === 2 && other.held.size === 2);
        expect([...one.held, ...other.held].sort()).toEqual([0, 1, 2, 3]);
        // What stays is not announced anew: to begin a partition is dear.
        expect(one.calls).toEqual(['assigned 0,1,2,3', `revoked ${[...other.held].join()}`]);
        await log.publish(topic, numbered(100));
        await within('all records between them', () => seen() >= 200);
        await second.stop();
        await within('all partitions with the first again', () => one.held.size === partitions);
        await log.publish(topic, numbered(100));
        await within('the rest', () => seen() >= 300);
        expect(other.held.size).toBe(0);
        expect(seen()).toBe(300);
      });

      test('hands partitions over between batches: no record twice, none left out, none by two at once', async () => {
        const running = new Map<number, number>();
        let overlapping = 0;
        const work = async (batch: Batch) => {
          running.set(batch.partition, (running.get(batch.partition) ?? 0) + 1);
          if (running.get(batch.partition)! > 1) overlapping += 1;
          // Long enough for the group to change in the middle of it.
          await new Promise((resolve) => setTimeout(resolve, 5));
          await batch.commit();
          running.set(batch.partition, running.get(batch.partition)! - 1);
        };
        const consumers = [
          new RecordingConsumer(work),
          new RecordingConsumer(work),
          new RecordingConsumer(work),
        ] as const;
        const seen = () => consumers.flatMap((consumer) => consumer.seen);
        // Something is under way on every partition the whole time, but no heap of it.
        let published = 0;
        let publishing = true;
        const publisher = (async () => {
          while (publishing) {
            await within('most to be consumed', () => published - seen().length < 200);
            await log.publish(topic, numbered(100));
            published += 100;
          }
        })();
        const isAtWork = async (consumer: RecordingConsumer) => {
          const before = consumer.seen.length;
          await within(
            'a consumer to have a share and work',
            () => consumer.held.size > 0 && consumer.seen.length > before + 50,
          );
        };
        await log.consume({ topic, group, maxRecords: 3 }, consumers[0]);
        await isAtWork(consumers[0]);
        const second = await log.consume({ topic, group, maxRecords: 3 }, consumers[1]);
        await isAtWork(consumers[1]);
        await isAtWork(consumers[0]);
        await log.consume({ topic, group, maxRecords: 3 }, consumers[2]);
        await isAtWork(consumers[2]);
        await isAtWork(consumers[0]);
        await second.stop();
        await within(
          'all partitions with the two',
          () => consumers[0].held.size + consumers[2].held.size === partitions,
        );
        await isAtWork(consumers[0]);
        publishing = false;
        await publisher;
        await within('all records', () => seen().length >= published);
        const taken = consumers.flatMap(({ calls }) => calls.filter((call) => call.startsWith('assigned')));
        // All four, two for the second, one for the third, and at most two that the second leaves behind.
        expect(taken.join().match(/\d/g)!.length).toBeLessThanOrEqual(9);
        expect(overlapping).toBe(0);
        for (let partition = 0; partition < partitions; partition += 1) {
          const offsets = seen()
            .filter((one) => one.partition === partition)
            .map(({ offset }) => offset);
          expect(offsets.sort((a, b) => a - b)).toEqual(offsets.map((_, at) => at));
        }
      });

      test('keeps a batch from committing once its partition was taken away', async () => {
        await log.publish(topic, numbered(100));
        const gate = new Gate();
        const batches: Batch[] = [];
        const slow = new RecordingConsumer(async (batch) => {
          batches.push(batch);
          if (batches.length <= partitions) await gate.opened;
          if (!batch.isStale()) await batch.commit();
        });
        await log.consume({ topic, group }, slow);
        await within('a batch of each partition', () => batches.length === partitions);
        const quick = new RecordingConsumer();
        await log.consume({ topic, group }, quick);
        await within('some batch to be stale', () => batches.some((batch) => batch.isStale()));
        const stale = batches.find((batch) => batch.isStale())!;
        await expect(stale.commit()).rejects.toMatchObject({ code: 'stale-batch', retriable: true });
        await expect(stale.heartbeat()).rejects.toMatchObject({ code: 'stale-batch' });
        gate.open();
        const texts = new Set<string>();
        await within('all records in the end', () => {
          for (const text of [...slow.texts(), ...quick.texts()]) texts.add(text);
          return texts.size === 100 && quick.held.size === 2;
        });
        await within('the records of the stale batch with whoever has the partition now', () =>
          stale.records.every(({ value }) => {
            const times = [...slow.texts(), ...quick.texts()].filter((text) => text === value.toString()).length;
            return times === 2;
          }),
        );
      });
    });

    describe('closing', () => {
      test('revokes what is held, and refuses everything after', async () => {
        const consumer = new RecordingConsumer();
        await log.consume({ topic, group }, consumer);
        await within('the partitions', () => consumer.held.size === partitions);
        await log.close();
        expect(consumer.held.size).toBe(0);
        await log.close();
        await expect(log.publish(topic, [textRecord('a', 'b')])).rejects.toMatchObject({ code: 'closed' });
      });
    });
  });
}
