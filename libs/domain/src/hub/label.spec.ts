import { describe, expect, it } from '@jest/globals';
import { faultInLabels, inKeyOrder, labelsMax, lackedOf } from './label.js';

const site = { key: 'site', value: 'paris' };

describe('labels', () => {
  it.each(['a', 'A-1', 'example.com/tier', 'x'.repeat(63)])('are written like %j', (text) => {
    expect(faultInLabels([{ key: text, value: text }], 1)).toBeNull();
  });

  it.each(['', '-a', 'a-', 'a b', 'a=b', 'ü', '__proto__', 'x'.repeat(64)])('are not written like %j', (text) => {
    expect(faultInLabels([site, { key: text, value: 'a' }], 2)).toEqual({ kind: 'invalidLabel', index: 1 });
    expect(faultInLabels([{ key: 'a', value: text }], 2)).toEqual({ kind: 'invalidLabel', index: 0 });
  });

  it('are a few, each key once', () => {
    const many = Array.from({ length: labelsMax.hub + 1 }, (_, index) => ({ key: `k${index}`, value: 'v' }));
    expect(faultInLabels(many, labelsMax.hub)).toEqual({ kind: 'tooManyLabels', max: labelsMax.hub });
    expect(faultInLabels([site, { key: 'site', value: 'rome' }], 2)).toEqual({
      kind: 'labelNamedTwice',
      key: 'site',
      index: 1,
    });
  });

  it('are had by who has both key and value, in whatever place', () => {
    const others = [
      { key: 'tier', value: 'paris' },
      { key: 'site', value: 'Paris' },
    ];
    expect(lackedOf([site], others)).toEqual([site]);
    expect(lackedOf([site, ...others], [...others, site])).toEqual([]);
    expect(lackedOf([], [])).toEqual([]);
  });

  it('have one order, whatever was given besides', () => {
    const given = [site, { key: 'B', value: '2', more: 1 }, { key: 'a', value: '1' }];
    expect(inKeyOrder(given)).toEqual([{ key: 'B', value: '2' }, { key: 'a', value: '1' }, site]);
  });
});
