import { describe, expect, it } from '@jest/globals';
import { rejectedRecord } from './rejected.js';

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
});
