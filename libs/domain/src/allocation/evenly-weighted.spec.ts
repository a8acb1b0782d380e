import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allocate } from './allocate.js';
import { boardOf, evenly, hub, on } from './under-test/hubs.js';

describe('evenlyWeighted', () => {
  it('never lets equal hubs differ by more than one while filling from empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 500 }), (count, devices) => {
        const hubs = boardOf(...Array.from({ length: count }, (_, index) => hub(`hub-${index}`)));
        for (let device = 0; device < devices; device += 1) {
          hubs.moved(allocate(evenly, hubs, on(null))!.key, 1);
          const loads = [...hubs.values()].map(({ load }) => load);
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 30 },
    );
  });

  it.each([null, ['a', 'b', 'c', 'd', 'e']])('lets equal hubs take turns by name, listed or not: %j', (listed) => {
    const hubs = boardOf(...['a', 'b', 'c', 'd', 'e'].map((name) => hub(name)));
    const chosen = Array.from({ length: 10 }, () => {
      const { key } = allocate({ ...evenly, hubs: listed }, hubs, on(null))!;
      hubs.moved(key, 1);
      return key;
    });
    expect(chosen.join('')).toBe('abcdeabcde');
  });

  it('gives weights their exact shares', () => {
    const hubs = boardOf(
      hub('a', { weight: 1 }),
      hub('b', { weight: 2 }),
      hub('c', { weight: 4 }),
      hub('d', { weight: 8 }),
    );
    for (let device = 0; device < 1500; device += 1) hubs.moved(allocate(evenly, hubs, on(null))!.key, 1);
    expect([...hubs.values()].map(({ load }) => load)).toEqual([100, 200, 400, 800]);
  });

  it('fills a new hub before the old ones go on', () => {
    const hubs = boardOf(hub('a', { load: 100 }), hub('b', { load: 100 }), hub('new'));
    for (let device = 0; device < 100; device += 1) {
      const chosen = allocate(evenly, hubs, on(null))!;
      expect(chosen.name).toBe('new');
      hubs.moved(chosen.key, 1);
    }
    expect(allocate(evenly, hubs, on(null))!.name).toBe('a');
  });

  it('leaves a device where it is', () => {
    const hubs = boardOf(hub('a', { load: 100 }), hub('b'));
    expect(allocate(evenly, hubs, on('A'))!.name).toBe('a');
    const listed = { ...evenly, hubs: ['a', 'b'] };
    const full = boardOf(hub('a', { load: 9 }), hub('b'), hub('c'));
    expect(allocate(listed, full, on('A'))?.name).toBe('a');
    expect(allocate(listed, full, on('c'))?.name).toBe('b');
  });
});
