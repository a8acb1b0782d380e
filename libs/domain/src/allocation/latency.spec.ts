import { describe, expect, it } from '@jest/globals';
import { freshLatencies, isOutdone, latencyStaleAfterMs, measurementsOf, reachOf } from './latency.js';

const sentAt = Date.UTC(2026, 0, 1);

describe('a measurement', () => {
  const fresh = (latency: Parameters<typeof measurementsOf>[0][string], later = 0) => [
    ...freshLatencies(measurementsOf({ 'Hub-A': latency }, sentAt), sentAt + later),
  ];

  it('counts in whole microseconds, whatever the spelling of the hub', () => {
    expect(fresh({ ms: 12.4 })).toEqual([['hub-a', 12_400]]);
    expect(fresh({ ms: 0, samples: 1 })).toEqual([['hub-a', 0]]);
    expect(fresh({ ms: 3, ageMs: latencyStaleAfterMs })).toHaveLength(1);
  });

  it.each([
    ['has no samples', { ms: 3, samples: 0 }, 0],
    ['was too old when it was sent', { ms: 3, ageMs: latencyStaleAfterMs + 1 }, 0],
    ['has become too old since', { ms: 3, ageMs: latencyStaleAfterMs }, 1],
  ])('says nothing, and never zero, when it %s', (_what, latency, later) => {
    expect(fresh(latency, later)).toEqual([]);
  });
});

describe('just as near', () => {
  it('are hubs within 5 ms or a tenth of the best, whichever is wider', () => {
    expect(reachOf(20_000)).toBe(25_000);
    expect(reachOf(200_000)).toBe(220_000);
  });
});

describe('a device', () => {
  it('is outdone past the margin only', () => {
    expect(isOutdone(100_000, 80_000)).toBe(false);
    expect(isOutdone(100_000, 79_999)).toBe(true);
  });

  it('is not outdone by a hub that is just as near', () => {
    expect(isOutdone(6_000, 1_000)).toBe(false);
    expect(isOutdone(6_001, 1_000)).toBe(true);
  });

  it('does not know when either is unknown', () => {
    expect(isOutdone(null, 1)).toBeNull();
    expect(isOutdone(100_000, null)).toBeNull();
  });
});
