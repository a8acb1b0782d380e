import { describe, expect, it } from '@jest/globals';
import { cursorOf, keyOfCursor } from './cursor.js';
import { globalId, parseGlobalId } from './global-id.js';
import { pageRequest } from './page-args.js';

const code = 'BAD_USER_INPUT';
const refusal = expect.objectContaining({ extensions: { code } });

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('global ids', () => {
  it('lead back to type and key, whatever the spelling', () => {
    expect(parseGlobalId(globalId('Hub', 'Hub-A:1'))).toEqual({ type: 'Hub', key: 'hub-a:1' });
    expect(globalId('Hub', 'Hub-A')).toBe(globalId('Hub', 'hub-a'));
    expect(globalId('Hub', 'a')).not.toBe(globalId('Enrollment', 'a'));
  });

  it.each(['', 'hub-a', btoa('Hub:'), btoa('Ledger:1'), btoa('Hub:A'), `${globalId('Hub', 'abc')}=`])(
    'are never %j',
    (id) => {
      expect(thrownBy(() => parseGlobalId(id))).toEqual(refusal);
    },
  );
});

describe('cursors', () => {
  it('lead back to the key within their own list', () => {
    expect(keyOfCursor('hubs', cursorOf('hubs', 'Hub-A'))).toBe('hub-a');
    expect(thrownBy(() => keyOfCursor('registrations', cursorOf('hubs', 'a')))).toEqual(refusal);
    expect(thrownBy(() => keyOfCursor('hubs', 'hub-a'))).toEqual(refusal);
  });
});

describe('a page', () => {
  it('is asked for from one end, within its bounds', () => {
    expect(pageRequest('hubs', { first: 100, after: cursorOf('hubs', 'a'), last: null })).toEqual({
      first: 100,
      after: 'a',
    });
    expect(pageRequest('hubs', { last: 1, before: cursorOf('hubs', 'b') })).toEqual({ last: 1, before: 'b' });
    for (const args of [{}, { first: null }, { first: 1, last: 1 }, { first: 0 }, { last: 101 }]) {
      expect(thrownBy(() => pageRequest('hubs', args))).toEqual(refusal);
    }
  });
});
