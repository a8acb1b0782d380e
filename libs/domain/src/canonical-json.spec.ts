import { expect, it } from '@jest/globals';
import { canonicalJson } from './canonical-json.js';

it('writes equal values alike, whatever the order of their fields', () => {
  expect(canonicalJson({ b: [{ y: 1, x: null }], a: 'é' })).toBe('{"a":"é","b":[{"x":null,"y":1}]}');
  expect(canonicalJson({ a: 'é', b: [{ x: null, y: 1 }] })).toBe(canonicalJson({ b: [{ y: 1, x: null }], a: 'é' }));
});

it('keeps the order of lists, which means something', () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
