import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { halfSipHash } from './half-sip-hash.js';
import { PackedRecords } from './packed-records.js';

const head = 8;

/** Records that hold one number each, beside what a Map says they should. */
class Model {
  readonly records = new PackedRecords(head, [1, 2]);
  readonly expected = new Map<string, number>();

  set(key: string, value: number, tail: number): void {
    this.records.remove(key);
    const address = this.records.add(key, tail);
    this.records.chunkOf(address).view.setFloat32(this.records.offsetOf(address) + 4, value);
    this.expected.set(key, value);
  }

  remove(key: string): void {
    if (this.records.remove(key) !== this.expected.delete(key)) throw new Error(`${key} was there, or was not`);
  }
}

function contentOf(records: PackedRecords): Map<string, number> {
  return new Map([...records].map(([key, address]) => [key, valueAt(records, address)]));
}

function valueAt(records: PackedRecords, address: number): number {
  return records.chunkOf(address).view.getFloat32(records.offsetOf(address) + 4);
}

const anyKey = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((number) => `device-${number}`),
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 255 }),
);
const anyStep = fc.record({
  key: anyKey,
  value: fc.integer({ min: 1, max: 1000 }),
  tail: fc.integer({ min: 0, max: 200 }),
  isRemoval: fc.boolean(),
});

describe('packed records', () => {
  it('hold what a Map would, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 100, maxLength: 400 }), (steps) => {
        const model = new Model();
        for (const { key, value, tail, isRemoval } of steps) {
          if (isRemoval) model.remove(key);
          else model.set(key, value, tail);
        }
        expect(model.records.size).toBe(model.expected.size);
        expect(contentOf(model.records)).toEqual(model.expected);
        const keys = steps.map(({ key }) => key);
        expect(keys.filter((key) => (model.records.find(key) !== 0) !== model.expected.has(key))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('find every key through growth, over many chunks', () => {
    const records = new PackedRecords(head, [3, 4]);
    const keys = Array.from({ length: 50_000 }, (_, index) => `device-${index}`);
    for (const key of keys) records.add(key, 30);
    expect(records.size).toBe(keys.length);
    expect(keys.filter((key) => records.find(key) === 0)).toEqual([]);
    expect(records.find('device-50000')).toBe(0);
  });

  it('use room again, and leave nothing of what was there', () => {
    const records = new PackedRecords(head, [5, 6]);
    const write = (key: string) => {
      const address = records.add(key, 32);
      const { bytes } = records.chunkOf(address);
      bytes.write('secret '.repeat(4), records.offsetOf(address) + head + key.length);
      return address;
    };
    const first = write('one');
    records.remove('one');
    const { bytes } = records.chunkOf(first);
    expect(bytes.includes('secret')).toBe(false);
    expect(write('two')).toBe(first);
    for (let round = 0; round < 1000; round += 1) {
      records.remove('two');
      write('two');
    }
    expect(records.chunkOf(first).bytes).toHaveLength(bytes.length);
  });

  it('refuse keys they cannot hold', () => {
    const records = new PackedRecords(head, [0, 0]);
    expect(() => records.add('x'.repeat(256))).toThrow(RangeError);
    expect(() => records.add('Ā')).toThrow(RangeError);
  });

  it('take keys of 255 characters, and records of 4096 bytes, and nothing longer', () => {
    const records = new PackedRecords(head, [0, 0]);
    const [longest, largest] = ['ÿ'.repeat(255), 'k'];
    const address = records.add(longest);
    expect([records.keyAt(address), records.bytesOf(address)]).toEqual([longest, 264]);
    expect(records.bytesOf(records.add(largest, 4096 - head - 1))).toBe(4096);
    expect(() => records.add('other', 4096)).toThrow(RangeError);
    expect([...records].map(([key]) => key).sort()).toEqual([largest, longest]);
  });

  it('come back from their blocks, with what changed meanwhile done again', () => {
    const anyBurst = fc.array(
      fc.record({
        key: fc.integer({ min: 0, max: 29_999 }).map((number) => `old-${number}`),
        value: fc.integer({ min: 1, max: 1000 }),
        tail: fc.constantFrom(0, 60),
        isRemoval: fc.boolean(),
      }),
      { minLength: 50, maxLength: 200 },
    );
    fc.assert(
      fc.property(fc.array(anyBurst, { minLength: 1, maxLength: 1 }), (bursts) => {
        const model = new Model();
        for (let index = 0; index < 30_000; index += 1) model.set(`old-${index}`, index, index % 2 === 0 ? 0 : 60);
        const blocks: Buffer[] = [];
        const done: { key: string; isRemoval: boolean }[] = [];
        for (const block of model.records.blocks()) {
          blocks.push(Buffer.from(block));
          for (const step of bursts[blocks.length - 1] ?? []) {
            const { key, value, tail, isRemoval } = step;
            // What is there and stays becomes larger or smaller, which gives it another place.
            if (isRemoval && model.expected.has(key)) model.remove(key);
            else model.set(key, value, tail);
            done.push(step);
          }
        }
        expect(blocks.length).toBeGreaterThan(1);
        const restored = new PackedRecords(head, [7, 8]);
        for (const block of blocks) {
          for (const { key, start, end } of restored.recordsIn(block)) {
            restored.remove(key);
            restored.insert(key, block, start, end);
          }
        }
        const removed = new Set(done.filter(({ isRemoval }) => isRemoval).map(({ key }) => key));
        const changed = new Set(done.map(({ key }) => key));
        // What was there all the time is found again, though perhaps as it was before it changed.
        const isMissed = ([key, value]: [string, number]) => {
          const address = restored.find(key);
          return address === 0 ? !removed.has(key) : !changed.has(key) && valueAt(restored, address) !== value;
        };
        expect([...model.expected].filter(isMissed)).toEqual([]);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });

  it('tells keys apart that hash alike', () => {
    const byHash = new Map<number, string>();
    const pairs: [string, string][] = [];
    // Some of them agree in all 32 bits, as a hundred do of a million devices.
    for (let number = 0; number < 200_000; number += 1) {
      const key = `device-${number}`;
      const hash = halfSipHash(key, 1, 2);
      const other = byHash.get(hash);
      if (other !== undefined) pairs.push([other, key]);
      byHash.set(hash, key);
    }
    expect(pairs.length).toBeGreaterThan(0);
    for (const [one, other] of pairs) {
      const model = new Model();
      model.set(one, 1, 0);
      expect(model.records.find(other)).toBe(0);
      model.set(other, 2, 0);
      expect(contentOf(model.records)).toEqual(model.expected);
      model.remove(one);
      expect(contentOf(model.records)).toEqual(model.expected);
    }
  });

  it('gives the room of what went to what comes, but not while it is walked', () => {
    const { records } = new Model();
    const room = () => {
      const address = records.add('device-1');
      records.remove('device-1');
      return address;
    };
    const first = room();
    expect(room()).toBe(first);
    records.add('device-2');
    const walk = records.blocks()[Symbol.iterator]();
    walk.next();
    expect(room()).not.toBe(first);
    expect(walk.next().done).toBe(true);
    const again = new Set([room(), room(), room()]);
    expect(again.size).toBe(1);
  });

  it('is as before when it takes no key of wider characters', () => {
    const model = new Model();
    model.set('device-1', 1, 0);
    expect(() => model.records.add('device-\u0100')).toThrow(RangeError);
    expect(contentOf(model.records)).toEqual(model.expected);
    const keys = [...model.records.blocks()].flatMap((block) =>
      [...model.records.recordsIn(block)].map(({ key }) => key),
    );
    expect(keys).toEqual(['device-1']);
  });
});
