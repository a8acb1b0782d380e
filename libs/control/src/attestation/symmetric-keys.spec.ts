import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { keysFor, parseSymmetricKey } from './symmetric-keys.js';

const keyOf = (bytes: number) => randomBytes(bytes).toString('base64');

describe('a symmetric key', () => {
  it.each([16, 17, 63, 64])('may have %i bytes', (bytes) => {
    const text = keyOf(bytes);
    expect(parseSymmetricKey(text)?.toString('base64')).toBe(text);
  });

  it.each([
    ['15 bytes', keyOf(15)],
    ['65 bytes', keyOf(65)],
    ['nothing', ''],
    ['no base64', '*'.repeat(44)],
    ['base64url', `${'-_'.repeat(21)}AA`],
    ['a line break', `${keyOf(16)}\n`],
    ['stray bits at the end', `${'A'.repeat(21)}B==`],
    ['a megabyte', 'A'.repeat(1 << 20)],
  ])('is not %s', (_what, text) => {
    expect(parseSymmetricKey(text)).toBeNull();
  });
});

describe('the keys of an enrollment', () => {
  it('are both generated with 64 bytes when none is given', () => {
    const keys = keysFor({ primary: null, secondary: null });
    if ('kind' in keys) throw new Error(keys.kind);
    expect([keys.primary.length, keys.secondary.length]).toEqual([64, 64]);
    expect(keys.primary.equals(keys.secondary)).toBe(false);
  });

  it('are the given ones, with a missing one generated', () => {
    const primary = keyOf(32);
    const keys = keysFor({ primary, secondary: null });
    if ('kind' in keys) throw new Error(keys.kind);
    expect(keys.primary.toString('base64')).toBe(primary);
    expect(keys.secondary.length).toBe(64);
  });

  it.each(['primary', 'secondary'] as const)('are refused when the %s is no key', (key) => {
    const wish = { primary: keyOf(32), secondary: keyOf(32), [key]: 'short' };
    expect(keysFor(wish)).toEqual({ kind: 'invalidSymmetricKey', key, min: 16, max: 64 });
  });
});
