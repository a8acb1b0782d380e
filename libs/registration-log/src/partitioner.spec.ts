import { describe, expect, it } from '@jest/globals';
import { murmur2, Partitioner, partitionOf } from './partitioner.js';

describe('murmur2', () => {
  // From org.apache.kafka.common.utils.UtilsTest#testMurmur2: what the Java client does.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s is what the Java client computes', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });
});

describe('placing', () => {
  it('takes the bytes of a key, not its characters', () => {
    expect(partitionOf('gerät-ü', 64)).toBe(partitionOf(Buffer.from('gerät-ü', 'utf8'), 64));
  });

  it('never leaves the partitions, and uses them all', () => {
    const used = new Set(Array.from({ length: 5_000 }, (_, at) => partitionOf(`device-${at}`, 64)));
    expect([...used].sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, at) => at));
  });

  it('takes turns without a key', () => {
    const partitioner = new Partitioner();
    expect([1, 2, 3, 4].map(() => partitioner.place(null, 3))).toEqual([0, 1, 2, 0]);
  });
});
