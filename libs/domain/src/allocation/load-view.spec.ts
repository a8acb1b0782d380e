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
