import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type CapacityBook,
  type Holder,
  leaseMax,
  leasePlaces,
  type LeaseTerms,
  mayHaveRoom,
} from './capacity-book.js';

const partitions = 4;
const termsOf = (capacity: number, terms = '100'): LeaseTerms => ({ hub: 'Hub-A', terms, capacity, partitions });
const holder = (partition: number, change: Partial<Holder> = {}): Holder => ({
  partition,
  generation: 1,
  load: 0,
  places: 0,
  wants: false,
  isSettled: true,
  ...change,
});
const book = (change: Partial<CapacityBook> = {}): CapacityBook => ({
  hub: 'Hub-A',
  terms: '100',
  capacity: 80,
  limits: [0, 0, 0, 0],
  generations: [1, 1, 1, 1],
  spare: [],
  recalls: 0,
  ...change,
});
const nothingOfOurs = () => null;

describe('a first lease', () => {
  it('signs all own partitions in, and waits for those of others', () => {
    const { book: after, places } = leasePlaces(
      termsOf(80),
      [holder(0, { wants: true }), holder(1, { load: 7 })],
      null,
    );
    expect(after).toMatchObject({ terms: '100', capacity: 80, limits: [0, 7, -1, -1], generations: [1, 1, 0, 0] });
    expect([...places]).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(mayHaveRoom(after, 0, nothingOfOurs)).toBe(true);
  });

  it('is half an equal share of what is free once all have signed in', () => {
    const before = book({ limits: [0, 7, -1, -1], generations: [1, 1, 0, 0] });
    const holders = [holder(2, { wants: true }), holder(3, { load: 1 })];
    const { book: after, places } = leasePlaces(termsOf(80), holders, before);
    expect(after).toMatchObject({ limits: [0, 7, 9, 1], spare: [2] });
    expect(places.get(2)).toBe(9);
  });

  it('is one place at least and ten thousand at most', () => {
    expect(leasePlaces(termsOf(3), [holder(0, { wants: true })], book({ capacity: 3 })).places.get(0)).toBe(1);
    const many = leasePlaces(termsOf(1e9), [holder(0, { wants: true })], book({ capacity: 1e9 }));
    expect(many.places.get(0)).toBe(leaseMax);
  });
});

describe('near the end', () => {
  const full = book({ capacity: 4, limits: [2, 1, 1, 0], spare: [0, 2] });

  it('an allocator takes from its own partitions before it asks others', () => {
    const holders = [holder(0, { load: 1, places: 1 }), holder(1, { load: 1, wants: true })];
    const { book: after, places } = leasePlaces(termsOf(4), holders, full);
    expect(after).toMatchObject({ limits: [1, 2, 1, 0], spare: [1, 2], recalls: 0 });
    expect([...places]).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it('others are asked to give back, and do', () => {
    const asking = leasePlaces(termsOf(4), [holder(1, { load: 1, wants: true })], full, { recalls: true });
    expect(asking.book).toMatchObject({ limits: [2, 1, 1, 0], recalls: 1 });
    expect(mayHaveRoom(asking.book, 1, nothingOfOurs)).toBe(true);
    const answered = leasePlaces(termsOf(4), [holder(0, { load: 1, places: 1 })], asking.book, { isRecalled: true });
    expect(answered.book).toMatchObject({ limits: [1, 1, 1, 0], spare: [2] });
    const served = leasePlaces(termsOf(4), [holder(1, { load: 1, wants: true })], answered.book);
    expect(served.places.get(1)).toBe(1);
  });

  it('a partition keeps the place that a device of it is waiting for', () => {
    const waiting = holder(0, { load: 1, places: 1, wants: true });
    expect(leasePlaces(termsOf(4), [waiting], full, { isRecalled: true }).book).toBe(full);
  });

  it('there is no room when all is leased and nobody has spare places', () => {
    const usedUp = book({ capacity: 4, limits: [2, 1, 1, 0], spare: [2] });
    const ours = (load: number, places: number) => (partition: number) => (partition === 2 ? { load, places } : null);
    expect(mayHaveRoom(usedUp, 0, nothingOfOurs)).toBe(true);
    expect(mayHaveRoom(usedUp, 0, ours(1, 0))).toBe(false);
    expect(mayHaveRoom(usedUp, 0, ours(0, 1))).toBe(true);
  });

  it('there is room when a partition has fewer devices than the book says, be it the one that asks', () => {
    const claimedAgain = book({ capacity: 4, limits: [2, 1, 1, 0], spare: [2] });
    const ours = (partition: number) => (partition === 2 ? { load: 0, places: 0 } : null);
    expect(mayHaveRoom(claimedAgain, 2, ours)).toBe(true);
  });
});

describe('who may write what', () => {
  it('a partition on its way is left as it is', () => {
    const before = book({ limits: [5, 0, 0, 0], spare: [0] });
    const holders = [holder(0, { load: 3, places: 0, isSettled: false })];
    expect(leasePlaces(termsOf(80), holders, before, { isRecalled: true }).book).toBe(before);
  });

  it('an earlier generation writes nothing, and a later one gives back what it left', () => {
    const before = book({ limits: [5, 0, 0, 0], generations: [2, 1, 1, 1], spare: [0] });
    const zombie = holder(0, { load: 1, wants: true });
    expect(leasePlaces(termsOf(80), [zombie], before).book).toBe(before);
    const heir = leasePlaces(termsOf(80), [holder(0, { load: 3, generation: 3 })], before);
    expect(heir.book).toMatchObject({ limits: [3, 0, 0, 0], generations: [3, 1, 1, 1], spare: [] });
  });

  it('devices that left give their places back', () => {
    const before = book({ limits: [5, 0, 0, 0] });
    expect(leasePlaces(termsOf(80), [holder(0, { load: 3 })], before).book.limits).toEqual([3, 0, 0, 0]);
  });

  it('under another capacity all begin anew, and nothing is leased above it', () => {
    const before = book({ limits: [30, 20, 20, 10], spare: [0, 1, 2, 3], recalls: 4 });
    const first = leasePlaces(
      termsOf(50, '200'),
      [holder(0, { load: 20, wants: true }), holder(1, { load: 20 })],
      before,
    );
    expect(first.book).toMatchObject({ terms: '200', limits: [20, 20, -1, -1], spare: [], recalls: 0 });
    const rest = leasePlaces(
      termsOf(50, '200'),
      [holder(2, { load: 9, wants: true }), holder(3, { load: 2 })],
      first.book,
    );
    expect(rest.book.limits).toEqual([20, 20, 9, 2]);
    expect(mayHaveRoom(rest.book, 2, nothingOfOurs)).toBe(false);
  });
});

describe('places in hand', () => {
  const everybody = (...loads: number[]) => loads.map((load, partition) => holder(partition, { load }));

  it('stay with a partition that has some, while enough is free for those who want', () => {
    const before = book({ limits: [4, 0, 0, 0], spare: [0] });
    const idle = holder(0, { load: 1, places: 3 });
    expect(leasePlaces(termsOf(80), [idle], before).book).toBe(before);
    expect(leasePlaces(termsOf(80), [idle, holder(1, { wants: true })], before).book.limits).toEqual([4, 9, 0, 0]);
    const last = book({ capacity: 5, limits: [4, 0, 0, 0], spare: [0] });
    expect(leasePlaces(termsOf(5), [idle, holder(1, { wants: true })], last).book.limits).toEqual([4, 1, 0, 0]);
  });

  it('are enough: who has some is leased no more', () => {
    const before = book({ limits: [3, 0, 0, 0], spare: [0] });
    const wanting = holder(0, { load: 1, places: 2, wants: true });
    expect(leasePlaces(termsOf(80), [wanting], before).book).toBe(before);
  });

  it('count no more under other terms, nor in the hands of who claimed the partition since', () => {
    const before = book({ limits: [8, 0, 0, 0], spare: [0] });
    const kept = holder(0, { load: 3, places: 5 });
    expect(leasePlaces(termsOf(80, '200'), [kept], before).book.limits).toEqual([3, -1, -1, -1]);
    expect(leasePlaces(termsOf(80), [{ ...kept, generation: 2 }], before).book.limits).toEqual([3, 0, 0, 0]);
  });

  it('are not leased beyond the last, however many want one', () => {
    const three = [0, 1, 2].map((partition) => holder(partition, { wants: true }));
    const after = leasePlaces(termsOf(2), three, book({ capacity: 2 }), { recalls: true });
    expect(after.book).toMatchObject({ limits: [1, 1, 0, 0], recalls: 1 });
  });

  it('are not leased before all have signed in, though others ask for what is idle', () => {
    const before = book({ limits: [2, -1, 0, 0] });
    const wanting = holder(0, { load: 2, wants: true });
    const { places } = leasePlaces(termsOf(80), [wanting], before, { isRecalled: true });
    expect([...places]).toEqual([[0, 0]]);
  });

  it('are asked of others only when somebody went without', () => {
    const served = leasePlaces(termsOf(80), [holder(0, { wants: true })], book(), { recalls: true });
    expect(served.book).toMatchObject({ limits: [10, 0, 0, 0], recalls: 0 });
  });

  it('of the partition that asks are no room for it; a partition that has not signed in may be', () => {
    const full = book({ capacity: 4, limits: [2, 1, 1, 0], spare: [0] });
    const ours = (partition: number) => (partition === 0 ? { load: 1, places: 1 } : null);
    expect(mayHaveRoom(full, 0, ours)).toBe(false);
    expect(mayHaveRoom({ ...full, limits: [5, -1, 0, 0], spare: [] }, 0, nothingOfOurs)).toBe(true);
  });

  it('are written anew under other terms, though all numbers are the same', () => {
    const before = book({ limits: [1, 2, 3, 4] });
    expect(leasePlaces(termsOf(80), everybody(1, 2, 3, 4), before).book).toBe(before);
    expect(leasePlaces(termsOf(80, '200'), everybody(1, 2, 3, 4), before).book).toEqual({ ...before, terms: '200' });
  });
});

describe('in any book', () => {
  const anyHolder = fc.record({
    partition: fc.nat({ max: partitions - 1 }),
    generation: fc.integer({ min: 1, max: 3 }),
    load: fc.nat({ max: 20 }),
    places: fc.nat({ max: 5 }),
    wants: fc.boolean(),
    isSettled: fc.boolean(),
  });
  const anyBook = fc.record({
    limits: fc.array(fc.integer({ min: -1, max: 20 }), { minLength: partitions, maxLength: partitions }),
    generations: fc.array(fc.nat({ max: 3 }), { minLength: partitions, maxLength: partitions }),
    capacity: fc.nat({ max: 60 }),
  });
  const total = (limits: readonly number[]) => limits.reduce((sum, limit) => sum + limit, 0);

  it('limits never rise above the capacity, and no holder is given places that its limit does not cover', () => {
    fc.assert(
      fc.property(
        anyBook,
        fc.uniqueArray(anyHolder, { selector: ({ partition }) => partition }),
        fc.boolean(),
        (known, holders, isRecalled) => {
          const before = book(known);
          // What a holder has in hand lies within its limit: that is what is to be kept.
          const honest = holders.map((it) => {
            const limit = before.limits[it.partition]!;
            const isOurs = before.generations[it.partition] === it.generation;
            const load = limit >= 0 ? Math.min(it.load, limit) : it.load;
            return { ...it, load, places: isOurs && limit >= 0 ? Math.min(it.places, limit - load) : 0 };
          });
          const { book: after, places } = leasePlaces(termsOf(before.capacity), honest, before, { isRecalled });
          for (const [partition, left] of places) {
            const { load } = honest.find((it) => it.partition === partition)!;
            expect(after.limits[partition]).toBe(load + left);
          }
          const signedIn = after.limits.some(
            (limit, index) => limit > before.limits[index]! && before.limits[index]! >= 0,
          );
          if (signedIn) expect(total(after.limits)).toBeLessThanOrEqual(before.capacity);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
