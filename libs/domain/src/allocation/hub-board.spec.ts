import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate, type AllocationRule, obstacles } from './allocate.js';
import { HubBoard, type HubSnapshot } from './hub-board.js';
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
const unbounded = { places: () => null, filled: () => undefined };

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

  it('has a refusal’s reason from what it lists', () => {
    const board = new HubBoard(hubsOf(1000, { state: 'cordoned' }));
    board.begin(0, unbounded);
    const reason = obstacles(evenly, board);
    expect(reason).toMatch(/hub-00009: the hub is cordoned; and 990 more\)$/);
    expect(obstacles(evenly, new HubBoard(board.snapshots(), { count: board.count }))).toBe(reason);
  });
});

describe('ten thousand hubs', () => {
  it('cost a device at most ten times what ten cost', () => {
    const boards = [10, 10_000].map((count) => new HubBoard(hubsOf(count)));
    const times = boards.map((): number[] => []);
    for (let round = 0; round < 30; round += 1) {
      for (const [index, board] of boards.entries()) {
        const begun = process.hrtime.bigint();
        for (let pages = 0; pages < 5; pages += 1) {
          page(board, 200);
          board.snapshots();
        }
        times[index]!.push(Number(process.hrtime.bigint() - begun) / 1000);
      }
    }
    const [few, many] = times.map((each) => each.sort((a, b) => a - b)[15]!) as [number, number];
    console.log(`A device among 10 hubs: ${few.toFixed(0)} ns, among 10,000: ${many.toFixed(0)} ns`);
    expect(many / few).toBeLessThanOrEqual(10);
  });
});
