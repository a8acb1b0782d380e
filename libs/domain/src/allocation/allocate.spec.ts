import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, explain, obstacles } from './allocate.js';
import { type HubBoard, type HubSnapshot } from './hub-board.js';
import { boardOf, evenly, hub, inOrder, on } from './under-test/hubs.js';

describe('filters', () => {
  it('leave out cordoned, full and unlinked hubs', () => {
    const hubs = boardOf(hub('a', { state: 'cordoned' }), hub('b', { capacity: 5, load: 5 }));
    expect(allocate(evenly, hubs, on(null))).toBeNull();
    expect(obstacles(evenly, hubs)).toBe(
      'no hub can take the device (a: the hub is cordoned; b: the hub is full (5 of 5))',
    );
    expect(obstacles(inOrder('x'), hubs)).toBe('no hub can take the device (x: the hub is not linked)');
    expect(obstacles(evenly, boardOf())).toBe('no hub is linked');
  });

  it('are told hub by hub, for up to fifty hubs, and how many more there are', () => {
    const cordoned = (count: number) =>
      Array.from({ length: count }, (_, index) => hub(`hub-${String(index).padStart(5, '0')}`, { state: 'cordoned' }));
    const told = (count: number) => cordoned(count).map(({ name }) => `${name}: the hub is cordoned`);
    const fifty = told(50).join('; ');
    expect(obstacles(evenly, boardOf(...cordoned(50)))).toBe(`no hub can take the device (${fifty})`);
    expect(obstacles(evenly, boardOf(...cordoned(51)))).toBe(`no hub can take the device (${fifty}; and 1 more)`);
    expect(obstacles(evenly, boardOf(...cordoned(10_000)))).toBe(
      `no hub can take the device (${fifty}; and 9950 more)`,
    );
  });

  it('let a device stay on its hub though that is cordoned or full', () => {
    const hubs = boardOf(hub('a', { state: 'cordoned', capacity: 1, load: 1 }), hub('b'));
    expect(allocate(evenly, hubs, on('a'))!.name).toBe('a');
    expect(allocate({ ...evenly, hubs: ['b'] }, hubs, on('a'))!.name).toBe('b');
  });

  it('send a device away from a draining hub, but not if no other can take it or its enrollment says never', () => {
    const hubs = boardOf(hub('a', { state: 'draining' }), hub('b', { load: 100 }));
    expect(allocate(evenly, hubs, on(null))!.name).toBe('b');
    expect(allocate(evenly, hubs, on('a'))!.name).toBe('b');
    expect(explain(evenly, hubs, on('a'))[0]).toMatchObject({ verdict: 'draining', reason: 'the hub is draining' });
    expect(allocate({ ...evenly, hubs: ['a'] }, hubs, on('a'))!.name).toBe('a');
    expect(allocate({ ...evenly, updateHubAssignment: false }, hubs, on('a'))!.name).toBe('a');
  });

  it('let a device stay on a linked hub outside its list when no other can take it', () => {
    const hubs = boardOf(hub('a'), hub('b', { state: 'cordoned' }));
    expect(allocate({ ...evenly, hubs: ['b'] }, hubs, on('a'))!.name).toBe('a');
  });

  it('move nobody whose enrollment says so, unless the hub is gone', () => {
    const stay = { ...inOrder('b'), updateHubAssignment: false };
    expect(allocate(stay, boardOf(hub('a'), hub('b')), on('a'))!.name).toBe('a');
    expect(allocate(stay, boardOf(hub('b')), on('a'))!.name).toBe('b');
  });
});

describe('an explanation', () => {
  const verdicts = (rule: AllocationRule, hubs: HubBoard, present: string | null) =>
    explain(rule, hubs, on(present)).map(({ verdict }) => verdict);

  it('says of a device that stays that its hub is kept, also if that takes no others, and of one that moves, where to', () => {
    expect(verdicts(evenly, boardOf(hub('a'), hub('b')), 'A')).toEqual(['kept', 'eligible']);
    expect(verdicts(evenly, boardOf(hub('a', { state: 'cordoned' }), hub('b')), 'a')).toEqual(['kept', 'eligible']);
    expect(verdicts(inOrder('b', 'a'), boardOf(hub('a'), hub('b')), 'a')).toEqual(['chosen', 'eligible']);
    // It might have stayed, had the list not named another one first.
    const cordoned = boardOf(hub('a', { state: 'cordoned' }), hub('b'));
    expect(verdicts(inOrder('b', 'a'), cordoned, 'a')).toEqual(['chosen', 'eligible']);
    expect(verdicts(inOrder('b', 'a'), cordoned, null)).toEqual(['chosen', 'cordoned']);
  });

  it('speaks of a slow start only where a device was sent past the hub for it', () => {
    const hubs = () => boardOf(hub('a', { load: 10 }), hub('new', { warmth: 100 }));
    expect(verdicts(evenly, hubs(), null)).toEqual(['chosen', 'slowStart']);
    expect(verdicts(evenly, hubs(), 'a')).toEqual(['kept', 'eligible']);
    expect(verdicts(inOrder('a', 'new'), hubs(), null)).toEqual(['chosen', 'eligible']);
  });

  it('tells of latencies only where the policy goes by them', () => {
    const latencies = new Map([['a', { us: 1000, from: 'registration' as const }]]);
    const [candidate] = explain(evenly, boardOf(hub('a')), { ...on(null), latencies });
    expect(candidate).not.toHaveProperty('latency');
  });

  it('shows each hub as it was just before the decision', () => {
    const board = boardOf(hub('a', { load: 5, weight: 2, capacity: 5 }), hub('b', { load: 7 }));
    const shown = (rule: AllocationRule) => explain(rule, board, on('b')).map(({ hub, snapshot }) => [hub, snapshot]);
    const [a, b] = [
      { load: 5, weight: 2, capacity: 5 },
      { load: 7, weight: 1, capacity: null },
    ];
    expect(shown(evenly)).toEqual([
      ['a', a],
      ['b', b],
    ]);
    // One that is not linked, and the present hub outside the list.
    expect(shown(inOrder('gone', 'a'))).toEqual([
      ['gone', undefined],
      ['a', a],
      ['b', b],
    ]);
  });
});

describe('labels that are required', () => {
  const paris = { key: 'site', value: 'paris' };
  const gold = { key: 'tier', value: 'gold' };
  const inParis: AllocationRule = { ...evenly, require: [paris, gold] };
  const hubs = () =>
    boardOf(
      hub('a', { labels: [paris] }),
      hub('b', { labels: [gold, paris], load: 1000 }),
      hub('c', { labels: [{ key: 'site', value: 'Paris' }] }),
    );

  it('leave out a hub that lacks one, and say which', () => {
    expect(allocate(inParis, hubs(), on(null))!.name).toBe('b');
    expect(explain(inParis, hubs(), on(null))).toMatchObject([
      { hub: 'a', verdict: 'lacksLabels', reason: 'the hub lacks the label tier=gold', score: null },
      { hub: 'b', verdict: 'chosen', reason: null, score: '2001/2' },
      { hub: 'c', verdict: 'lacksLabels', reason: 'the hub lacks the label site=paris, and 1 more', score: null },
    ]);
  });

  it('are no obstacle to who has them: such a hub is a candidate, or says what else keeps it', () => {
    const both = [paris, gold];
    const board = boardOf(
      hub('a', { labels: both }),
      hub('b', { labels: both, load: 5 }),
      hub('c', { labels: both, state: 'cordoned' }),
    );
    expect(explain(inParis, board, on(null)).map(({ verdict }) => verdict)).toEqual(['chosen', 'eligible', 'cordoned']);
  });

  it('narrow a list, too, and a refusal tells of them before anything else', () => {
    expect(allocate({ ...inOrder('a', 'c', 'b'), require: [gold] }, hubs(), on(null))!.name).toBe('b');
    const none: AllocationRule = { ...inOrder('a'), require: [gold] };
    const board = boardOf(hub('a', { state: 'cordoned' }));
    expect(allocate(none, board, on(null))).toBeNull();
    expect(obstacles(none, board)).toBe('no hub can take the device (a: the hub lacks the label tier=gold)');
  });

  it('send a device away from a hub without them, but not if no other can take it or its enrollment says never', () => {
    expect(allocate(inParis, hubs(), on('a'))!.name).toBe('b');
    expect(allocate({ ...inParis, hubs: ['a'] }, hubs(), on('a'))!.name).toBe('a');
    expect(allocate({ ...inParis, updateHubAssignment: false }, hubs(), on('c'))!.name).toBe('c');
  });
});

describe('a hub in slow start', () => {
  const share = (warmth: number) => {
    const board = boardOf(hub('a', { load: 1_000_000 }), hub('new', { warmth }));
    const devices = Array.from({ length: 10_000 }, (_, index) => `device-${index}`);
    return (
      devices.filter((device) => allocate(evenly, board, on(null, device))!.name === 'new').length / devices.length
    );
  };

  it('gets that part of the devices it is due', () => {
    expect(share(100)).toBeCloseTo(0.1, 1);
    expect(share(550)).toBeCloseTo(0.55, 1);
    expect(share(1000)).toBe(1);
  });

  it('says to the others why not they', () => {
    const board = boardOf(hub('a', { load: 10 }), hub('new', { warmth: 100 }));
    const spared = explain(evenly, board, on(null, 'device-1'));
    expect(spared).toMatchObject([
      { hub: 'a', verdict: 'chosen', reason: null, score: '21/2' },
      {
        hub: 'new',
        verdict: 'slowStart',
        reason: 'the hub starts slowly: it takes 10 % of the devices it is due, and not this one',
        score: null,
      },
    ]);
  });

  it('takes every device when no other can, and those that name it in order', () => {
    const full = hub('a', { capacity: 5, load: 5 });
    for (let device = 0; device < 50; device += 1) {
      const board = boardOf(full, hub('new', { warmth: 100 }));
      expect(allocate(evenly, board, on(null, `device-${device}`))!.name).toBe('new');
      expect(allocate(inOrder('new', 'a'), board, on(null, `device-${device}`))!.name).toBe('new');
    }
  });
});

describe('places on a hub with a capacity', () => {
  it('are what its partition has in hand, whatever the load', () => {
    expect(allocate(evenly, boardOf(hub('a', { capacity: 9, load: 1, places: 0 })), on(null))).toBeNull();
    expect(obstacles(evenly, boardOf(hub('a', { capacity: 9, load: 1, places: 0 })))).toBe(
      "no hub can take the device (a: the hub's last places are leased to other partitions (1 of 9 taken))",
    );
    expect(allocate(evenly, boardOf(hub('a', { capacity: 9, load: 1, places: null })), on(null))!.places).toBeNull();
  });

  it('are used up one by one, and a device that leaves brings none back', () => {
    const board = boardOf(hub('a', { capacity: 9, load: 1, places: 2 }));
    for (const change of [1, -1, 1, -1] as const) board.moved('a', change);
    expect(board.get('a')).toMatchObject({ places: null, load: 1 });
  });
});

const anyLabels = fc.option(
  fc.subarray([
    { key: 'site', value: 'paris' },
    { key: 'tier', value: 'gold' },
  ]),
  { nil: undefined },
);
const anyHubs = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      state: fc.constantFrom('open' as const, 'cordoned' as const, 'draining' as const),
      weight: fc.integer({ min: 1, max: 1000 }),
      capacity: fc.option(fc.integer({ min: 0, max: 10 })),
      load: fc.integer({ min: 0, max: 10 }),
      pass: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      warmth: fc.option(fc.integer({ min: 100, max: 999 }), { nil: undefined }),
      places: fc.option(fc.option(fc.integer({ min: 0, max: 2 })), { nil: undefined }),
      labels: anyLabels,
    }),
    { selector: ({ name }) => name },
  )
  .map((hubs) => hubs.sort((a, b) => a.name.localeCompare(b.name)) as HubSnapshot[]);
const anyPresent = fc.option(fc.constantFrom('a', 'b', 'x'));
const anyDevice = fc.constantFrom('d1', 'd2', 'd3', 'd4', 'd5');
const anyRule = fc.record({
  policy: fc.constantFrom('evenlyWeighted' as const, 'static' as const),
  source: fc.constantFrom('default' as const, 'enrollment' as const),
  hubs: fc.option(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'x'), { minLength: 1 })),
  updateHubAssignment: fc.boolean(),
  require: anyLabels,
}) as fc.Arbitrary<AllocationRule>;

describe('in any world', () => {
  it('an explanation names the winner that the choice made, and no other', () => {
    fc.assert(
      fc.property(anyHubs, anyRule, anyPresent, anyDevice, (hubs, rule, present, device) => {
        const board = boardOf(...hubs);
        const winner = allocate(rule, board, on(present, device));
        const candidates = explain(rule, board, on(present, device));
        const named = candidates.filter(({ verdict }) => verdict === 'chosen' || verdict === 'kept');
        expect(named.map(({ hub: name }) => name)).toEqual(winner ? [winner.name] : []);
      }),
      { numRuns: 2000 },
    );
  });

  it('the winner is the candidate with the lowest score, and the first of equals', () => {
    const value = (score: string) =>
      score
        .split('/')
        .map(Number)
        .reduce((above, below) => above / below);
    fc.assert(
      fc.property(anyHubs, anyRule, anyDevice, (hubs, rule, device) => {
        const candidates = explain(rule, boardOf(...hubs), on(null, device));
        const scored = candidates.flatMap(({ hub: name, score }) =>
          score === null ? [] : [{ name, value: value(score) }],
        );
        const lowest = Math.min(...scored.map((it) => it.value));
        const chosen = candidates.find(({ verdict }) => verdict === 'chosen')?.hub;
        expect(scored.find((it) => it.value === lowest)?.name).toBe(chosen);
      }),
      { numRuns: 2000 },
    );
  });

  it('a device without a hub never gets one that is cordoned, without a place or a label, or outside its list', () => {
    fc.assert(
      fc.property(anyHubs, anyRule, anyDevice, (hubs, rule, device) => {
        const winner = allocate(rule, boardOf(...hubs), on(null, device));
        if (!winner) return;
        expect(winner.state).toBe('open');
        expect(winner.capacity === null || winner.places === null || winner.places > 0).toBe(true);
        expect(rule.hubs === null || rule.hubs.includes(winner.name)).toBe(true);
        expect(winner.labels).toEqual(expect.arrayContaining([...(rule.require ?? [])]));
      }),
      { numRuns: 2000 },
    );
  });

  it('naming every hub chooses as naming none: the heap agrees with a walk', () => {
    fc.assert(
      fc.property(anyHubs, fc.array(anyDevice, { maxLength: 30 }), (hubs, devices) => {
        const [heap, walk] = [boardOf(...hubs), boardOf(...hubs)];
        const rule = { ...evenly, hubs: hubs.map(({ name }) => name) };
        for (const device of devices) {
          const winner = allocate(evenly, heap, on(null, device));
          expect(allocate(rule, walk, on(null, device))?.name).toBe(winner?.name);
          if (winner) for (const board of [heap, walk]) board.moved(winner.key, 1);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
