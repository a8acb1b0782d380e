import { describe, expect, it } from '@jest/globals';
import { Interned } from './interned.js';

describe('interned values', () => {
  it('are one object as long as somebody holds them', () => {
    const interned = new Interned<{ n: number }>();
    const first = interned.enter({ n: 1 });
    expect(interned.enter({ n: 1 })).toBe(first);
    const other = interned.enter({ n: 2 });
    interned.leave(first);
    expect(interned.at(first)).toEqual({ n: 1 });
    interned.leave(first);
    expect(interned.enter({ n: 3 })).toBe(first);
    expect(interned.at(first)).toEqual({ n: 3 });
    expect(interned.at(other)).toEqual({ n: 2 });
  });

  it('go with their last holder, and no sooner', () => {
    const interned = new Interned<{ n: number }>();
    const one = interned.enter({ n: 1 });
    interned.hold(one);
    interned.leave(one);
    expect(interned.enter({ n: 2 })).not.toBe(one);
    expect(interned.enter({ n: 1 })).toBe(one);
    interned.leave(one);
    interned.leave(one);
    expect(interned.enter({ n: 3 })).toBe(one);
    expect(interned.enter({ n: 1 })).not.toBe(one);
  });
});
