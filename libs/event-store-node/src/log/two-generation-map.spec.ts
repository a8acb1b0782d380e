import { describe, expect, it } from '@jest/globals';
import { TwoGenerationMap } from './two-generation-map.js';

describe('TwoGenerationMap', () => {
  it('keeps at least a generation, and at most two', () => {
    const map = new TwoGenerationMap<number>(10);
    for (let n = 0; n < 1000; n += 1) map.set(`${n}`, n);
    const kept = Array.from({ length: 1000 }, (_, n) => n).filter((n) => map.get(`${n}`) === n);
    expect(kept.length).toBeGreaterThanOrEqual(10);
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(map.get('999')).toBe(999);
  });

  it('keeps what is asked for again and again', () => {
    const map = new TwoGenerationMap<number>(10);
    map.set('mine', 1);
    for (let n = 0; n < 1000; n += 1) {
      map.set(`${n}`, n);
      expect(map.get('mine')).toBe(1);
    }
  });

  it('forgets everything when told to', () => {
    const map = new TwoGenerationMap<number>(1);
    map.set('a', 1);
    map.set('b', 2);
    map.clear();
    expect([map.get('a'), map.get('b')]).toEqual([undefined, undefined]);
  });
});
