import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { MasterKey } from './master-key.js';

const secret = Buffer.from('HostName=hub-a;SharedAccessKey=abc');

describe('MasterKey', () => {
  const bytes = randomBytes(32);
  const masterKey = new MasterKey(bytes);

  it('opens what it sealed', () => {
    const { event, key } = masterKey.newDataKey();
    expect(masterKey.open(masterKey.seal(secret, key), event.data)).toEqual(secret);
  });

  it('is the same key in another process', () => {
    const { event, key } = masterKey.newDataKey();
    expect(new MasterKey(Buffer.from(bytes)).open(masterKey.seal(secret, key), event.data)).toEqual(secret);
  });

  it('seals the same secret differently each time, and never in the clear', () => {
    const { key } = masterKey.newDataKey();
    const [first, second] = [masterKey.seal(secret, key), masterKey.seal(secret, key)];
    expect(first.ciphertext).not.toBe(second.ciphertext);
    expect(Buffer.from(first.ciphertext, 'base64').includes('SharedAccessKey')).toBe(false);
  });

  it("can't open with another record's data key", () => {
    const { key } = masterKey.newDataKey();
    const sealed = masterKey.seal(secret, key);
    const other = masterKey.newDataKey().event.data;
    expect(masterKey.open(sealed, other)).toBeNull();
    expect(masterKey.open(sealed, { ...other, keyId: key.keyId })).toBeNull();
  });

  it("can't be led to believe that a key is another record's", () => {
    const { event, key } = masterKey.newDataKey();
    const keyId = masterKey.newDataKey().key.keyId;
    expect(masterKey.open({ ...masterKey.seal(secret, key), keyId }, { ...event.data, keyId })).toBeNull();
  });

  it("can't open under another master key", () => {
    const { event, key } = masterKey.newDataKey();
    const stranger = new MasterKey(randomBytes(32));
    const sealed = masterKey.seal(secret, key);
    expect(stranger.open(sealed, event.data)).toBeNull();
    expect(stranger.open(sealed, { ...event.data, masterKeyId: stranger.id })).toBeNull();
  });

  it.each(['nonce', 'ciphertext'] as const)('refuses an altered %s', (field) => {
    const { event, key } = masterKey.newDataKey();
    const sealed = masterKey.seal(secret, key);
    const altered = Buffer.from(sealed[field], 'base64');
    altered[0]! ^= 1;
    expect(masterKey.open({ ...sealed, [field]: altered.toString('base64') }, event.data)).toBeNull();
    expect(masterKey.open({ ...sealed, [field]: '' }, event.data)).toBeNull();
  });

  it('seals bytes in their place, and opens them nowhere else', () => {
    const { event, key } = masterKey.newDataKey();
    const bytes = randomBytes(100_000);
    const sealed = masterKey.sealBytes(bytes, key, 'part/1');
    expect(masterKey.openBytes(sealed, event.data, 'part/1')).toEqual(bytes);
    expect(sealed.includes(bytes.subarray(0, 16))).toBe(false);
    expect(masterKey.openBytes(sealed, event.data, 'part/2')).toBeNull();
    expect(masterKey.openBytes(sealed, masterKey.newDataKey().event.data, 'part/1')).toBeNull();
    expect(masterKey.openBytes(sealed.subarray(0, 20), event.data, 'part/1')).toBeNull();
    sealed[50]! ^= 1;
    expect(masterKey.openBytes(sealed, event.data, 'part/1')).toBeNull();
  });

  it('fingerprints equal texts alike, and differently under another key', () => {
    expect(masterKey.fingerprint('a')).toBe(masterKey.fingerprint('a'));
    expect(masterKey.fingerprint('a')).not.toBe(masterKey.fingerprint('b'));
    expect(masterKey.fingerprint('a')).not.toBe(new MasterKey(randomBytes(32)).fingerprint('a'));
  });

  it('knows a fingerprint that it or a key before it has made', () => {
    const [former, current] = [randomBytes(32), randomBytes(32)];
    const ring = new MasterKey(current, [former]);
    for (const key of [former, current]) {
      const fingerprint = new MasterKey(key).fingerprint('a');
      expect(ring.isFingerprint(fingerprint, 'a')).toBe(true);
      expect(ring.isFingerprint(fingerprint, 'b')).toBe(false);
    }
    expect(ring.isFingerprint(new MasterKey(randomBytes(32)).fingerprint('a'), 'a')).toBe(false);
  });

  it('shows no key when printed', () => {
    const { event, key } = masterKey.newDataKey();
    const printed = inspect([masterKey, key], { depth: 9, showHidden: true }) + JSON.stringify([masterKey, key, event]);
    expect(printed).not.toContain(bytes.toString('hex'));
    expect(printed).not.toContain(bytes.toString('base64'));
    expect(printed).not.toContain(key.key.export().toString('base64'));
  });

  it('wants 32 bytes', () => {
    expect(() => new MasterKey(randomBytes(31))).toThrow(RangeError);
  });

  describe('after a rotation', () => {
    const next = randomBytes(32);
    const both = new MasterKey(next, [bytes]);
    const { event, key } = masterKey.newDataKey();
    const sealed = masterKey.seal(secret, key);

    it('opens what a former key has wrapped, and wraps with the new one', () => {
      expect(both.open(sealed, event.data)).toEqual(secret);
      expect(both.newDataKey().event.data.masterKeyId).toBe(new MasterKey(next).id);
      expect([both.holds(masterKey.id), both.holds(both.id), masterKey.holds(both.id)]).toEqual([true, true, false]);
      expect(both.formerIds).toEqual([masterKey.id]);
    });

    it('opens a data key that was wrapped anew without the former key, and the former key does not', () => {
      const rewrapped = both.rewrap(event.data);
      expect(rewrapped).toMatchObject({ type: 'DataKeyRewrapped', data: { keyId: key.keyId, masterKeyId: both.id } });
      expect(new MasterKey(next).open(sealed, rewrapped!.data)).toEqual(secret);
      expect(masterKey.open(sealed, rewrapped!.data)).toBeNull();
    });

    it("can't wrap anew what no key here opens", () => {
      const stranger = new MasterKey(randomBytes(32));
      expect(stranger.rewrap(event.data)).toBeNull();
      expect(stranger.rewrap({ ...event.data, masterKeyId: stranger.id })).toBeNull();
    });
  });
});
