import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, explain, type Placing } from './allocate.js';
import { type KnownLatency, leaving } from './latency.js';
import { evaluate } from './lowest-latency.js';
import { boardOf, hub } from './under-test/hubs.js';

const nearest: AllocationRule = {
  policy: 'lowestLatency',
  source: 'default',
  hubs: null,
  updateHubAssignment: true,
};
/** @param ms by hub key. */
const device = (ms: Record<string, number>, change: Partial<Placing> = {}): Placing => ({
  device: 'press-1',
  present: null,
  latencies: new Map(Object.entries(ms).map(([key, it]) => [key, { us: 1000 * it, from: 'registration' }])),
  leaves: false,
  ...change,
});

describe('lowestLatency', () => {
  it('takes the nearest hub, however full its neighbours are', () => {
    const board = boardOf(hub('A'), hub('B', { load: 1000 }), hub('C'));
    expect(allocate(nearest, board, device({ a: 40, b: 12, c: 30 }))?.name).toBe('B');
  });

  it('lets those just as near take turns', () => {
    const board = boardOf(hub('a', { load: 1 }), hub('b'), hub('c'));
    expect(allocate(nearest, board, device({ a: 12, b: 16.9, c: 18 }))?.name).toBe('b');
  });

  it('counts a hub at the very edge of the band as just as near, and says so', () => {
    const verdicts = (loads: [number, number], ms: number) => {
      const board = boardOf(hub('a', { load: loads[0] }), hub('b', { load: loads[1] }));
      return explain(nearest, board, device({ a: 12, b: ms })).map(({ verdict }) => verdict);
    };
    expect(verdicts([1, 0], 17)).toEqual(['eligible', 'chosen']);
    expect(verdicts([0, 1], 17)).toEqual(['chosen', 'eligible']);
    expect(verdicts([1, 0], 17.001)).toEqual(['chosen', 'farther']);
  });

  it('says of nobody that he is unknown when nothing is known of any hub that could take the device', () => {
    const board = boardOf(hub('a'), hub('b', { load: 1 }), hub('c', { state: 'draining' }));
    expect(explain(nearest, board, device({ c: 3 })).map(({ verdict }) => verdict)).toEqual([
      'chosen',
      'eligible',
      'draining',
    ]);
  });

  it('takes the next nearest when the nearest takes no devices', () => {
    const board = boardOf(hub('a', { state: 'cordoned' }), hub('b', { capacity: 3, load: 3 }), hub('c'), hub('d'));
    expect(allocate(nearest, board, device({ a: 1, b: 2, c: 90, d: 60 }))?.name).toBe('d');
  });

  it('leaves an unknown hub out beside known ones, and goes by turns when none is known', () => {
    const board = boardOf(hub('a'), hub('b', { load: 7 }));
    expect(allocate(nearest, board, device({ b: 500 }))?.name).toBe('b');
    expect(allocate(nearest, board, device({}))?.name).toBe('a');
    expect(allocate(nearest, board, device({ elsewhere: 1 }))?.name).toBe('a');
  });

  it('looks at the hubs of its list only', () => {
    const board = boardOf(hub('a'), hub('b'), hub('c'));
    expect(allocate({ ...nearest, hubs: ['C', 'b'] }, board, device({ a: 1, b: 30, c: 10 }))?.name).toBe('c');
  });

  it('keeps a device where it is until it has seen enough to leave', () => {
    const board = boardOf(hub('a'), hub('b'));
    const seen = { a: 80, b: 10 };
    expect(allocate(nearest, board, device(seen, { present: 'a' }))?.name).toBe('a');
    expect(allocate(nearest, board, device(seen, { present: 'a', leaves: true }))?.name).toBe('b');
    const never = { ...nearest, updateHubAssignment: false };
    expect(allocate(never, board, device(seen, { present: 'a', leaves: true }))?.name).toBe('a');
  });

  it('says of every hub how far it is, or that nobody knows', () => {
    const board = boardOf(hub('A'), hub('b', { load: 2 }), hub('c'), hub('d'), hub('e', { state: 'draining' }));
    const said = (ms: number) => ({ ms, from: 'registration' });
    expect(explain(nearest, board, device({ a: 12.4, b: 11, c: 18, e: 1 }))).toMatchObject([
      { hub: 'A', verdict: 'chosen', reason: null, score: '12.4 ms, turn 1/2', latency: said(12.4) },
      { hub: 'b', verdict: 'eligible', reason: null, score: '11 ms, turn 5/2', latency: said(11) },
      {
        hub: 'c',
        verdict: 'farther',
        reason: 'the hub is 18 ms away, the nearest 11 ms',
        score: null,
        latency: said(18),
      },
      { hub: 'd', verdict: 'unscored', reason: 'no fresh latency is known', score: null },
      { hub: 'e', verdict: 'draining', reason: 'the hub is draining', score: null, latency: said(1) },
    ]);
    expect(explain(nearest, boardOf(hub('a')), device({}))).toMatchObject([
      { hub: 'a', verdict: 'chosen', reason: null, score: 'turn 1/2' },
    ]);
  });

  it('measures by the hub that a device is on, though that takes no others, and spares hubs that start slowly', () => {
    const board = boardOf(hub('a', { state: 'cordoned' }), hub('b'), hub('c', { warmth: 100 }));
    const verdicts = (placing: Placing) => explain(nearest, board, placing).map(({ verdict }) => verdict);
    expect(verdicts(device({ a: 10, b: 80 }, { present: 'a' }))).toEqual(['kept', 'farther', 'unscored']);
    expect(verdicts(device({ a: 10, b: 80 }))).toEqual(['cordoned', 'chosen', 'unscored']);
    expect(verdicts(device({ b: 80, c: 80 }))).toEqual(['cordoned', 'chosen', 'slowStart']);
    // It is no measure for who isn't on it.
    const others = boardOf(hub('a', { state: 'cordoned' }), hub('b'), hub('c', { load: 1 }));
    const all = explain(nearest, others, device({ a: 10, b: 80, c: 82 }));
    expect(all.map(({ verdict }) => verdict)).toEqual(['cordoned', 'chosen', 'eligible']);
  });

  it('never goes past a nearer hub that is no tie, and explains the hub it chooses', () => {
    const states = fc.constantFrom('open' as const, 'cordoned' as const, 'draining' as const);
    const sources = fc.constantFrom('registration' as const, 'gateway' as const, 'region' as const);
    const hubs = fc.array(
      fc.record({ state: states, us: fc.option(fc.nat(200_000)), from: sources, load: fc.nat(9) }),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(hubs, fc.option(fc.nat(7)), fc.boolean(), (given, at, leaves) => {
        const board = boardOf(...given.map(({ state, load }, index) => hub(`hub-${index}`, { state, load })));
        const latencies = new Map<string, KnownLatency>(
          given.flatMap(({ us, from }, index) => (us === null ? [] : [[`hub-${index}`, { us, from }] as const])),
        );
        const present = at === null ? null : `hub-${at}`;
        const placing: Placing = { device: 'press-1', present, latencies, leaves };
        const chosen = allocate(nearest, board, placing);
        const winners = explain(nearest, board, placing).filter(
          ({ verdict }) => verdict === 'chosen' || verdict === 'kept',
        );
        expect(winners.map((it) => it.hub)).toEqual(chosen ? [chosen.name] : []);
        if (!chosen || chosen.name === present) return;
        const open = given.flatMap(({ state, us }) => (state === 'open' && us !== null ? [us] : []));
        if (open.length === 0) return;
        const best = Math.min(...open);
        expect(latencies.get(chosen.key)!.us).toBeLessThanOrEqual(best + Math.max(5000, best / 10));
      }),
    );
  });
});

describe('the patience of a device on a hub', () => {
  const [a, b] = [...boardOf(hub('a'), hub('b')).values()];
  const { evaluations, coolDownMs } = leaving;
  const look = (ms: Record<string, number>, stay: Partial<Parameters<typeof evaluate>[3]> = {}) =>
    evaluate(a!, b!, device(ms), { before: 0, isRepeat: false, onHubMs: coolDownMs, ...stay });
  const outdone = { a: 80, b: 10 };

  it('wears thin each time it is outdone, and is gone after so many in a row', () => {
    expect(look(outdone)).toEqual({ outdone: 1, leaves: false });
    expect(look(outdone, { before: evaluations - 2 })).toEqual({ outdone: evaluations - 1, leaves: false });
    expect(look(outdone, { before: evaluations - 1 })).toEqual({ outdone: evaluations, leaves: true });
    expect(look(outdone, { before: evaluations })).toEqual({ outdone: evaluations, leaves: true });
  });

  it('lasts for the cool-down at least', () => {
    const worn = { before: evaluations, onHubMs: coolDownMs - 1 };
    expect(look(outdone, worn)).toEqual({ outdone: evaluations, leaves: false });
  });

  it('is whole again once the device is not outdone', () => {
    expect(look({ a: 10, b: 80 }, { before: evaluations - 1 })).toEqual({ outdone: 0, leaves: false });
  });

  it('stays as it was when the same request comes again, and when nobody can tell', () => {
    expect(look(outdone, { before: 1, isRepeat: true })).toEqual({ outdone: 1, leaves: false });
    for (const known of [{ a: 80 }, { b: 10 }, {}] as Record<string, number>[]) {
      expect(look(known, { before: evaluations })).toEqual({ outdone: evaluations, leaves: false });
    }
    const alone = evaluate(a!, null, device({ a: 80 }), { before: 1, isRepeat: false, onHubMs: coolDownMs });
    expect(alone).toEqual({ outdone: 1, leaves: false });
  });
});
