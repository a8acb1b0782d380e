import { describe, expect, it } from '@jest/globals';
import { freshLatencies, isOutdone, latencyStaleAfterMs, leaving, measurementsOf, reachOf } from './latency.js';

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
    expect(reachOf([25_000, 20_000])).toBe(25_000);
    expect(reachOf([200_000, 300_000])).toBe(220_000);
    expect(reachOf([])).toBeNull();
  });
});

describe('a device', () => {
  it('is outdone past the margin only', () => {
    expect(isOutdone(100_000, [90_000, 80_000])).toBe(false);
    expect(isOutdone(100_000, [90_000, 79_999])).toBe(true);
  });

  it('is not outdone by a hub that is just as near', () => {
    expect(isOutdone(6_000, [1_000])).toBe(false);
    expect(isOutdone(6_001, [1_000])).toBe(true);
  });

  it('does not know when either is unknown', () => {
    expect(isOutdone(null, [1])).toBeNull();
    expect(isOutdone(100_000, [])).toBeNull();
  });
});

/**
 * Section C of the notes on allocation: two hubs 40 and 43 ms away, noise that only adds, one sample in fifty 50 ms late,
 * averaged with a weight of 0.2 for the newest.
 */
describe('with noise and spikes', () => {
  const evaluations = 30_000;

  /** Small and seeded, so that every run sees the same noise. */
  function* randoms(seed: number): Generator<number, never> {
    let state = seed;
    for (;;) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      yield state / 2 ** 32;
    }
  }

  function movesPerThousand(sigmaMs: number, rule: (streak: number) => boolean): number {
    const random = randoms(20_261_122);
    const next = () => random.next().value;
    const noise = () => Math.abs(Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())) * sigmaMs;
    const average: Record<string, number> = { a: 40, b: 43 };
    let present = 'a';
    let streak = 0;
    let moves = 0;
    for (let evaluation = 0; evaluation < evaluations; evaluation += 1) {
      for (const [hub, rtt] of [
        ['a', 40],
        ['b', 43],
      ] as const) {
        const sample = rtt + noise() + (next() < 0.02 ? 50 : 0);
        average[hub] = 0.8 * (average[hub] as number) + 0.2 * sample;
      }
      const us = (hub: string) => Math.round(1000 * (average[hub] as number));
      const other = present === 'a' ? 'b' : 'a';
      streak = isOutdone(us(present), [us(other)]) ? streak + 1 : 0;
      if (!rule(streak)) continue;
      present = other;
      streak = 0;
      moves += 1;
    }
    return (moves / evaluations) * 1000;
  }

  it.each([2, 5, 10])('of %d ms a device hardly ever moves, and three in a row is what does it', (sigmaMs) => {
    const patient = movesPerThousand(sigmaMs, (streak) => streak >= leaving.evaluations);
    const hasty = movesPerThousand(sigmaMs, (streak) => streak >= 1);
    console.log(
      `noise ${sigmaMs} ms: ${patient.toFixed(2)} moves a device in 1,000 evaluations, ${hasty.toFixed(2)} without patience`,
    );
    expect(patient).toBeLessThan(1.5);
    expect(patient).toBeLessThan(hasty / 1.5);
  });
});
