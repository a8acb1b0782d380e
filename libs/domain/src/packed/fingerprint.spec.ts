import { expect, it } from '@jest/globals';
import { fingerprint } from './fingerprint.js';

it('a fingerprint is a whole number of 53 bits, the same for ever, and another for another text', () => {
  // Snapshots have them: what these come to is never changed.
  expect(['', 'press-01', 'press-02'].map(fingerprint)).toEqual([6894761217161621, 804902081308190, 3065822630787657]);
  const many = Array.from({ length: 100_000 }, (_, index) => fingerprint(`wish-${index}`));
  expect(many.every((it) => Number.isSafeInteger(it) && it >= 0)).toBe(true);
  expect(new Set(many).size).toBe(many.length);
  expect(Math.max(...many.slice(0, 1000))).toBeGreaterThan(2 ** 52);
});
