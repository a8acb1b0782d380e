import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LoadEvent, reportsKept, ToldLoads } from './load-report.js';

const hubKey = (index: number) => `hub-${index}`;
const present = (loads: ReadonlyMap<string, number>) =>
  Object.fromEntries([...loads].filter(([, devices]) => devices !== 0).sort());

/** Who reads these reports, in order, knows this; null before one that says it all. */
function read(reports: readonly LoadEvent[], first: number): Map<string, number> | null {
  let known: Map<string, number> | null = null;
  for (const [index, { data }] of reports.entries()) {
    if (data.since === undefined) known = new Map();
    else expect(data.since).toBe(first + index - 1);
    for (const [hub, devices] of data.loads) known?.set(hub, devices);
  }
  return known;
}

describe('what others are told of loads', () => {
  it('is the loads as they are, whenever somebody begins to read the reports that are kept', () => {
    const changes = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 3 })), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(changes, { minLength: 1, maxLength: 300, size: 'max' }), (epochs) => {
        const loads = new Map<string, number>();
        const told = new ToldLoads();
        const stream: LoadEvent[] = [];
        for (const epoch of epochs) {
          for (const [hub, devices] of epoch) loads.set(hubKey(hub), devices);
          stream.push(...told.next({ partition: 3, generation: 2, loads }, stream.length - 1));
          const kept = stream.slice(-reportsKept);
          expect(present(read(kept, stream.length - kept.length)!)).toEqual(present(loads));
        }
      }),
      { numRuns: 5 },
    );
  });

  it('is all again before the last report that said so is kept no longer, however little changes', () => {
    const loads = new Map(Array.from({ length: 1000 }, (_, index) => [hubKey(index), 1]));
    const told = new ToldLoads();
    const stream: LoadEvent[] = [];
    for (let epoch = 0; epoch < 400; epoch += 1) {
      loads.set(hubKey(epoch), 2);
      stream.push(...told.next({ partition: 3, generation: 2, loads }, stream.length - 1));
    }
    const kept = stream.slice(-reportsKept);
    expect(present(read(kept, stream.length - kept.length)!)).toEqual(present(loads));
    const whole = stream.flatMap(({ data }, index) => (data.since === undefined ? [index] : []));
    expect(whole).toEqual([0, 101, 202, 303]);
  });

  it('is nothing while nothing changes', () => {
    const told = new ToldLoads();
    expect(told.next({ partition: 0, generation: 1, loads: new Map() }, -1)).toHaveLength(1);
    const loads = new Map([['hub-a', 1]]);
    expect(told.next({ partition: 0, generation: 1, loads }, 0)).toHaveLength(1);
    expect(told.next({ partition: 0, generation: 1, loads }, 1)).toEqual([]);
  });

  it('costs what changes, however many hubs there are, and no report is larger than the store takes', () => {
    const long = (index: number) => `${index}`.padStart(5, '0') + 'h'.repeat(248);
    const loads = new Map(Array.from({ length: 10_000 }, (_, index) => [long(index), 1]));
    const told = new ToldLoads();
    const stream: LoadEvent[] = [];
    const tell = () => stream.push(...told.next({ partition: 0, generation: 1, loads }, stream.length - 1));
    tell();
    const whole = stream.length;
    expect(whole).toBeGreaterThan(1);
    for (let epoch = 0; epoch < 300; epoch += 1) {
      for (let device = 0; device < 50; device += 1) loads.set(long((epoch * 50 + device) % 10_000), epoch + 2);
      tell();
      const kept = stream.slice(-reportsKept);
      if (epoch % 149 === 0) expect(present(read(kept, stream.length - kept.length)!)).toEqual(present(loads));
    }
    const sizes = stream.map((report) => JSON.stringify(report).length);
    expect(Math.max(...sizes)).toBeLessThan(512 * 1024);
    const named = stream.slice(whole).reduce((sum, { data }) => sum + data.loads.length, 0);
    // 50 hubs an epoch have changed; to tell all of them each time would be 10,000.
    expect(named / 300).toBeLessThan(200);
  });
});
