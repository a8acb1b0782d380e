import { describe, expect, it } from '@jest/globals';
import { LogFault } from '../log-fault.js';
import { recordSize } from '../record-size.js';
import type { LogRecord, RegistrationLog } from '../registration-log.js';
import { recordBytesMax, topics } from '../topics.js';
import { publishRejected, rejectedRecord } from './rejected.js';

const record = {
  key: null,
  value: Buffer.from([0, 255, 1]),
  headers: { 'content-type': 'x/y', 'berth-reason': 'forged' },
  offset: 9,
  timestamp: 1_700_000_000_000,
};

describe('a rejected message', () => {
  it('keeps bytes, key and headers, and says what was wrong and where it stood', () => {
    const rejected = rejectedRecord(record, { topic: 't', partition: 2, offset: 9 }, 'is missing', ['data', 'a/b~c']);
    expect(rejected).toEqual({
      key: null,
      value: record.value,
      headers: {
        'content-type': 'x/y',
        'berth-reason': 'is missing',
        'berth-path': '/data/a~1b~0c',
        'berth-topic': 't',
        'berth-partition': '2',
        'berth-offset': '9',
        'berth-timestamp': '1700000000000',
      },
    });
  });

  it('does not grow without bound with the reason', () => {
    const rejected = rejectedRecord(record, { topic: 't', partition: 2, offset: 9 }, 'x'.repeat(1e6), [
      'y'.repeat(1e6),
    ]);
    expect(JSON.stringify(rejected.headers).length).toBeLessThan(4_000);
  });

  it('keeps what was no text as it came', () => {
    const odd = { ...record, notText: { key: '/w==' } };
    const rejected = rejectedRecord(odd, { topic: 't', partition: 2, offset: 9 }, 'odd', []);
    expect(rejected.headers['berth-not-text']).toBe('{"key":"/w=="}');
  });

  it('is cut when it is too large for the topic, and says of what', async () => {
    const taken: LogRecord[] = [];
    const log = {
      publish: async (topic: string, records: readonly LogRecord[]) => {
        if (records.some((one) => recordSize(one) > recordBytesMax(topic)))
          throw new LogFault('record-too-large', topic);
        taken.push(...records);
        return [];
      },
    } satisfies Pick<RegistrationLog, 'publish'> as unknown as RegistrationLog;
    const origin = { topic: topics.registrations, partition: 2, offset: 9 };
    const small = rejectedRecord(record, origin, 'small', []);
    const large = {
      ...record,
      key: 'k'.repeat(20_000),
      value: Buffer.alloc(3_000_000, 7),
      headers: { h: 'x'.repeat(1e5) },
    };
    await publishRejected(log, [small, rejectedRecord(large, origin, 'large', ['data'])]);
    const [first, second] = taken;
    expect(first).toBe(small);
    expect(second!.key).toBeNull();
    expect(second!.value).toEqual(large.value.subarray(0, 500_000));
    expect(second!.headers).toMatchObject({ 'berth-reason': 'large', 'berth-path': '/data', 'berth-offset': '9' });
    expect(second!.headers).not.toHaveProperty('h');
    expect(second!.headers['berth-cut']).toMatch(/value's 3000000 had SHA-256 [0-9a-f]{64}/);
  });
});
