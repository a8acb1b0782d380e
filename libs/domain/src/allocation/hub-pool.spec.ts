import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isSameLabel, type Label } from '../hub/label.js';
import { allocate, type AllocationRule } from './allocate.js';
import { hash32 } from './hash.js';
import { HubBoard, type HubOnBoard, type HubSnapshot } from './hub-board.js';
import { noLatencies } from './latency.js';
import { admits } from './slow-start.js';

const name = (index: number) => `hub-${String(index).padStart(2, '0')}`;
const labelsOf = (keys: readonly string[]): Label[] => keys.map((key) => ({ key, value: 'yes' }));
const anyLabels = fc.subarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']).map(labelsOf);

const anyHubs = fc
  .array(
    fc.record({
      state: fc.constantFrom(
        'open' as const,
        'open' as const,
        'open' as const,
        'cordoned' as const,
        'draining' as const,
      ),
      weight: fc.integer({ min: 1, max: 3 }),
      capacity: fc.option(fc.integer({ min: 0, max: 3 })),
      load: fc.integer({ min: 0, max: 2 }),
      labels: anyLabels,
    }),
    { minLength: 17, maxLength: 40 },
  )
  .map((hubs) => hubs.map((hub, index): HubSnapshot => ({ name: name(index), ...hub })));

/** Lists are longer than those that are walked. */
const anyRule: fc.Arbitrary<AllocationRule> = fc
  .record({
    hubs: fc.option(
      fc.shuffledSubarray(
        Array.from({ length: 40 }, (_, index) => name(index)),
        { minLength: 17 },
      ),
    ),
    require: anyLabels,
  })
  .map(({ hubs, require }) => ({
    policy: 'evenlyWeighted',
    source: 'enrollment',
    hubs,
    ...(require.length > 0 && { require }),
    updateHubAssignment: true,
  }));

type Step = { place: { rule: number; device: number } } | { leave: number } | { page: number };
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ place: fc.record({ rule: fc.nat(), device: fc.nat(20) }) }) },
  { weight: 2, arbitrary: fc.record({ leave: fc.nat(39) }) },
  { weight: 1, arbitrary: fc.record({ page: fc.nat(1000) }) },
);

/** The rule's hubs, looked at one by one. */
function scanned({ hubs, require = [] }: AllocationRule, board: HubBoard, device: string): string | undefined {
  const all = [...board.values()];
  const allowed = (hubs ? hubs.flatMap((it) => all.find(({ key }) => key === it) ?? []) : all).filter(
    ({ state, places, labels }) =>
      state === 'open' &&
      (places === null || places > 0) &&
      require.every((wanted) => labels.some((label) => isSameLabel(label, wanted))),
  );
  const next = (among: readonly HubOnBoard[]) => {
    const [first, ...others] = among;
    return first && others.reduce((best, hub) => (hub.pass * best.weight < best.pass * hub.weight ? hub : best), first);
  };
  const warm = next(allowed.filter((hub) => admits(hub, device)));
  return (warm ?? (board.isSparing ? next(allowed) : undefined))?.name;
}

describe('hubs kept in order', () => {
  it('are right again for a rule that was forgotten over others', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const rules = Array.from({ length: 100 }, (_, set): AllocationRule => {
      const require = labelsOf(keys.filter((_key, bit) => ((set + 1) & (1 << bit)) !== 0));
      return { policy: 'evenlyWeighted', source: 'enrollment', hubs: null, require, updateHubAssignment: true };
    });
    const hub = (index: number): HubSnapshot => ({
      ...{ name: name(index), state: 'open', weight: 1, capacity: null, load: 0, labels: labelsOf(keys) },
    });
    const board = new HubBoard(Array.from({ length: 30 }, (_, index) => hub(index)));
    for (const rule of [...rules, ...rules, ...rules]) {
      const chosen = allocate(rule, board, { device: 'd', present: null, latencies: noLatencies, leaves: false });
      expect(chosen?.name).toBe(scanned(rule, board, 'd'));
      board.moved(chosen!.key, 1);
    }
  });

  it('are kept for the 64 rules that were used last', () => {
    const board = new HubBoard([{ name: name(0), state: 'open', weight: 1, capacity: null, load: 0 }]);
    const poolOf = (number: number) => board.allowedBy({ hubs: null, require: labelsOf([`k${number}`]) });
    const pools = Array.from({ length: 64 }, (_, number) => poolOf(number));
    expect(poolOf(0)).toBe(pools[0]);
    poolOf(64);
    expect(poolOf(0)).toBe(pools[0]);
    expect(poolOf(2)).toBe(pools[2]);
    expect(poolOf(1)).not.toBe(pools[1]);
  });

  it('are kept for rules of 200,000 hubs in all', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `hub-${10_000 + index}`);
    const board = new HubBoard(
      names.map((it): HubSnapshot => ({ name: it, state: 'open', weight: 1, capacity: null, load: 0 })),
    );
    const poolOf = (first: number) => board.allowedBy({ hubs: [...names.slice(first), ...names.slice(0, first)] });
    const pools = Array.from({ length: 20 }, (_, first) => poolOf(first));
    expect(poolOf(0)).toBe(pools[0]);
    poolOf(20);
    expect(poolOf(0)).toBe(pools[0]);
    expect(poolOf(1)).not.toBe(pools[1]);
  });

  it('find a hub that has a place again, in a page that is explained and knows places by loads alone', () => {
    const full = Array.from({ length: 30 }, (_, index): HubSnapshot => {
      return { name: name(index), state: 'open', weight: 1, capacity: 1, load: 1 };
    });
    const board = new HubBoard(full);
    const rule: AllocationRule = { policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true };
    const chosen = () =>
      allocate(rule, board, { device: 'd', present: null, latencies: noLatencies, leaves: false })?.name;
    expect(chosen()).toBeUndefined();
    board.moved(name(7), -1);
    expect(chosen()).toBe(name(7));
    board.moved(name(7), 1);
    expect(chosen()).toBeUndefined();
  });

  it('give the first of a static list that takes the device, while hubs fill up, are left and pages begin', () => {
    const hubs = fc.array(
      fc.record({
        state: fc.constantFrom('open' as const, 'open' as const, 'cordoned' as const, 'draining' as const),
        capacity: fc.constantFrom(0, 1, 2, 3),
        load: fc.nat(2),
      }),
      { minLength: 20, maxLength: 30 },
    );
    const steps = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.record({ place: fc.option(fc.nat(29)) }) },
        { weight: 2, arbitrary: fc.record({ leave: fc.nat(29) }) },
        { weight: 1, arbitrary: fc.constant({ page: true }) },
      ),
      { minLength: 30, maxLength: 100, size: 'max' },
    );
    const anyOrder = fc.shuffledSubarray([...Array(30).keys()], { minLength: 20 });
    let found = 0;
    fc.assert(
      fc.property(hubs, anyOrder, steps, fc.boolean(), (given, order, all, isExplained) => {
        const board = new HubBoard(given.map((hub, index) => ({ name: name(index), weight: 1, ...hub })));
        const places = (hub: HubOnBoard) => Math.max(0, hub.capacity! - hub.load);
        const list = order.map(name);
        const rule: AllocationRule = { policy: 'static', source: 'default', hubs: list, updateHubAssignment: true };
        // A page that is explained knows places by loads alone, and nobody leases any.
        const begin = () => isExplained || board.begin(0, { places, filled: () => undefined });
        begin();
        for (const step of all) {
          if ('page' in step) begin();
          else if ('leave' in step) board.moved(name(step.leave), -1);
          else {
            const present = step.place === null ? null : name(step.place);
            const takes = (it: string) => {
              const hub = board.get(it);
              if (!hub || hub.state === 'draining') return false;
              return it === present || (hub.state === 'open' && (hub.places === null || hub.places > 0));
            };
            const chosen = allocate(rule, board, { device: 'd', present, latencies: noLatencies, leaves: false });
            const current = present === null ? undefined : board.get(present)?.name;
            expect(chosen?.name).toBe(list.find(takes) ?? current);
            if (chosen && chosen.name !== present) board.moved(chosen.key, 1);
            found += chosen ? 1 : 0;
          }
        }
      }),
    );
    expect(found).toBeGreaterThan(100);
  });

  it('give the hub that looking at each of them gives, whatever rules come and go, hubs change and pages begin', () => {
    const worlds = fc.record({
      hubs: anyHubs,
      starters: fc.dictionary(
        fc.constantFrom(...Array.from({ length: 17 }, (_, index) => name(index))),
        fc.nat(500_000),
      ),
      rules: fc.array(anyRule, { minLength: 1, maxLength: 100 }),
      steps: fc.array(anyStep, { minLength: 50, maxLength: 200, size: 'max' }),
    });
    fc.assert(
      fc.property(worlds, ({ hubs, starters, rules, steps }) => {
        const board = new HubBoard(hubs, { starters: new Map(Object.entries(starters)) });
        const begin = (page: number) =>
          board.begin(page * 1000, {
            places: ({ key }) => [0, 0, 1, 2, null][hash32(`${key}/${page}`) % 5] as number | null,
            filled: () => undefined,
          });
        begin(0);
        for (const step of steps) {
          if ('page' in step) begin(step.page);
          else if ('leave' in step) board.moved(name(step.leave), -1);
          else {
            const rule = rules[step.place.rule % rules.length] as AllocationRule;
            const device = `device-${step.place.device}`;
            const placing = { device, present: null, latencies: noLatencies, leaves: false };
            const hub = allocate(rule, board, placing);
            expect(hub?.name).toBe(scanned(rule, board, device));
            if (hub) board.moved(hub.key, 1);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
