import { describe, expect, it } from '@jest/globals';
import { firstDifference } from './first-difference.js';

describe('the first difference of two events', () => {
  it.each([
    [{ a: 1 }, { a: 1 }, null],
    [{ a: 1, b: [{ hub: 'x' }, { hub: 'y' }] }, { a: 1, b: [{ hub: 'x' }, { hub: 'z' }] }, ['b[1].hub', '"y"', '"z"']],
    [{ b: [1, 2] }, { b: [1] }, ['b[1]', '2', null]],
    [{ b: [1] }, { b: [1], c: null }, ['c', null, 'null']],
    [{ a: [] }, { a: {} }, ['a', '[]', '{}']],
  ])('%j against %j', (stored, decided, expected) => {
    const found = firstDifference(JSON.stringify(stored), JSON.stringify(decided));
    expect(found && [found.path, found.stored, found.decided]).toEqual(expected);
  });

  it('is the order of the fields, too, and that nothing was decided', () => {
    expect(firstDifference('{"a":1,"b":2}', '{"b":2,"a":1}')).toMatchObject({ path: '' });
    expect(firstDifference('{}', null)).toEqual({ path: '', stored: '{}', decided: null });
  });
});
