import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hash32 } from './hash.js';
import { type OpenedHub } from './hub-board.js';
import { LoadView } from './load-view.js';

const partitions = 4;
const ours = 2;
const names = ['a', 'b', 'c'] as const;
const hubs = new Map(
  names.map((name): [string, OpenedHub] => [name, { name, state: 'open', weight: 1, capacity: null, openedAt: 0 }]),
);
const anyHub = fc.constantFrom(...names);
const anyLoads = fc.dictionary(anyHub, fc.nat(20));
const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ place: anyHub }) },
  { weight: 1, arbitrary: fc.record({ leave: anyHub }) },
  { weight: 2, arbitrary: fc.record({ report: fc.constantFrom(2, 3), loads: anyLoads }) },
  { weight: 2, arbitrary: fc.record({ change: fc.constantFrom(2, 3), loads: anyLoads }) },
  { weight: 1, arbitrary: fc.constant({ epoch: true as const }) },
);

/** The same by remembering, for each report, what we had on each hub when it came. */
class Plain {
  own: Record<string, number> = { a: 0, b: 0, c: 0 };
  epoch = 1;
  private reports = new Map<number, { loads: Record<string, number>; own: Record<string, number>; at: number }>();
  private begun = { own: { ...this.own }, at: 0 };
  private time = 0;

  report(partition: number, loads: Record<string, number>): void {
    this.reports.set(partition, { loads, own: { ...this.own }, at: (this.time += 1) });
  }

  change(partition: number, loads: Record<string, number>): void {
    const report = this.reports.get(partition);
    if (report) this.report(partition, { ...report.loads, ...loads });
  }

  nextEpoch(): void {
    for (const report of this.reports.values()) if (report.at < this.begun.at) Object.assign(report, this.begun);
    this.begun = { own: { ...this.own }, at: (this.time += 1) };
    this.epoch += 1;
  }

  load(hub: string): number {
    return this.own[hub]! + [...this.reports.values()].reduce((sum, { loads }) => sum + (loads[hub] ?? 0), 0);
  }

  pass(hub: string): number {
    let expected = ours * this.load(hub) + (partitions - ours - this.reports.size) * this.own[hub]!;
    for (const { own } of this.reports.values()) expected += this.own[hub]! - own[hub]!;
    const unit = 64 * partitions;
    return 64 * expected + Math.floor((hash32(`${this.epoch}/0/${hub}`) * unit) / 2 ** 32);
  }
}

describe('the loads as one of several allocators knows them', () => {
  it('count what it has placed itself since each report came, as if the reporter had placed alike', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const view = new LoadView(partitions);
        const plain = new Plain();
        for (let partition = 0; partition < ours; partition += 1) {
          view.claimed({ partition, generation: 1, loads: new Map() });
        }
        const board = () => view.boardOf({ hubs, hubsVersion: 1 });
        const told = (partition: number, loads: Record<string, number>) => ({
          ...{ partition, generation: 1, loads: new Map(Object.entries(loads)) },
        });
        for (const step of steps) {
          if ('place' in step || 'leave' in step) {
            const [hub, change] = 'place' in step ? [step.place, 1 as const] : [step.leave, -1 as const];
            board().moved(hub, change);
            plain.own[hub]! += change;
          } else if ('report' in step) {
            view.reported(told(step.report, step.loads));
            plain.report(step.report, step.loads);
          } else if ('change' in step) {
            view.changed(told(step.change, step.loads));
            plain.change(step.change, step.loads);
          } else {
            view.nextEpoch();
            plain.nextEpoch();
            expect([...board().values()].map(({ load, pass }) => [load, pass])).toEqual(
              names.map((name) => [plain.load(name), plain.pass(name)]),
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('who owns a partition', () => {
  const told = (partition: number, generation: number, loads: Record<string, number>) => ({
    ...{ partition, generation, loads: new Map(Object.entries(loads)) },
  });
  const boardOf = (view: LoadView) => view.boardOf({ hubs, hubsVersion: 1 });
  const loadsIn = (view: LoadView) =>
    [...view.boardOf({ hubs, hubsVersion: 2 }).values()].map(({ load }) => load).join(' ');

  it('says what is on it: once it is ours nobody else does, and what was reported counts no more', () => {
    const view = new LoadView(2);
    view.claimed(told(0, 1, { a: 1 }));
    view.reported(told(1, 1, { a: 5, b: 5 }));
    expect(loadsIn(view)).toBe('6 5 0');
    view.claimed(told(1, 2, { b: 7 }));
    expect(loadsIn(view)).toBe('1 7 0');
    view.reported(told(1, 3, { c: 9 }));
    view.nextEpoch();
    expect(loadsIn(view)).toBe('1 7 0');
  });

  it('is known by the generation: who had it before is not listened to any more', () => {
    const view = new LoadView(2);
    view.claimed(told(0, 1, {}));
    view.reported(told(1, 3, { a: 3 }));
    view.reported(told(1, 2, { b: 9 }));
    view.changed(told(1, 2, { a: 9 }));
    view.nextEpoch();
    expect(loadsIn(view)).toBe('3 0 0');
    view.reported(told(1, 3, { a: 4 }));
    view.changed(told(1, 3, { b: 2 }));
    view.changed(told(1, 3, { a: 1 }));
    view.nextEpoch();
    expect(loadsIn(view)).toBe('1 2 0');
    view.claimed(told(1, 4, { c: 1 }));
    view.givenUp(told(1, 4, { c: 1 }));
    view.reported(told(1, 3, { c: 9 }));
    view.nextEpoch();
    expect(loadsIn(view)).toBe('0 0 1');
  });

  it('is not forgotten when it is given up: its devices stand until its owner reports', () => {
    const view = new LoadView(2);
    view.claimed(told(0, 1, { a: 1 }));
    view.claimed(told(1, 1, { b: 2 }));
    boardOf(view).moved('b', 1);
    view.givenUp(told(1, 1, { b: 3 }));
    expect(loadsIn(view)).toBe('1 3 0');
    // Another time changes nothing, and nor does what was never ours.
    view.givenUp(told(1, 1, { b: 9 }));
    expect(loadsIn(view)).toBe('1 3 0');
    view.reported(told(1, 2, { c: 4 }));
    view.nextEpoch();
    expect(loadsIn(view)).toBe('1 0 4');
  });

  it('decides how turns count: alone exactly, with others by expectation', () => {
    const view = new LoadView(2);
    view.claimed(told(0, 1, { a: 3 }));
    view.claimed(told(1, 1, { b: 1 }));
    const passes = () => [...boardOf(view).values()].map(({ pass }) => pass);
    expect(boardOf(view).turns).toEqual({ epoch: 0, unit: 2 });
    expect(passes()).toEqual([7, 3, 1]);
    view.givenUp(told(1, 1, { b: 1 }));
    expect(boardOf(view).turns).toEqual({ epoch: 1, unit: 128 });
    // One of two partitions is ours, so each device on a hub counts half a turn; and a start of less than one.
    const starts = passes().map((pass, index) => pass - 64 * [3, 1, 0][index]!);
    expect(starts.every((start) => start >= 0 && start < 128)).toBe(true);
  });

  it('keeps the board as long as hubs, owners and epoch are the same', () => {
    const view = new LoadView(2);
    view.claimed(told(0, 1, {}));
    const board = boardOf(view);
    view.reported(told(1, 1, { a: 1 }));
    expect(boardOf(view)).toBe(board);
    view.nextEpoch();
    const next = boardOf(view);
    expect(next).not.toBe(board);
    view.claimed(told(1, 2, {}));
    expect(boardOf(view)).not.toBe(next);
    const alone = boardOf(view);
    expect(view.boardOf({ hubs, hubsVersion: 2 })).not.toBe(alone);
  });

  it('has hubs in the order of their keys, and spares those that opened late', () => {
    const minute = 60_000;
    const open = { state: 'open', weight: 1, capacity: null } as const;
    const late = new Map<string, OpenedHub>([
      ['c', { ...open, name: 'C', openedAt: 20 * minute }],
      ['a', { ...open, name: 'A', openedAt: 0, labels: [{ key: 'site', value: 'paris' }] }],
      ['b', { ...open, name: 'B', openedAt: 20 * minute, state: 'cordoned' }],
    ]);
    const view = new LoadView(1);
    view.claimed(told(0, 1, {}));
    const board = view.boardOf({ hubs: late, hubsVersion: 1 });
    board.begin(20 * minute, { places: () => null, filled: () => undefined });
    expect([...board.values()].map(({ name, warmth, labels }) => [name, warmth, labels.length])).toEqual([
      ['A', 1000, 1],
      ['B', 1000, 0],
      ['C', 100, 0],
    ]);
  });
});
