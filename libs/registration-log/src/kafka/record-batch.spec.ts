import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type BatchMessage, type BatchStamp, recordBatch } from './record-batch.js';

const require = createRequire(import.meta.url);
const record = require('kafkajs/src/protocol/recordBatch/record/v0') as (of: object) => object;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(of: object): Promise<{ buffer: Buffer }>;
};
/** Of the length, which kafkajs writes in front of a batch as of any bytes, but for the offset. */
const offsetBytes = 8;

async function byKafkajs(messages: readonly BatchMessage[], stamp: BatchStamp): Promise<Buffer> {
  const { at, producerId, producerEpoch, firstSequence } = stamp;
  const batch = await RecordBatch({
    records: messages.map((message, offsetDelta) => record({ ...message, offsetDelta })),
    firstTimestamp: at,
    maxTimestamp: at,
    producerId: String(producerId),
    producerEpoch,
    firstSequence,
    lastOffsetDelta: messages.length - 1,
  });
  return batch.buffer;
}

const anyField = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 20_000, size: 'large' }).map((bytes) => Buffer.from(bytes)),
);
const anyMessage: fc.Arbitrary<BatchMessage> = fc.record(
  {
    key: fc.option(anyField),
    value: fc.option(anyField),
    headers: fc.dictionary(fc.string({ maxLength: 80 }), fc.oneof(anyField, fc.array(anyField, { maxLength: 3 }))),
  },
  { requiredKeys: ['value'] },
);
const anyStamp = fc.record({
  at: fc.integer({ min: 0, max: 2 ** 45 }),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }),
  producerEpoch: fc.integer({ min: -1, max: 32_767 }),
  firstSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
});

describe('a record batch', () => {
  it('has the very bytes that kafkajs gives it', () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 300 }), anyStamp, async (messages, stamp) => {
        const batch = await recordBatch(messages, stamp, null);
        expect(batch.equals(await byKafkajs(messages, stamp))).toBe(true);
      }),
      { numRuns: 60 },
    ));

  it('knows its headers again only when nobody can have changed them', async () => {
    const stamp = { at: 0, producerId: -1n, producerEpoch: -1, firstSequence: -1 };
    for (const headers of [Object.freeze({ a: 'frozen' }), { a: 'open' }, { a: 'open' }]) {
      for (const a of [headers.a, 'changed']) {
        if (!Object.isFrozen(headers)) Object.assign(headers, { a });
        const messages = [
          { value: 'x', headers },
          { value: 'y', headers: { ...headers } },
        ];
        expect(await recordBatch(messages, stamp, null)).toEqual(await byKafkajs(messages, stamp));
      }
    }
  });

  it('is compressed behind its own fields, and says by what', async () => {
    const stamp = { at: 1, producerId: 7n, producerEpoch: 0, firstSequence: 3 };
    const messages = Array.from({ length: 100 }, (_, index) => ({ key: String(index), value: 'the same' }));
    const plain = await recordBatch(messages, stamp, null);
    const compressed = await recordBatch(messages, stamp, { codec: 1, compress: promisify<Buffer, Buffer>(gzip) });
    expect(compressed.readInt16BE(21)).toBe(1);
    expect(compressed.readInt32BE(offsetBytes)).toBe(compressed.length - offsetBytes - 4);
    expect(await promisify<Buffer, Buffer>(gunzip)(compressed.subarray(61))).toEqual(plain.subarray(61));
    expect(compressed.subarray(23, 61)).toEqual(plain.subarray(23, 61));
  });
});
