import { describe, expect, it } from '@jest/globals';
import { enrollmentData, enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { type DataKeyEvent, type OpenSecret } from '../secret/sealed-secret.js';
import {
  type Configuration,
  type ConfigurationEvent,
  emptyConfiguration,
  evolveConfiguration,
  foreknowDataKey,
} from './configuration.js';

const place = { position: '1', at: 0 };
const wrap = (type: DataKeyEvent['type'], keyId: string, masterKeyId: string): DataKeyEvent => ({
  type,
  v: 1,
  data: { keyId, masterKeyId, nonce: '', wrapped: '' },
});
const keys = (keyId: string) => ({
  type: 'symmetricKey' as const,
  primary: { keyId, nonce: '', ciphertext: `first of ${keyId}` },
  secondary: { keyId, nonce: '', ciphertext: `second of ${keyId}` },
});
/** Whoever has these master keys. */
const opening =
  (...masterKeyIds: string[]): OpenSecret =>
  ({ keyId, ciphertext }, dataKey) =>
    keyId === dataKey.keyId && masterKeyIds.includes(dataKey.masterKeyId) ? Buffer.from(ciphertext) : null;

const id = (record: number) => `press-${record}`;
const isOfGroup = (record: number) => record % 3 === 0;

/** A record with a data key of its own, some of them a group's. */
function made(record: number): ConfigurationEvent[] {
  const keyId = `key-${record}`;
  const attestation = keys(keyId);
  const created: ConfigurationEvent = isOfGroup(record)
    ? { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData(id(record), { attestation }) }
    : { type: 'EnrollmentCreated', v: 2, data: { ...enrollmentData(id(record), '/x'), attestation } };
  return [wrap('DataKeyCreated', keyId, 'old'), created];
}

function read(events: readonly ConfigurationEvent[], openSecret: OpenSecret, foreknown: boolean): Configuration {
  const configuration = emptyConfiguration(openSecret);
  if (foreknown) {
    for (const event of events) {
      if (event.type === 'DataKeyCreated' || event.type === 'DataKeyRewrapped') foreknowDataKey(configuration, event);
    }
  }
  for (const event of events) evolveConfiguration(configuration, event, place);
  return configuration;
}

function keysIn({ enrollments, groups }: Configuration, record: number): (string | null)[] | undefined {
  const attestation = isOfGroup(record)
    ? groups.get(id(record))?.attestation
    : enrollments.get(id(record))?.attestation;
  if (attestation?.type !== 'symmetricKey') return undefined;
  return [attestation.primary, attestation.secondary].map((key) => key && Buffer.from(key).toString());
}

/** Records in order, and each one's data key wrapped anew somewhere behind it, or not at all. */
const anyHistory = fc.array(fc.option(fc.nat(20), { freq: 4 }), { minLength: 1, maxLength: 8 }).map((records) => {
  const events: ConfigurationEvent[] = records.flatMap((_, record) => made(record));
  for (const [record, delay] of records.entries()) {
    if (delay === null) continue;
    const from = events.findIndex((event) => event.type === 'DataKeyCreated' && event.data.keyId === `key-${record}`);
    events.splice(Math.min(from + 1 + delay, events.length), 0, wrap('DataKeyRewrapped', `key-${record}`, 'new'));
  }
  return { events, records };
});

describe('data keys that were wrapped anew', () => {
  it('open the same for who has seen it happen and for who reads the past with the new master key only', () =>
    fc.assert(
      fc.property(anyHistory, ({ events, records }) => {
        const witness = read(events, opening('old', 'new'), false);
        const late = read(events, opening('new'), true);
        for (const [record, delay] of records.entries()) {
          const own = [`first of key-${record}`, `second of key-${record}`];
          expect(keysIn(witness, record)).toEqual(own);
          expect(keysIn(late, record)).toEqual(delay === null ? [null, null] : own);
        }
      }),
    ));

  it('open a record that comes after both wraps by the last one, for the first may be of a key that is gone', () => {
    const [first, record] = made(1) as [ConfigurationEvent, ConfigurationEvent];
    const events = [first, wrap('DataKeyRewrapped', 'key-1', 'new'), record];
    expect(keysIn(read(events, opening('new'), false), 1)).toEqual(['first of key-1', 'second of key-1']);
  });

  it('are forgotten with their record, also when each key of it has its own', () => {
    const configuration = emptyConfiguration(opening('old'));
    const attestation = { ...keys('key-1'), secondary: keys('key-2').secondary };
    const events: ConfigurationEvent[] = [
      wrap('DataKeyCreated', 'key-1', 'old'),
      wrap('DataKeyCreated', 'key-2', 'old'),
      { type: 'EnrollmentCreated', v: 2, data: { ...enrollmentData('press-1', '/x'), attestation } },
    ];
    for (const event of events) evolveConfiguration(configuration, event, place);
    expect(keysIn(configuration, 1)).toEqual(['first of key-1', 'second of key-2']);
    expect(configuration.dataKeys.size).toBe(0);
  });

  it('leave nothing behind once their records are read', () =>
    fc.assert(
      fc.property(anyHistory, fc.boolean(), ({ events }, foreknown) => {
        const { dataKeys, rewrapped } = read(events, opening('old', 'new'), foreknown);
        expect([dataKeys.size, rewrapped.size]).toEqual([0, 0]);
      }),
    ));
});
