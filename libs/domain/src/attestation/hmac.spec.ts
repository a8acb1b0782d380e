import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { hmacSha256 } from './hmac.js';

const macOf = (key: Uint8Array, message: string) => {
  const mac = Buffer.alloc(32);
  hmacSha256(key, message, mac);
  return mac.toString('hex');
};

describe('HMAC-SHA-256', () => {
  it('gives the values of RFC 4231', () => {
    expect(macOf(Buffer.alloc(20, 0x0b), 'Hi There')).toBe(
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    );
    expect(macOf(Buffer.from('Jefe'), 'what do ya want for nothing?')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  it('is what node gives, for every key up to a block and every text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: 'grapheme', maxLength: 100 }), (key, message) => {
        expect(macOf(key, message)).toBe(createHmac('sha256', key).update(message).digest('hex'));
      }),
    );
  });

  it('refuses what it cannot take', () => {
    expect(() => macOf(Buffer.alloc(65), '')).toThrow(RangeError);
    expect(() => macOf(Buffer.alloc(64), 'x'.repeat(10_000))).toThrow(RangeError);
  });
});
