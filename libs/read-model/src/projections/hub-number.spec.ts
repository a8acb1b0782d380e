import { expect, it } from '@jest/globals';
import { hubNumber } from './hub-number.js';

it('gives every hub a number of its own, now and whenever it is asked again', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `hub-${index}.example.net`);
  const numbers = keys.map(hubNumber);
  expect(new Set(numbers).size).toBe(keys.length);
  expect(keys.map(hubNumber)).toEqual(numbers);
});

it('gives the same number for ever: tables hold it', () => {
  expect(hubNumber('hub-a')).toBe(0xfb8cdf12269a);
});
