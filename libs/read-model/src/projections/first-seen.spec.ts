import { describe, expect, it } from '@jest/globals';
import { FirstSeen } from './first-seen.js';

const keys = Array.from({ length: 100_000 }, (_, index) => `device-${index}`);

describe('Keys that come for the first time', () => {
  it('are never taken for new twice', () => {
    const seen = new FirstSeen();
    for (const key of keys) seen.add('registrations', key);
    expect(keys.filter((key) => seen.add('registrations', key))).toEqual([]);
  });

  it('are hardly ever taken for old', () => {
    const seen = new FirstSeen();
    const taken = keys.filter((key) => !seen.add('registrations', key));
    expect(taken.length).toBeLessThan(10);
  });

  it('are those of one table', () => {
    const seen = new FirstSeen();
    for (const key of keys) seen.add('registrations', key);
    expect(keys.filter((key) => !seen.add('enrollments', key)).length).toBeLessThan(100);
  });
});
