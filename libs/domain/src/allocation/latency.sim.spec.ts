import { beforeAll, describe, expect, it } from '@jest/globals';
import { HubBoard } from './hub-board.js';
import { isOutdone, type KnownLatency, latencyStaleAfterMs, leaving } from './latency.js';
import { evaluate } from './lowest-latency.js';

/** BERTH_SEED repeats a run. */
const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);

beforeAll(() => console.log(`Seed ${seed}; repeat with BERTH_SEED=${seed}`));

function* randoms(from: number): Generator<number, never> {
  let state = from >>> 0;
  for (;;) {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    yield ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }
}

/** Round trips of one hub: noise that only adds, one sample in fifty 50 ms late; averaged with a weight of 0.2 for the newest. */
class Measured {
  averageMs: number;
  latestMs: number;

  constructor(
    public rttMs: number,
    private readonly sigmaMs: number,
    private readonly random: Generator<number, never>,
  ) {
    this.averageMs = this.latestMs = rttMs;
  }

  sample(): void {
    const next = () => this.random.next().value;
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    this.latestMs = this.rttMs + Math.abs(normal) * this.sigmaMs + (next() < 0.02 ? 50 : 0);
    this.averageMs = 0.8 * this.averageMs + 0.2 * this.latestMs;
  }
}

type Rule = (present: Measured, other: Measured, before: number) => { streak: number; moves: boolean };
const us = (ms: number) => Math.round(1000 * ms);
const nearest =
  (of: (hub: Measured) => number): Rule =>
  (present, other) => ({ streak: 0, moves: of(other) < of(present) });
const byMargin =
  (evaluations: number): Rule =>
  (present, other, before) => {
    const streak = isOutdone(us(present.averageMs), us(other.averageMs)) ? before + 1 : 0;
    return { streak, moves: streak >= evaluations };
  };
const rules = {
  'raw minimum': nearest(({ latestMs }) => latestMs),
  'least average': nearest(({ averageMs }) => averageMs),
  'past the margin': byMargin(1),
  'past the margin, three in a row': byMargin(leaving.evaluations),
};

/** Moves of a device in a thousand evaluations, between hubs 40 and 43 ms away. */
function movesPerThousand(sigmaMs: number, rule: Rule, evaluations = 100_000): number {
  const random = randoms(seed);
  let [present, other] = [new Measured(40, sigmaMs, random), new Measured(43, sigmaMs, random)];
  let streak = 0;
  let moves = 0;
  for (let evaluation = 0; evaluation < evaluations; evaluation += 1) {
    present.sample();
    other.sample();
    const judged = rule(present, other, streak);
    streak = judged.moves ? 0 : judged.streak;
    if (!judged.moves) continue;
    [present, other] = [other, present];
    moves += 1;
  }
  return (moves / evaluations) * 1000;
}

/** Section C of the notes on allocation, with its two hubs, noise and rules; cool-down aside, which would only hide the noise. */
describe('with noise and spikes', () => {
  it.each([2, 5, 10])('of %d ms each rule moves a device less than the one before, and ours hardly ever', (sigmaMs) => {
    const moves = Object.entries(rules).map(([name, rule]) => [name, movesPerThousand(sigmaMs, rule)] as const);
    const figures = moves.map(([name, count]) => `${name} ${count.toFixed(2)}`).join(', ');
    console.log(`noise ${sigmaMs} ms, moves of a device in 1,000 evaluations: ${figures}`);
    const [raw, average, margin, patient] = moves.map(([, count]) => count) as [number, number, number, number];
    expect(raw).toBeGreaterThan(80);
    expect(average).toBeLessThan(raw / 2);
    expect(margin).toBeLessThan(average / 5);
    expect(patient).toBeLessThan(Math.min(1, margin / 2));
  });

  it('notices a real change from 40 to 80 ms after a few evaluations', () => {
    const random = randoms(seed);
    const delays = Array.from({ length: 2000 }, () => {
      const [present, other] = [new Measured(40, 5, random), new Measured(43, 5, random)];
      for (let warmUp = 0; warmUp < 20; warmUp += 1) for (const hub of [present, other]) hub.sample();
      present.rttMs = 80;
      for (let evaluation = 1, streak = 0; ; evaluation += 1) {
        for (const hub of [present, other]) hub.sample();
        const judged = byMargin(leaving.evaluations)(present, other, streak);
        if (judged.moves) return evaluation;
        ({ streak } = judged);
      }
    });
    const mean = delays.reduce((sum, it) => sum + it) / delays.length;
    console.log(`40 to 80 ms with noise of 5 ms: noticed after ${mean.toFixed(1)} evaluations`);
    expect(mean).toBeGreaterThanOrEqual(leaving.evaluations);
    expect(mean).toBeLessThan(8);
  });
});

describe('a device that looks again and again', () => {
  const hourMs = 3_600_000;
  const hub = (name: string) => ({ name, state: 'open' as const, weight: 1, capacity: null, load: 0 });
  const board = new HubBoard([hub('a'), hub('b')]);

  it('moves once in a cool-down at most, however hubs change places, and never by what is stale', () => {
    const random = randoms(seed);
    let [present, other] = [board.get('a')!, board.get('b')!];
    let [outdone, since, moves] = [0, 0, 0];
    const everyMs = 20 * 60_000;
    const days = 50;
    for (let at = 0; at < days * leaving.coolDownMs; at += everyMs) {
      // Every eight hours the far hub becomes the near one.
      const isNear = Math.floor(at / (8 * hourMs)) % 2 === 0 ? 'a' : 'b';
      const known = [present, other].flatMap(({ key }): [string, KnownLatency][] => {
        const ageMs = random.next().value * 2 * latencyStaleAfterMs;
        if (ageMs > latencyStaleAfterMs) return [];
        return [[key, { us: key === isNear ? 10_000 : 90_000, from: 'gateway' }]];
      });
      const stay = { before: outdone, isRepeat: false, onHubMs: at - since };
      const looked = evaluate(present, other, { latencies: new Map(known) }, stay);
      ({ outdone } = looked);
      if (known.length < 2) expect(looked).toEqual({ outdone: stay.before, leaves: false });
      if (!looked.leaves) continue;
      expect(at - since).toBeGreaterThanOrEqual(leaving.coolDownMs);
      [present, other, outdone, since] = [other, present, 0, at];
      moves += 1;
    }
    console.log(`${moves} moves in ${days} days, with hubs that change places every eight hours`);
    expect(moves).toBeGreaterThan(0);
    expect(moves).toBeLessThanOrEqual(days);
  });
});
