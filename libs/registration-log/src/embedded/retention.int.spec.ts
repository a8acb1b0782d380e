import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, RecordingConsumer } from '../registration-log.contract.js';
import type { RegistrationLog } from '../registration-log.js';
import { openEmbeddedLog } from './embedded-log.js';

const topic = 'berth.registrations';
const unread = 'berth.assignments';

let dataFolder: string;
let log: RegistrationLog;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-log-'));
});
afterEach(async () => {
  await log.close();
  await rm(dataFolder, { recursive: true, force: true });
});

const open = async (keepMs: number, sweepMs = 5) => {
  log = await openEmbeddedLog({ dataFolder, partitions: 1, retention: { keepMs, sweepMs } });
};
/** One segment each. */
const publish = async (count: number, to = topic) => {
  for (let at = 0; at < count; at += 1) await log.publish(to, [{ key: 'a', value: Buffer.from('x'), headers: {} }]);
};
const offsets = async (of = topic) => (await log.read(of, 0, 0, 1000)).map(({ offset }) => offset);
const commitTo = async (group: string, next: number) => {
  const consumer = new RecordingConsumer(async (batch) => {
    if (batch.records.at(-1)!.offset < next) await batch.commit();
  });
  const consumption = await log.consume({ topic, group, maxRecords: 1 }, consumer);
  const isDone = () => consumer.seen.some(({ offset }) => offset >= next - 1);
  if (next > 0) await eventually('the group to get there', isDone, 5_000);
  await consumption.stop();
};
const eventuallyOffsets = async (expected: readonly number[], of = topic) => {
  const deadline = Date.now() + 5_000;
  while ((await offsets(of)).join() !== expected.join() && Date.now() < deadline);
  expect(await offsets(of)).toEqual(expected);
};

/** Five records, of which the group has committed some, in a log that may forget them at once. */
const openWithCommitted = async (next: number) => {
  await open(60_000);
  await publish(5);
  await commitTo('one', next);
  await log.close();
  await open(0);
};

describe('old records', () => {
  it('go once every group has committed them', async () => {
    await open(60_000);
    await publish(10);
    await commitTo('one', 7);
    await commitTo('other', 4);
    await log.close();
    await open(0);
    await eventuallyOffsets([4, 5, 6, 7, 8, 9]);
    await commitTo('other', 10);
    await eventuallyOffsets([7, 8, 9]);
  });

  it('stay for a group that has begun, though it has committed nothing yet', async () => {
    await openWithCommitted(0);
    await publish(2);
    expect(await offsets()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('go by time alone where no group has ever consumed', async () => {
    await open(0);
    await publish(5, unread);
    await eventuallyOffsets([4], unread);
  });

  it('stay while they are young', async () => {
    await open(60_000, 1);
    await publish(5);
    await commitTo('one', 5);
    await publish(1);
    expect(await offsets()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('never take the next offset with them, not even all of them and over a restart', async () => {
    await openWithCommitted(5);
    await eventuallyOffsets([4]);
    await log.close();
    await open(0);
    const [receipt] = await log.publish(topic, [{ key: 'a', value: Buffer.from('x'), headers: {} }]);
    expect(receipt!.offset).toBe(5);
  });

  it('do not come in the way of a group that begins after they are gone', async () => {
    await openWithCommitted(3);
    await eventuallyOffsets([3, 4]);
    const late = new RecordingConsumer();
    await log.consume({ topic, group: 'late' }, late);
    await eventually('what is left', () => late.seen.length === 2, 5_000);
    expect(late.seen.map(({ offset }) => offset)).toEqual([3, 4]);
  });
});
