import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, explain, type HubSnapshot, obstacles } from './allocate.js';

const hub = (name: string, change: Partial<HubSnapshot> = {}): HubSnapshot => ({
  name,
  state: 'open',
  weight: 1,
  capacity: null,
  load: 0,
  ...change,
});
const hubsOf = (...hubs: HubSnapshot[]) => new Map(hubs.map((it) => [it.name.toLowerCase(), it]));
const evenly: AllocationRule = { policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true };
const inOrder = (...hubs: string[]): AllocationRule => ({ ...evenly, policy: 'static', hubs });

describe('evenlyWeighted', () => {
  it('never lets equal hubs differ by more than one while filling from empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 500 }), (count, devices) => {
        const hubs = hubsOf(...Array.from({ length: count }, (_, index) => hub(`hub-${index}`)));
        for (let device = 0; device < devices; device += 1) {
          allocate(evenly, hubs, null)!.load += 1;
          const loads = [...hubs.values()].map(({ load }) => load);
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives weights their exact shares', () => {
    const hubs = hubsOf(
      hub('a', { weight: 1 }),
      hub('b', { weight: 2 }),
      hub('c', { weight: 4 }),
      hub('d', { weight: 8 }),
    );
    for (let device = 0; device < 1500; device += 1) allocate(evenly, hubs, null)!.load += 1;
    expect([...hubs.values()].map(({ load }) => load)).toEqual([100, 200, 400, 800]);
  });

  it('fills a new hub before the old ones go on', () => {
    const hubs = hubsOf(hub('a', { load: 100 }), hub('b', { load: 100 }), hub('new'));
    for (let device = 0; device < 100; device += 1) {
      const chosen = allocate(evenly, hubs, null)!;
      expect(chosen.name).toBe('new');
      chosen.load += 1;
    }
    expect(allocate(evenly, hubs, null)!.name).toBe('a');
  });

  it('leaves a device where it is', () => {
    const hubs = hubsOf(hub('a', { load: 100 }), hub('b'));
    expect(allocate(evenly, hubs, 'A')!.name).toBe('a');
  });
});

describe('static', () => {
  it('takes the first hub in the list that can', () => {
    expect(allocate(inOrder('b', 'a'), hubsOf(hub('a'), hub('b')), null)!.name).toBe('b');
    expect(allocate(inOrder('b', 'a'), hubsOf(hub('a'), hub('b', { state: 'cordoned' })), null)!.name).toBe('a');
    expect(allocate(inOrder('c', 'a'), hubsOf(hub('a'), hub('b')), null)!.name).toBe('a');
  });

  it('moves a device to the hub that now comes first', () => {
    expect(allocate(inOrder('b', 'a'), hubsOf(hub('a'), hub('b')), 'a')!.name).toBe('b');
  });

  it('leaves a device on a cordoned hub that comes first', () => {
    expect(allocate(inOrder('a', 'b'), hubsOf(hub('a', { state: 'cordoned' }), hub('b')), 'a')!.name).toBe('a');
  });
});

describe('filters', () => {
  it('leave out cordoned, full and unlinked hubs', () => {
    const hubs = hubsOf(hub('a', { state: 'cordoned' }), hub('b', { capacity: 5, load: 5 }));
    expect(allocate(evenly, hubs, null)).toBeNull();
    expect(obstacles(evenly, hubs)).toBe(
      'no hub can take the device (a: the hub is cordoned; b: the hub is full (5 of 5))',
    );
    expect(obstacles(inOrder('x'), hubs)).toBe('no hub can take the device (x: the hub is not linked)');
    expect(obstacles(evenly, hubsOf())).toBe('no hub is linked');
  });

  it('keep a reason short however many hubs there are', () => {
    const many = hubsOf(...Array.from({ length: 10_000 }, (_, index) => hub(`hub-${index}`, { state: 'cordoned' })));
    expect(obstacles(evenly, many)).toMatch(/and 9990 more\)$/);
  });

  it('let a device stay on its hub though that is cordoned or full', () => {
    const hubs = hubsOf(hub('a', { state: 'cordoned', capacity: 1, load: 1 }), hub('b'));
    expect(allocate(evenly, hubs, 'a')!.name).toBe('a');
    expect(allocate({ ...evenly, hubs: ['b'] }, hubs, 'a')!.name).toBe('b');
  });

  it('send a device away from a draining hub, but not if no other can take it or its enrollment says never', () => {
    const hubs = hubsOf(hub('a', { state: 'draining' }), hub('b', { load: 100 }));
    expect(allocate(evenly, hubs, null)!.name).toBe('b');
    expect(allocate(evenly, hubs, 'a')!.name).toBe('b');
    expect(explain(evenly, hubs, 'a')[0]).toMatchObject({ verdict: 'draining', reason: 'the hub is draining' });
    expect(allocate({ ...evenly, hubs: ['a'] }, hubs, 'a')!.name).toBe('a');
    expect(allocate({ ...evenly, updateHubAssignment: false }, hubs, 'a')!.name).toBe('a');
  });

  it('let a device stay on a linked hub outside its list when no other can take it', () => {
    const hubs = hubsOf(hub('a'), hub('b', { state: 'cordoned' }));
    expect(allocate({ ...evenly, hubs: ['b'] }, hubs, 'a')!.name).toBe('a');
  });

  it('move nobody whose enrollment says so, unless the hub is gone', () => {
    const stay = { ...inOrder('b'), updateHubAssignment: false };
    expect(allocate(stay, hubsOf(hub('a'), hub('b')), 'a')!.name).toBe('a');
    expect(allocate(stay, hubsOf(hub('b')), 'a')!.name).toBe('b');
  });
});

const anyHubs = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      state: fc.constantFrom('open' as const, 'cordoned' as const, 'draining' as const),
      weight: fc.integer({ min: 1, max: 1000 }),
      capacity: fc.option(fc.integer({ min: 0, max: 10 })),
      load: fc.integer({ min: 0, max: 10 }),
    }),
    { selector: ({ name }) => name },
  )
  .map((hubs) => hubsOf(...hubs.sort((a, b) => a.name.localeCompare(b.name))));
const anyRule = fc.record({
  policy: fc.constantFrom('evenlyWeighted' as const, 'static' as const),
  source: fc.constantFrom('default' as const, 'enrollment' as const),
  hubs: fc.option(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'x'), { minLength: 1 })),
  updateHubAssignment: fc.boolean(),
});

describe('in any world', () => {
  it('an explanation names the winner that the choice made, and no other', () => {
    fc.assert(
      fc.property(anyHubs, anyRule, fc.option(fc.constantFrom('a', 'b', 'x')), (hubs, rule, present) => {
        const winner = allocate(rule, hubs, present);
        const named = explain(rule, hubs, present).filter(({ verdict }) => verdict === 'chosen' || verdict === 'kept');
        expect(named.map(({ hub: name }) => name)).toEqual(winner ? [winner.name] : []);
      }),
      { numRuns: 2000 },
    );
  });

  it('a device without a hub never gets one that is cordoned, full or outside its list', () => {
    fc.assert(
      fc.property(anyHubs, anyRule, (hubs, rule) => {
        const winner = allocate(rule, hubs, null);
        if (!winner) return;
        expect(winner.state).toBe('open');
        expect(winner.capacity === null || winner.load < winner.capacity).toBe(true);
        expect(rule.hubs === null || (rule.hubs as string[]).includes(winner.name)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
