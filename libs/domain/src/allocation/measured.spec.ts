import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, weigh } from './allocate.js';
import { HubBoard, type HubOnBoard, type HubSnapshot } from './hub-board.js';
import { type KnownLatency, type Latencies, leaving } from './latency.js';
import { inOrder, type Measured, measuredIn, OwnBeforeShared } from './measured.js';
import { admits } from './slow-start.js';

const label = { key: 'tier', value: 'gold' };
const name = (index: number) => `hub-${String(index).padStart(2, '0')}`;

interface GivenHub extends Pick<HubSnapshot, 'state' | 'weight' | 'capacity' | 'load'> {
  /** Null: none in hand, but to be had. */
  places: number | null;
  /** By the table; null: it says nothing of the hub. */
  us: number | null;
  isLabelled: boolean;
  isNew: boolean;
}

interface GivenDevice {
  /** Index of the hub that it is on; beyond them: on none. */
  present: number;
  /** Evaluations in a row in which that was outdone. */
  before: number;
  isRepeat: boolean;
  isLongThere: boolean;
  /** What its message says itself, by index of the hub; null: it says nothing. */
  own: readonly (readonly [hub: number, us: number])[] | null;
}

interface World {
  hubs: readonly GivenHub[];
  /** Of the hubs, by index, in the table. */
  order: readonly number[];
  rule: AllocationRule;
  devices: readonly GivenDevice[];
}

// Near each other, so that many are in the tie band and its edge is met.
const anyUs = fc.integer({ min: 0, max: 30 }).map((step) => 1000 * step);
const anyHub: fc.Arbitrary<GivenHub> = fc.record({
  state: fc.constantFrom('open', 'open', 'open', 'cordoned', 'draining'),
  weight: fc.constantFrom(1, 1, 2),
  capacity: fc.constantFrom(null, 3, 6),
  load: fc.constantFrom(0, 0, 1, 3),
  places: fc.constantFrom(null, 0, 1, 2),
  us: fc.option(anyUs, { freq: 5 }),
  isLabelled: fc.boolean(),
  isNew: fc.boolean(),
});
const anyDevice = (hubs: number): fc.Arbitrary<GivenDevice> =>
  fc.record({
    present: fc.integer({ min: 0, max: hubs + 2 }),
    before: fc.constantFrom(0, 1, leaving.evaluations - 1, leaving.evaluations),
    isRepeat: fc.boolean(),
    isLongThere: fc.constantFrom(true, true, false),
    own: fc.option(fc.array(fc.tuple(fc.integer({ min: 0, max: hubs }), anyUs), { maxLength: 6, size: 'large' }), {
      freq: 2,
    }),
  });
const anyRule = (count: number): fc.Arbitrary<AllocationRule> =>
  fc
    .record({
      hubs: fc.option(fc.shuffledSubarray(Array.from({ length: count }, (_, index) => name(index))), { nil: null }),
      isRequiring: fc.boolean(),
      updateHubAssignment: fc.constantFrom(true, true, true, false),
    })
    .map(({ isRequiring, ...rule }) => ({
      policy: 'lowestLatency',
      source: 'default',
      ...rule,
      ...(isRequiring && { require: [label] }),
    }));
const anyWorld: fc.Arbitrary<World> = fc.array(anyHub, { minLength: 1, maxLength: 30, size: 'large' }).chain((hubs) =>
  fc.record({
    hubs: fc.constant(hubs),
    order: fc.shuffledSubarray([...hubs.keys()], { minLength: hubs.length }),
    rule: anyRule(hubs.length),
    devices: fc.array(anyDevice(hubs.length), { maxLength: 60, size: 'large' }),
  }),
);

function tableOf({ hubs, order }: World): ReadonlyMap<string, KnownLatency> {
  const table = new Map<string, KnownLatency>();
  for (const index of order) {
    const { us } = hubs[index]!;
    if (us !== null) table.set(name(index), { us, from: 'region' });
  }
  return table;
}

function ownOf({ own }: GivenDevice): ReadonlyMap<string, KnownLatency> | null {
  return own && new Map(own.map(([hub, us]) => [name(hub), { us, from: 'registration' }]));
}

interface Chosen {
  hub: string | null;
  outdone: number;
  leaves: boolean;
}

type Choose = (board: HubBoard, device: GivenDevice, id: string, present: HubOnBoard | undefined) => Chosen;

/** What becomes of the devices of one page, one after the other. */
function play({ hubs, devices }: World, choose: Choose): Chosen[] {
  const snapshots = hubs.map(({ state, weight, capacity, load, isLabelled }, index): HubSnapshot => {
    return { name: name(index), state, weight, capacity, load, ...(isLabelled && { labels: [label] }) };
  });
  const opened = hubs.flatMap(({ state, isNew }, index) => (state === 'open' && isNew ? [index] : []));
  const board = new HubBoard(snapshots, { starters: new Map(opened.map((index) => [name(index), 0])) });
  const places = ({ name: hub }: HubOnBoard) => hubs[Number(hub.slice('hub-'.length))]!.places;
  board.begin(1000, { places, filled: () => undefined });
  return devices.map((device, index) => {
    const present = board.get(name(device.present));
    const chosen = choose(board, device, `device-${index}`, present);
    if (chosen.hub !== null && chosen.hub !== present?.key) {
      board.moved(chosen.hub, 1);
      if (present) board.moved(present.key, -1);
    }
    return chosen;
  });
}

const onHubMs = ({ isLongThere }: GivenDevice) => (isLongThere ? leaving.coolDownMs : leaving.coolDownMs - 1);

/** As it is: the table is put in order once for all devices of the page. */
function byTable(world: World): Chosen[] {
  const table = tableOf(world);
  return play(world, (board, device, id, on) => {
    const own = ownOf(device);
    const latencies: Latencies = own ? new OwnBeforeShared(own, table) : table;
    const present = on?.key ?? null;
    const stay = { before: device.before, isRepeat: device.isRepeat, onHubMs: onHubMs(device) };
    const { outdone, leaves } = weigh(world.rule, board, { present, latencies }, stay);
    const hub = allocate(world.rule, board, { device: id, present, latencies, leaves });
    return { hub: hub?.key ?? null, outdone, leaves };
  });
}

/** As docs/policies/lowest-latency.md has it: each hub is looked at for each device. */
function oneByOne(world: World): Chosen[] {
  const { rule } = world;
  const table = tableOf(world);
  return play(world, (board, device, id, present) => {
    const own = ownOf(device);
    const usOf = ({ key }: HubOnBoard) => (own?.get(key) ?? table.get(key))?.us;
    const named = [...new Set([...(own?.keys() ?? []), ...table.keys()])];
    const allowed = (rule.hubs ?? [...board.values()].map((hub) => hub.name))
      .map((hub) => board.get(hub)!)
      .filter(({ labels }) => !rule.require || labels.includes(label));
    const mayStay = present !== undefined && allowed.includes(present) && present.state !== 'draining';
    const takes = (hub: HubOnBoard) => hub.state === 'open' && (hub.places === null || hub.places > 0);
    const reachOf = (best: number) => best + Math.max(5000, Math.floor(best / 10));
    const measured = allowed.filter((hub) => usOf(hub) !== undefined);

    let { before: outdone } = device;
    let leaves = false;
    const others = measured.filter((hub) => hub !== present && takes(hub)).map((hub) => usOf(hub)!);
    const us = mayStay && rule.updateHubAssignment ? usOf(present) : undefined;
    if (us !== undefined && others.length > 0) {
      const nearest = Math.min(...others);
      const isOutdone = us > reachOf(nearest) && nearest * 100 < us * 80;
      outdone = !isOutdone ? 0 : device.isRepeat ? outdone : Math.min(outdone + 1, 3);
      leaves = isOutdone && outdone === 3 && onHubMs(device) >= 86_400_000;
    }
    if (present && (!rule.updateHubAssignment || (mayStay && !leaves))) return { hub: present.key, outdone, leaves };

    const takers = measured.filter((hub) => takes(hub) || (hub === present && mayStay));
    const best = Math.min(...takers.map((hub) => usOf(hub)!));
    const inBand = takers.filter((hub) => usOf(hub)! <= reachOf(best));
    const inOrderOf = takers.length > 0 ? named : allowed.map(({ key }) => key);
    const near = takers.length > 0 ? inBand : allowed.filter((hub) => takes(hub));
    const admitted = near.filter((hub) => admits(hub, id));
    const byTurn = (a: HubOnBoard, b: HubOnBoard) =>
      a.pass * b.weight - b.pass * a.weight || inOrderOf.indexOf(a.key) - inOrderOf.indexOf(b.key);
    const [next = present] = (admitted.length > 0 ? admitted : near).sort(byTurn);
    return { hub: next?.key ?? null, outdone, leaves };
  });
}

describe('devices by a table of latencies', () => {
  it('go where they would if each hub were looked at for each of them', () => {
    const seen = { left: 0, refused: 0, placed: 0, byOwn: 0 };
    fc.assert(
      fc.property(anyWorld, (world) => {
        const chosen = byTable(world);
        expect(chosen).toEqual(oneByOne(world));
        for (const [index, { hub, leaves }] of chosen.entries()) {
          const { present, own } = world.devices[index]!;
          if (leaves) seen.left += 1;
          if (hub === null) seen.refused += 1;
          else if (hub !== name(present)) seen.placed += 1;
          if (hub !== null && own?.some(([at]) => name(at) === hub)) seen.byOwn += 1;
        }
      }),
      { numRuns: 300 },
    );
    // Or the worlds would not have been as random as they are meant to be.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});

describe('what is known of hubs', () => {
  const board = new HubBoard(
    ['a', 'b', 'c', 'd'].map((name) => ({ name, state: 'open', weight: 1, capacity: null, load: 0 })),
  );
  const pool = board.allowedBy({ hubs: null });
  const known = (...said: readonly (readonly [hub: string, us: number])[]) =>
    new Map(said.map(([hub, us]): [string, KnownLatency] => [hub, { us, from: 'region' }]));
  const names = (measured: readonly Measured[]) => measured.map(({ hub }) => hub.name).join(' ');

  it('is ordered by distance, and of hubs as far as each other by what was named first, a message before a table', () => {
    const shared = known(['d', 10], ['b', 10], ['a', 5], ['c', 20]);
    expect(names(measuredIn(board, pool, shared))).toBe('a d b c');
    const own = known(['c', 10], ['a', 10]);
    expect(names(measuredIn(board, pool, new OwnBeforeShared(own, shared)))).toBe('c a d b');
  });

  it('is stated in the order in which it was named, a message before a table', () => {
    const shared = known(['d', 10], ['b', 30], ['a', 5], ['c', 20]);
    expect(names(inOrder(measuredIn(board, pool, shared)))).toBe('d b a c');
    const both = new OwnBeforeShared(known(['c', 90], ['b', 1]), shared);
    expect(names(inOrder(measuredIn(board, pool, both)))).toBe('c b d a');
  });
});
