import { describe, expect, it } from '@jest/globals';
import { rateLimitsFor } from './rate-limits.js';

describe('rate limits', () => {
  let now = 0;
  const clock = { now: () => now };

  it('take what a minute allows of each caller, and say when to ask again', () => {
    const limits = rateLimitsFor({ operationsPerMinute: 3, registrationsPerMinute: 0 }, clock);
    const take = (caller = 'ops') => limits.take('operationsPerMinute', caller, 1);
    expect([take(), take(), take(), take()]).toEqual([null, null, null, 60]);
    expect(take('ci')).toBeNull();
    now += 59_001;
    expect(take()).toBe(1);
    now += 999;
    expect([take(), take(), take(), take()]).toEqual([null, null, null, 60]);
  });

  it('take a batch as a whole while anything is left, so that none is too large for ever', () => {
    const limits = rateLimitsFor({ operationsPerMinute: 0, registrationsPerMinute: 10 }, clock);
    const take = (count: number) => limits.take('registrationsPerMinute', 'gateway', count);
    expect([take(9), take(1000), take(1), take(0)]).toEqual([null, null, 60, null]);
  });

  it('are none at 0', () => {
    const limits = rateLimitsFor({ operationsPerMinute: 0, registrationsPerMinute: 0 }, clock);
    for (let times = 0; times < 100; times += 1) expect(limits.take('operationsPerMinute', 'ops', 1000)).toBeNull();
  });
});
