import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LogRecord } from '../registration-log.js';
import { packRecords, packSegment, unpackSegment } from './segment.js';

const record: fc.Arbitrary<LogRecord> = fc.record({
  key: fc.option(fc.string({ unit: 'grapheme' }), { nil: null }),
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  headers: fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' })),
});

describe('a segment', () => {
  it('gives back any records as they were, from any offset on', () => {
    const records = fc.array(record, { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(records, fc.nat(10_000), fc.nat(25), (put, base, skipped) => {
        const bytes = packSegment(packRecords(put));
        const got = unpackSegment({ base, at: 42, count: put.length, bytes }, base + skipped);
        const expected = put
          .map((one, at) => ({ ...one, headers: { ...one.headers }, offset: base + at, timestamp: 42 }))
          .slice(skipped);
        expect(got.map((one) => ({ ...one, headers: { ...one.headers } }))).toEqual(expected);
      }),
    );
  });

  it('keeps a header called __proto__ as a header', () => {
    const headers = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    const bytes = packSegment(packRecords([{ key: null, value: Buffer.alloc(0), headers }]));
    const [found] = unpackSegment({ base: 0, at: 0, count: 1, bytes }, 0);
    expect(Object.keys(found!.headers)).toEqual(['__proto__']);
  });
});
