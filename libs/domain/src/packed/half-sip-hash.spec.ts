import { describe, expect, it } from '@jest/globals';
import { halfSipHash } from './half-sip-hash.js';

/** Bytes 0, 1, 2, …, two a unit. */
const counting = (units: number) =>
  Array.from({ length: units }, (_, at) => String.fromCharCode((2 * at) | ((2 * at + 1) << 8))).join('');

describe('halfSipHash', () => {
  it('gives the values of the reference for 0, 2, 4, … bytes', () => {
    // Linux, lib/tests/siphash_kunit.c: HalfSipHash-1-3 under the key 00 01 … 07, every second value.
    const values = [0x5814c896, 0xbc4b0e30, 0x7e059ea6, 0xa0080b65, 0x577999b1, 0xe4fa32cf];
    const lengths = [...values.keys()];
    expect(lengths.map((units) => halfSipHash(counting(units), 0x03020100, 0x07060504))).toEqual(values);
  });

  it('is another one under another key', () => {
    expect(halfSipHash('press-01', 1, 2)).not.toBe(halfSipHash('press-01', 1, 3));
    expect(halfSipHash('press-01', 1, 2)).not.toBe(halfSipHash('press-01', 2, 2));
  });
});
