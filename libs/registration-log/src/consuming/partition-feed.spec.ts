import { describe, expect, it } from '@jest/globals';
import { eventually, Gate, RecordingConsumer } from '../registration-log.contract.js';
import { type FeedSource, PartitionFeed } from './partition-feed.js';

const record = (offset: number) => ({ key: null, value: Buffer.from(`${offset}`), headers: {}, offset, timestamp: 0 });

/** A partition of ten records. */
function source(commits: number[] = []): FeedSource {
  return {
    topic: 't',
    partition: 0,
    committed: async () => commits.at(-1) ?? 0,
    read: async (from, max) => Array.from({ length: 10 }, (_, at) => record(at)).slice(from, from + max),
    commit: async (next) => void commits.push(next),
  };
}

function feedFor(consumer: RecordingConsumer, given = source(), faults: unknown[] = []) {
  return new PartitionFeed({
    source: given,
    consumer,
    maxRecords: 2,
    backOff: { firstMs: 1, mostMs: 5 },
    onFault: (error) => void faults.push(error),
  });
}

describe('a feed', () => {
  it('that is held begins no batch, waits for the running one, and goes on where it was', async () => {
    const gate = new Gate();
    const commits: number[] = [];
    const consumer = new RecordingConsumer(async (batch) => {
      await gate.opened;
      await batch.commit();
    });
    const feed = feedFor(consumer, source(commits));
    const ended = feed.run();
    await eventually('the first batch', () => consumer.seen.length === 2, 1_000);
    expect(await feed.hold(10)).toBe(false);
    const held = feed.hold(1_000);
    gate.open();
    expect(await held).toBe(true);
    expect(consumer.seen).toHaveLength(2);
    expect(commits).toEqual([2]);
    feed.resume();
    await eventually('the rest', () => consumer.seen.length === 10, 1_000);
    expect(await feed.hold(1_000)).toBe(true);
    feed.drain();
    await ended;
  });

  it('that is drained lets its batch commit; one that is revoked does not', async () => {
    for (const end of ['drain', 'revoke'] as const) {
      const gate = new Gate();
      const outcomes: string[] = [];
      const consumer = new RecordingConsumer(async (batch) => {
        await gate.opened;
        await batch.commit().then(
          () => outcomes.push('committed'),
          (fault: { code: string }) => outcomes.push(fault.code),
        );
      });
      const feed = feedFor(consumer);
      const ended = feed.run();
      await eventually('the first batch', () => consumer.seen.length === 2, 1_000);
      feed[end]();
      gate.open();
      await ended;
      expect(outcomes).toEqual([end === 'drain' ? 'committed' : 'stale-batch']);
      expect(consumer.seen).toHaveLength(2);
    }
  });

  it('reports a throw that is not worth another try, unless the batch was not ours any more', async () => {
    for (const [revoked, reported] of [
      [false, 1],
      [true, 0],
    ] as const) {
      const faults: unknown[] = [];
      const gate = new Gate();
      const consumer = new RecordingConsumer(async () => {
        await gate.opened;
        throw new Error('defect');
      });
      const feed = feedFor(consumer, source(), faults);
      const ended = feed.run();
      await eventually('the first batch', () => consumer.seen.length === 2, 1_000);
      if (revoked) feed.revoke();
      gate.open();
      await ended;
      expect(faults).toHaveLength(reported);
    }
  });
});
