import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, obstacles } from './allocate.js';
import { HubBoard, type HubSnapshot, type Leases } from './hub-board.js';
import { noLatencies } from './latency.js';

const evenly: AllocationRule = { policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true };
const name = (index: number) => `hub-${String(index).padStart(5, '0')}`;
const hubsOf = (count: number, change: Partial<HubSnapshot> = {}): HubSnapshot[] =>
  Array.from({ length: count }, (_, index) => ({
    name: name(index),
    state: 'open',
    weight: 1 + (index % 3),
    capacity: null,
    load: 0,
    ...change,
  }));
/** Of hubs with a capacity of 0, nothing; else whatever is wanted. */
const unbounded: Leases = { places: ({ capacity }) => (capacity === 0 ? 0 : null), filled: () => undefined };

function page(board: HubBoard, devices: number): string[] {
  board.begin(0, unbounded);
  return Array.from({ length: devices }, (_, index) => {
    const hub = allocate(evenly, board, {
      device: `device-${index}`,
      present: null,
      latencies: noLatencies,
      leaves: false,
    })!;
    board.moved(hub.key, 1);
    return hub.name;
  });
}

describe('a page of few hubs', () => {
  it('lists them all as they were when it began', () => {
    const board = new HubBoard(hubsOf(3));
    page(board, 4);
    expect(board.snapshots().map(({ load }) => load)).toEqual([0, 0, 0]);
    page(board, 1);
    expect(board.snapshots().map(({ load }) => load)).toEqual([1, 1, 2]);
  });
});

describe('a lease that is used up by a page', () => {
  const places = (load: number, inHand: number, devices: number) => {
    const board = new HubBoard([{ ...hubsOf(1)[0]!, capacity: 10, load }]);
    board.begin(0, { places: () => inHand, filled: () => undefined });
    for (let device = 0; device < devices; device += 1) board.moved(name(0), 1);
    return board.get(name(0))!.places;
  };

  it('leaves it open whether more is to be had, which is asked before the next page', () => {
    expect(places(0, 2, 1)).toBe(1);
    expect(places(0, 2, 2)).toBeNull();
  });

  it('leaves nothing of a hub that is full', () => expect(places(8, 2, 2)).toBe(0));
  it('that was used up before says that nothing is to be had', () => expect(places(3, 0, 0)).toBe(0));
});

describe('a hub on the board', () => {
  const hub = (change: Partial<HubSnapshot>) => ({ ...hubsOf(1)[0]!, ...change });
  const places = (inHand: number | null): Leases => ({ places: () => inHand, filled: () => undefined });

  it('has the places that its page says, else what its load leaves of its capacity, else any number', () => {
    const of = (change: Partial<HubSnapshot>) => new HubBoard([hub(change)]).get(name(0))!.places;
    expect(of({ capacity: 5, load: 2, places: 1 })).toBe(1);
    expect(of({ capacity: 5, load: 2, places: null })).toBeNull();
    expect(of({ capacity: 5, load: 2 })).toBe(3);
    expect(of({})).toBe(Infinity);
    const explained = new HubBoard([hub({ capacity: 5, load: 2 })]);
    explained.moved(name(0), 1);
    explained.moved(name(0), -1);
    explained.moved(name(0), 1);
    expect(explained.get(name(0))!.places).toBe(2);
  });

  it('asks for its places once a page, counts down those that are filled, and gets none back from who leaves', () => {
    const filled: [string, number][] = [];
    let asked = 0;
    const board = new HubBoard([hub({ capacity: 9 }), hub({ name: 'free' })]);
    const leases: Leases = {
      places: () => ((asked += 1), 3),
      filled: ({ key, load }) => void filled.push([key, load]),
    };
    for (let pages = 1; pages <= 2; pages += 1) {
      board.begin(0, leases);
      expect(board.get(name(0))!.places).toBe(3);
      board.moved(name(0), 1);
      board.moved(name(0), -1);
      board.moved('free', 1);
      expect(board.get(name(0))!.places).toBe(2);
      expect(asked).toBe(pages);
    }
    // Of a hub without a capacity nobody counts them.
    expect(filled).toEqual([
      [name(0), 1],
      [name(0), 1],
    ]);
  });

  it('is listed with its turn among several allocators, its warmth while it starts slowly, its places if they are bounded', () => {
    const bounded = hub({ name: 'bounded', capacity: 4, load: 1, pass: 70 });
    const hubs = [bounded, hub({ name: 'plain', pass: 5 }), hub({ name: 'warming', pass: 6 })];
    const open = { state: 'open', weight: 1, capacity: null, load: 0 } as const;
    const starters = new Map([['warming', 0]]);
    const shared = new HubBoard(hubs, { turns: { epoch: 1, unit: 128 }, starters });
    shared.begin(300_000, places(2));
    shared.moved('bounded', 1);
    expect(shared.snapshots()).toEqual([
      { ...open, name: 'bounded', capacity: 4, load: 1, pass: 70, places: 2 },
      { ...open, name: 'plain', pass: 5 },
      { ...open, name: 'warming', pass: 6, warmth: 550 },
    ]);
    expect(shared.get('bounded')).toMatchObject({ load: 2, pass: 70 + 128 });
    const alone = new HubBoard(hubs);
    alone.begin(300_000, places(2));
    expect(alone.snapshots()[1]).toEqual({ ...open, name: 'plain' });
    expect(new HubBoard([hub({ load: 3 })]).get(name(0))!.pass).toBe(7);
  });

  it('is spared while it starts slowly, as the page says that it did, and no longer', () => {
    expect(new HubBoard([hub({ warmth: 999 }), hub({ name: 'other' })]).isSparing).toBe(true);
    const board = new HubBoard([hub({}), hub({ name: 'other' })], { starters: new Map([['other', 0]]) });
    expect(board.isSparing).toBe(false);
    board.begin(599_000, places(null));
    expect([board.isSparing, board.get('other')!.warmth]).toEqual([true, 998]);
    board.begin(600_000, places(null));
    expect([board.isSparing, board.get('other')!.warmth]).toEqual([false, 1000]);
  });

  it('is told of when devices come and go, also when it is not linked', () => {
    const told: [string, number][] = [];
    const board = new HubBoard([hub({})], { tell: (key, change) => told.push([key, change]) });
    board.moved(name(0), 1);
    board.moved('gone', -1);
    expect(told).toEqual([
      [name(0), 1],
      ['gone', -1],
    ]);
  });

  it('takes room on a page once, when it is listed', () => {
    const board = new HubBoard(hubsOf(200));
    board.begin(0, places(null));
    expect(board.listedText).toBe(0);
    const each = 160 + name(0).length;
    expect(board.textToList([name(0), name(1), 'gone'])).toBe(2 * each);
    board.list(name(0));
    board.list(name(0));
    board.list('gone');
    expect([board.listedText, board.textToList([name(0), name(1)])]).toEqual([each, each]);
    board.begin(0, places(null));
    expect(board.listedText).toBe(0);
    const few = new HubBoard(hubsOf(100));
    few.begin(0, places(null));
    expect(few.listedText).toBe(100 * each);
  });

  it('is wanted with others whose turns come soon and of which no place is in hand, as many as devices wait and 32 at most', () => {
    const board = new HubBoard(hubsOf(100, { capacity: 1000, weight: 1 }));
    const wanted = (devices: number) => board.wanted(board.get(name(50))!, devices);
    board.begin(0, { places: ({ key }) => (key < name(2) ? 1 : null), filled: () => undefined });
    expect(wanted(1)).toEqual([name(50)]);
    expect(wanted(3)).toHaveLength(3);
    expect(wanted(3)[0]).toBe(name(50));
    expect(wanted(90)).toHaveLength(32);
    for (const key of wanted(90)) expect(key >= name(2)).toBe(true);
  });
});

describe('a page of many hubs', () => {
  it('lists those that matter, and a hundred at least', () => {
    const board = new HubBoard(hubsOf(10_000));
    page(board, 3);
    expect(board.snapshots()).toHaveLength(100);
    page(board, 500);
    expect(board.snapshots()).toHaveLength(500);
  });

  it('is decided again from what it lists, to the same hubs and the same list', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 2000 }), (devices, before) => {
        const board = new HubBoard(hubsOf(1000));
        page(board, before);
        const chosen = page(board, devices);
        const listed = board.snapshots();
        const again = new HubBoard(listed, { count: board.count });
        expect(page(again, devices)).toEqual(chosen);
        expect(again.snapshots()).toEqual(listed);
      }),
      { numRuns: 20 },
    );
  });

  it('lists the hubs that a refusal names, though enough others matter', () => {
    const board = new HubBoard(hubsOf(1000).map((hub, index) => (index < 60 ? { ...hub, state: 'cordoned' } : hub)));
    page(board, 300);
    const nowhere = { ...evenly, require: [{ key: 'site', value: 'nowhere' }] };
    const reason = obstacles(nowhere, board);
    expect(reason).toMatch(/^no hub can take the device \(hub-00000: the hub lacks the label site=nowhere; hub-00001/);
    expect(obstacles(nowhere, new HubBoard(board.snapshots(), { count: board.count }))).toBe(reason);
  });

  it('has a refusal’s reason from what it lists', () => {
    const board = new HubBoard(hubsOf(1000, { state: 'cordoned' }));
    board.begin(0, unbounded);
    const reason = obstacles(evenly, board);
    expect(reason).toMatch(/hub-00049: the hub is cordoned; and 950 more\)$/);
    expect(obstacles(evenly, new HubBoard(board.snapshots(), { count: board.count }))).toBe(reason);
  });
});
