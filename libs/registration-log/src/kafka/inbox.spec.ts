import { describe, expect, it } from '@jest/globals';
import type { ReceivedRecord } from '../registration-log.js';
import { Inbox } from './inbox.js';

const record = (offset: number, bytes = 1): ReceivedRecord => {
  return { key: null, value: Buffer.alloc(bytes), headers: {}, offset, timestamp: 0 };
};
const offsets = (records: readonly ReceivedRecord[]) => records.map(({ offset }) => offset);

function open(maxRecords = 2) {
  const steps: string[] = [];
  const inbox = new Inbox({
    topic: 't',
    partition: 0,
    maxRecords,
    control: {
      seek: (_, offset) => void steps.push(`seek ${offset}`),
      pause: () => void steps.push('pause'),
      resume: () => void steps.push('resume'),
      commit: async (_, next) => void steps.push(`commit ${next}`),
    },
  });
  return { inbox, steps };
}

describe('an inbox', () => {
  it('hands out what came, in portions', async () => {
    const { inbox, steps } = open();
    inbox.accept(5, [record(5), record(6), record(8)], 9);
    expect(offsets(await inbox.read(0, 2))).toEqual([5, 6]);
    expect(offsets(await inbox.read(7, 2))).toEqual([8]);
    expect(offsets(await inbox.read(9, 2))).toEqual([]);
    expect(steps).toEqual([]);
  });

  it('drops what comes a second time', async () => {
    const { inbox } = open();
    inbox.accept(0, [record(0), record(1)], 2);
    inbox.accept(0, [record(0), record(1), record(2)], 3);
    expect(offsets(await inbox.read(0, 10))).toEqual([0, 1, 2]);
  });

  it('asks once for what is missing in between, and goes on when it is no longer there', async () => {
    const { inbox, steps } = open();
    inbox.accept(0, [record(0)], 1);
    expect(inbox.accept(5, [record(5)], 6)).toBe(false);
    expect(steps).toEqual(['seek 1']);
    expect(inbox.accept(5, [record(5)], 6)).toBe(true);
    expect(offsets(await inbox.read(0, 10))).toEqual([0, 5]);
  });

  it('goes back to the committed offset, and forgets what it held beyond', async () => {
    const { inbox, steps } = open();
    inbox.accept(3, [record(3), record(4), record(5)], 6);
    await inbox.read(0, 2);
    await inbox.commit(4, () => false);
    await inbox.read(5, 2);
    const from = await inbox.committed();
    expect(from).toBe(4);
    expect(offsets(await inbox.read(from, 2))).toEqual([]);
    inbox.accept(4, [record(4), record(5)], 6);
    expect(offsets(await inbox.read(from, 2))).toEqual([4, 5]);
    expect(steps).toEqual(['commit 4', 'seek 4']);
  });

  it('goes back to where the group stood when nothing was committed yet', async () => {
    const { inbox, steps } = open();
    inbox.accept(7, [record(7)], 8);
    await inbox.read(0, 2);
    await inbox.read(await inbox.committed(), 2);
    expect(steps).toEqual(['seek 7']);
  });

  it('never commits backwards', async () => {
    const { inbox, steps } = open();
    await inbox.commit(9, () => false);
    await inbox.commit(4, () => false);
    expect(steps).toEqual(['commit 9']);
  });

  it('pauses when it is full, by number or by size, and resumes when there is room', async () => {
    const { inbox, steps } = open(2);
    inbox.accept(
      0,
      Array.from({ length: 8 }, (_, at) => record(at)),
      8,
    );
    expect(steps).toEqual(['pause']);
    await inbox.read(0, 2);
    expect(steps).toEqual(['pause']);
    await inbox.read(2, 2);
    expect(steps).toEqual(['pause', 'resume']);
    inbox.accept(8, [record(8, 5_000_000)], 9);
    expect(steps).toEqual(['pause', 'resume', 'pause']);
    await inbox.read(4, 10);
    expect(steps.at(-1)).toBe('resume');
  });

  it('goes on after a rebalance where it was', () => {
    const { inbox, steps } = open();
    inbox.reposition();
    expect(steps).toEqual([]);
    inbox.accept(5, [record(5)], 6);
    inbox.reposition();
    expect(steps).toEqual(['seek 6']);
  });
});
