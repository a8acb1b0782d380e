import { describe, expect, it } from '@jest/globals';
import { authenticatorFor, rights } from './auth.js';

describe('authentication by API key', () => {
  const authenticator = authenticatorFor({
    mode: 'apikey',
    keys: new Map([
      ['ops', 'k-1'],
      ['ci', 'k-2'],
    ]),
  });

  it('names the caller by the key', () => {
    expect(authenticator.actorOf('Bearer k-1')).toBe('ops');
    expect(authenticator.actorOf('bearer k-2')).toBe('ci');
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Bearer k-3', 'Bearer k-1 k-2', 'Basic k-1', 'k-1'])(
    'refuses %j',
    (header) => {
      expect(authenticator.actorOf(header)).toBeNull();
    },
  );

  it('lets everybody in where none is wanted', () => {
    expect(authenticatorFor({ mode: 'none' }).actorOf(undefined)).toBe('anonymous');
  });

  it('lets a key do what its rights say, and everything when nothing is said of it', () => {
    const keys = new Map([
      ['ops', 'k-1'],
      ['gateway', 'k-2'],
    ]);
    const { may } = authenticatorFor({
      mode: 'apikey',
      keys,
      rights: new Map([['gateway', new Set(['DeviceConnect'])]]),
    });
    const allowed = (actor: string) => rights.filter((right) => may(actor, right));
    expect(allowed('ops')).toEqual(rights);
    expect(allowed('gateway')).toEqual(['DeviceConnect']);
    expect(allowed('nobody')).toEqual([]);
  });
});
