import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { type DeviceState, DeviceTable } from './device-table.js';

const anyNumber = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const anyReference = fc.record({ revision: anyNumber, offset: anyNumber });
const anyKey = fc.constantFrom('d1', 'd2', 'd3', 'a-much-longer-device-name-than-the-others');
const anyStep = fc.oneof(
  fc.record({
    assign: fc.record({
      at: anyReference,
      hub: fc.constantFrom('hub-a', 'Hub-A', 'hub-b'),
      substatus: fc.constantFrom('initialAssignment', 'deviceDataReset', 'deviceDataMigrated'),
      deviceId: anyNumber,
      enrollmentGroup: fc.constantFrom(null, 'Line-7', 'hub-a'),
      request: fc.constantFrom(null, 0, 2 ** 53 - 1),
      outdone: fc.integer({ min: 0, max: 3 }),
      since: fc.constantFrom(0, Date.UTC(2026, 0, 1), Date.UTC(2100, 0, 1)),
    }),
    key: anyKey,
  }),
  fc.record({ refuse: fc.record({ at: anyReference, authenticated: fc.boolean(), said: anyNumber }), key: anyKey }),
  fc.record({
    release: fc.record({ at: anyReference, hub: fc.constantFrom('hub-a', 'Hub-A', null), request: anyNumber }),
    key: anyKey,
  }),
  fc.record({ settle: fc.bigInt({ min: 0n, max: 2n ** 63n }).map(String) }),
);

describe('a device table', () => {
  it('remembers of each device what a plain object would', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 50 }), (steps) => {
        const table = new DeviceTable([1, 2]);
        const expected = new Map<string, DeviceState>();
        for (const step of steps) {
          if ('settle' in step) {
            table.settle(step.settle);
            for (const { assigned, refused, released } of expected.values()) {
              if (released) released.at.position ??= step.settle;
              if (assigned) assigned.at.position ??= step.settle;
              if (refused) refused.at.position ??= step.settle;
            }
            continue;
          }
          const before = expected.get(step.key) ?? { assigned: null, refused: null, released: null };
          if ('assign' in step) {
            const { at, ...assigned } = step.assign;
            table.assign(step.key, step.assign);
            const nothing = { refused: null, released: null };
            expected.set(step.key, { assigned: { ...assigned, at: { ...at, position: null } }, ...nothing });
          } else if ('release' in step) {
            const { at, ...released } = step.release;
            table.release(step.key, step.release);
            const nothing = { assigned: null, refused: null };
            expected.set(step.key, { ...nothing, released: { ...released, at: { ...at, position: null } } });
          } else {
            const { at, ...refused } = step.refuse;
            table.refuse(step.key, step.refuse);
            expected.set(step.key, { ...before, refused: { ...refused, at: { ...at, position: null } } });
          }
        }
        expect(new Map(table)).toEqual(expected);
        expect(table.size).toBe(expected.size);
        expect(table.get('nobody')).toBeUndefined();
      }),
    );
  });

  it('keeps each spelling of a hub or group once, however many devices have it', () => {
    const table = new DeviceTable();
    const placed = { substatus: 'initialAssignment', deviceId: 1, request: null, outdone: 0, since: 0 } as const;
    for (let index = 0; index < 100; index += 1) {
      const at = { revision: 1, offset: index };
      table.assign(`d${index}`, { ...placed, hub: 'hub-a', enrollmentGroup: index % 2 === 0 ? 'Line-7' : null, at });
    }
    table.settle('64');
    expect([...table.parts()].map(({ shared }) => [...shared].sort())).toEqual([['', 'Line-7', 'hub-a']]);
  });

  it('knows more names of hubs and groups than two bytes count, each by its device, and comes back from its parts', () => {
    const names = 70_000;
    const nameOf = (index: number) => ({
      hub: `hub-${index}`,
      enrollmentGroup: index % 2 === 0 ? `line-${index}` : null,
    });
    const placed = { substatus: 'initialAssignment', deviceId: 1, request: null, outdone: 3, since: 5000 } as const;
    const table = new DeviceTable();
    for (let index = 0; index < names; index += 1) {
      table.assign(`d${index}`, { ...placed, ...nameOf(index), at: { revision: 1, offset: index } });
    }
    table.settle('64');
    const restored = new DeviceTable();
    for (const part of table.parts()) restored.restore(part);
    for (const it of [table, restored]) {
      for (const index of [0, 1, 32_768, 65_534, 65_535, 65_536, names - 1]) {
        const { assigned } = it.get(`d${index}`)!;
        expect(assigned).toEqual({ ...placed, ...nameOf(index), at: { revision: 1, offset: index, position: '64' } });
      }
    }
    table.release('d69999', { at: { revision: 2, offset: names }, hub: 'HUB-69999', request: 7 });
    expect(table.get('d69999')!.released).toMatchObject({ hub: 'HUB-69999' });
    expect(restored.size).toBe(names);
  });

  it('comes back from its parts, with the pages stored meanwhile folded in again', () => {
    const page = fc.array(
      fc.record({ device: fc.integer({ min: 0, max: 30_000 }), isRefusal: fc.boolean(), said: anyNumber }),
      { minLength: 50, maxLength: 100 },
    );
    fc.assert(
      fc.property(fc.array(page, { minLength: 3, maxLength: 3 }), (pages) => {
        const fold = (table: DeviceTable, revision: number) => {
          for (const [offset, { device, isRefusal, said }] of pages[revision]!.entries()) {
            const at = { revision, offset };
            const entrance = {
              enrollmentGroup: said % 3 === 0 ? `group-${said % 5}` : null,
              request: said % 2 === 0 ? said : null,
              outdone: said % 4,
              since: 1000 * (said % 4_000_000_000),
            };
            const placed = { hub: `hub-${said % 7}`, substatus: 'initialAssignment', deviceId: said } as const;
            const assignment = { at, ...placed, ...entrance };
            if (isRefusal) table.refuse(`device-${device}`, { at, authenticated: true, said });
            else table.assign(`device-${device}`, assignment);
          }
          table.settle(String(1000 + revision));
        };
        const table = new DeviceTable([1, 2]);
        for (let device = 0; device < 20_000; device += 1) {
          const at = { revision: 0, offset: device };
          const placed = { hub: 'hub-x', substatus: 'deviceDataReset', deviceId: device } as const;
          table.assign(`device-${device}`, {
            at,
            ...placed,
            enrollmentGroup: 'group-x',
            request: null,
            outdone: 0,
            since: 0,
          });
        }
        table.settle('7');
        const restored = new DeviceTable([3, 4]);
        let folded = 0;
        for (const { shared, records } of table.parts()) {
          // Twice, for what moves while parts are made may be in two of them.
          for (let time = 0; time < 2; time += 1) {
            restored.restore({ shared: [...shared], records: Buffer.from(records) });
          }
          if (folded < pages.length) fold(table, folded++);
        }
        expect(folded).toBe(pages.length);
        for (const revision of pages.keys()) fold(restored, revision);
        expect(restored.size).toBe(table.size);
        const differs = [...table].filter(([key, state]) => !isDeepStrictEqual(restored.get(key), state));
        expect(differs).toEqual([]);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
});
