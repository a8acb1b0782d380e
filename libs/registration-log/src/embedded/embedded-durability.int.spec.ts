import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type ChildProgram, CompiledLibrary } from '../child-program.js';
import { eventually, RecordingConsumer } from '../registration-log.contract.js';
import { openEmbeddedLog } from './embedded-log.js';

const topic = 'berth.registrations';
const record = (key: string, text: string) => ({ key, value: Buffer.from(text), headers: {} });

// Publishes as fast as it can and tells its parent what was acknowledged; consumes and tells what was committed.
const busyProgram = `
  import { openEmbeddedLog } from './embedded/embedded-log.js';
  const log = await openEmbeddedLog({ dataFolder: process.argv[2], partitions: 4 });
  await log.consume({ topic: '${topic}', group: 'g', maxRecords: 10 }, {
    assigned() {}, revoked() {},
    async batch(batch) {
      await batch.commit();
      process.send({ committed: { partition: batch.partition, next: batch.records.at(-1).offset + 1 } });
    },
  });
  const publishOn = async (writer) => {
    for (let at = 0; ; at += 1) {
      const text = writer + ' ' + at;
      const [receipt] = await log.publish('${topic}', [{ key: text, value: Buffer.from(text), headers: { writer } }]);
      process.send({ acknowledged: { text, ...receipt } });
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(publishOn));
`;

interface Acknowledged {
  text: string;
  partition: number;
  offset: number;
}

interface Committed {
  partition: number;
  next: number;
}

describe('the embedded log', () => {
  let library: CompiledLibrary;
  let dataFolder: string;
  const children: ChildProgram[] = [];

  beforeAll(async () => {
    library = await CompiledLibrary.make();
  }, 60_000);
  afterAll(() => library.remove());
  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'berth-log-'));
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()));
    await rm(dataFolder, { recursive: true, force: true });
  });

  const startBusy = async () => {
    const child = await library.run(busyProgram, [dataFolder]);
    children.push(child);
    return child;
  };

  it('built to JavaScript, keeps over kill -9 all it acknowledged and all offsets it committed', async () => {
    for (let round = 0; round < 3; round += 1) {
      const child = await startBusy();
      await eventually('some hundred messages', () => child.messages.length > 300, 15_000);
      await child.kill();
      const acknowledged = child.messages.flatMap((message) =>
        typeof message === 'object' && message !== null && 'acknowledged' in message
          ? [message.acknowledged as Acknowledged]
          : [],
      );
      const committed = child.messages.flatMap((message) =>
        typeof message === 'object' && message !== null && 'committed' in message
          ? [message.committed as Committed]
          : [],
      );
      expect(acknowledged.length).toBeGreaterThan(50);
      expect(committed.length).toBeGreaterThan(10);

      const log = await openEmbeddedLog({ dataFolder, partitions: 4 });
      const lost: Acknowledged[] = [];
      for (const one of acknowledged) {
        const [found] = await log.read(topic, one.partition, one.offset, 1);
        if (found?.offset !== one.offset || found.value.toString() !== one.text) lost.push(one);
      }
      expect(lost).toEqual([]);

      const consumer = new RecordingConsumer(() => Promise.resolve());
      const receipts = await log.publish(
        topic,
        Array.from({ length: 64 }, (_, at) => record(`after-${round}-${at}`, 'after')),
      );
      const ends = new Map(receipts.map(({ partition, offset }) => [partition, offset]));
      await log.consume({ topic, group: 'g' }, consumer);
      await eventually(
        'the end of every partition',
        () =>
          [...ends].every(([partition, end]) =>
            consumer.seen.some((one) => one.partition === partition && one.offset === end),
          ),
        10_000,
      );
      const again = committed.filter(({ partition, next }) =>
        consumer.seen.some((one) => one.partition === partition && one.offset < next),
      );
      expect(again).toEqual([]);
      for (const [partition] of ends) {
        const offsets = (await log.read(topic, partition, 0, 1_000_000)).map(({ offset }) => offset);
        expect(offsets).toEqual(offsets.map((_, at) => at));
      }
      await log.close();
    }
  }, 60_000);

  it('refuses a folder that another process has open, until that process is gone', async () => {
    const child = await startBusy();
    await eventually('the other process to have it', () => child.messages.length > 0, 15_000);
    await expect(openEmbeddedLog({ dataFolder, partitions: 4 })).rejects.toMatchObject({
      code: 'folder-in-use',
      retriable: false,
    });
    await child.kill();
    const log = await openEmbeddedLog({ dataFolder, partitions: 4 });
    await log.close();
  });

  it('refuses a folder that is open in the same process', async () => {
    const log = await openEmbeddedLog({ dataFolder, partitions: 4 });
    await expect(openEmbeddedLog({ dataFolder, partitions: 4 })).rejects.toMatchObject({ code: 'folder-in-use' });
    await log.publish(topic, [record('a', 'still works')]);
    await log.close();
  });

  it('refuses files that are not its own, and leaves them as they were', async () => {
    const file = join(dataFolder, 'registration-log.sqlite');
    await writeFile(file, 'not a database, but long enough to be looked at '.repeat(100));
    await expect(openEmbeddedLog({ dataFolder, partitions: 4 })).rejects.toMatchObject({ code: 'unknown-format' });
    await rm(file);
    const other = new DatabaseSync(file);
    other.exec('CREATE TABLE mine (x); INSERT INTO mine VALUES (1)');
    other.close();
    await expect(openEmbeddedLog({ dataFolder, partitions: 4 })).rejects.toMatchObject({ code: 'unknown-format' });
  });

  it('refuses what a newer Berth wrote', async () => {
    await (await openEmbeddedLog({ dataFolder, partitions: 4 })).close();
    const database = new DatabaseSync(join(dataFolder, 'registration-log.sqlite'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(openEmbeddedLog({ dataFolder, partitions: 4 })).rejects.toMatchObject({ code: 'unknown-format' });
  });

  it('refuses to queue without bound, takes none of what it refuses, and takes more once it has caught up', async () => {
    const log = await openEmbeddedLog({ dataFolder, partitions: 4, queueBytesMax: 100_000 });
    const large = (text: string) => record('a', text.padEnd(40_000));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, at) => log.publish(topic, [large(`${at}`)])),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(8);
    for (const one of refused) expect(one).toMatchObject({ reason: { code: 'queue-full', retriable: true } });
    const [receipt] = await log.publish(topic, [large('later')]);
    expect(receipt!.offset).toBe(2);
    await log.close();
  });

  it('gives a consumer that won’t let go of a partition only so much time', async () => {
    const log = await openEmbeddedLog({ dataFolder, partitions: 1, handoverMs: 50 });
    await log.publish(topic, [record('a', 'x')]);
    let release: () => void = () => undefined;
    const stuck = new RecordingConsumer(() => new Promise<void>((resolve) => (release = resolve)));
    const consumption = await log.consume({ topic, group: 'g' }, stuck);
    await eventually('the batch', () => stuck.seen.length === 1, 5_000);
    const next = new RecordingConsumer();
    await log.consume({ topic, group: 'g' }, next);
    await consumption.stop();
    await eventually('the same record elsewhere', () => next.seen.length === 1, 5_000);
    release();
    await log.close();
  });
});
