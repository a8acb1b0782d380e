import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { fetchedRecords } from './fetched-batches.js';

const require = createRequire(import.meta.url);
const record = require('kafkajs/src/protocol/recordBatch/record/v0') as (of: object) => object;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(of: object): Promise<{ buffer: Buffer }>;
};
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => { buffer: Buffer; offset: number };
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: object,
) => Promise<{ records: Record<string, unknown>[] }>;

const anyField = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
/** Of a header called `valueOf` kafkajs makes a list that begins with a function: it looks for headers before it on a plain object. */
const anyName = fc.string({ maxLength: 80 }).filter((name) => !(name in {}));
const anyHeaders = fc.dictionary(anyName, fc.oneof(anyField, fc.array(anyField, { maxLength: 3 })), {
  noNullPrototype: true,
});
const anyRecord = fc.record({
  offsetDelta: fc.nat({ max: 2 ** 31 - 1 }),
  timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  key: fc.option(anyField),
  value: fc.option(anyField),
  // Many records with the same headers in a row, and some with others.
  headers: fc.oneof(fc.constant({ same: Buffer.from('for many') }), fc.constant({}), anyHeaders),
});
const anyBatch = fc.record({
  firstOffset: fc.bigInt({ min: 0n, max: 2n ** 52n }),
  firstTimestamp: fc.integer({ min: 2 ** 41, max: 2 ** 45 }),
  maxTimestamp: fc.integer({ min: 2 ** 41, max: 2 ** 45 }),
  producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }),
  transactional: fc.boolean(),
  appendTime: fc.boolean(),
  control: fc.boolean(),
  records: fc.array(anyRecord, { minLength: 1, maxLength: 50 }),
});
type AnyBatch = typeof anyBatch extends fc.Arbitrary<infer B> ? B : never;

/** As brokers hand it out: what kafkajs writes has no offset, and knows no flags for control batches and for their own clock. */
async function bytesOf({ firstOffset, appendTime, control, records, producerId, ...batch }: AnyBatch): Promise<Buffer> {
  const { buffer } = await RecordBatch({
    ...batch,
    producerId: String(producerId),
    producerEpoch: 0,
    firstSequence: 0,
    lastOffsetDelta: records.at(-1)!.offsetDelta,
    records: records.map((fields) => record(fields)),
  });
  buffer.writeBigInt64BE(firstOffset, 0);
  buffer.writeInt16BE(buffer.readInt16BE(21) | (appendTime ? 0x08 : 0) | (control ? 0x20 : 0), 21);
  return sealed(buffer);
}

function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

const plain = () => Promise.reject(new Error('nothing is compressed here'));

const aBatch: AnyBatch = {
  firstOffset: 7n,
  firstTimestamp: 2 ** 41,
  maxTimestamp: 2 ** 41,
  producerId: -1n,
  transactional: false,
  appendTime: false,
  control: false,
  records: Array.from({ length: 3 }, (_, offsetDelta) => ({
    offsetDelta,
    timestampDelta: 0,
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: { a: Buffer.from('b') },
  })),
};

describe('fetched record batches', () => {
  it('have the records that kafkajs finds in them', () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyBatch, { minLength: 1, maxLength: 4 }), async (batches) => {
        const bytes = Buffer.concat(await Promise.all(batches.map(bytesOf)));
        const decoder = new Decoder(bytes);
        const expected: unknown[] = [];
        while (decoder.offset < bytes.length) {
          for (const { magicByte, batchContext, headers, ...found } of (await decodeBatch(decoder)).records) {
            const { producerId, inTransaction } = batchContext as Record<string, unknown>;
            expect(magicByte).toBe(2);
            expected.push({
              ...found,
              headers: { ...(headers as object) },
              batchContext: { producerId, inTransaction },
            });
          }
        }
        const found = await fetchedRecords(bytes, plain);
        expect(found.map(({ headers, ...others }) => ({ ...others, headers: { ...headers } }))).toEqual(expected);
      }),
      { numRuns: 200 },
    ));

  it('may have headers that are called what every object has', async () => {
    const odd = Object.fromEntries(['valueOf', 'constructor', 'toString'].map((name) => [name, Buffer.from(name)]));
    const records = [{ ...aBatch.records[0]!, headers: odd }];
    const [found] = await fetchedRecords(await bytesOf({ ...aBatch, records }), plain);
    expect({ ...found!.headers }).toEqual(odd);
  });

  it('are left out when they are cut off, wherever that is', async () => {
    const [whole, cut] = [await bytesOf(aBatch), await bytesOf({ ...aBatch, firstOffset: 10n })];
    for (let length = 0; length < cut.length; length += 1) {
      const found = await fetchedRecords(Buffer.concat([whole, cut.subarray(0, length)]), plain);
      expect(found.map(({ offset }) => offset)).toEqual(['7', '8', '9']);
    }
  });

  it("are refused for another try when they aren't what their checksum says", async () => {
    const bytes = await bytesOf(aBatch);
    for (let at = 17; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      await expect(fetchedRecords(damaged, plain)).rejects.toMatchObject({ code: 'log-away', retriable: true });
    }
  });

  it('are refused for good, or read as something, when their checksum is right and their records are none', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1 }), async (damages) => {
        const bytes = await bytesOf(aBatch);
        for (const [at, byte] of damages) bytes[57 + (at % (bytes.length - 57))] = byte;
        await fetchedRecords(sealed(bytes), plain).catch((error: unknown) =>
          expect(error).toMatchObject({ code: 'refused', retriable: false }),
        );
      }),
      { numRuns: 500 },
    ));

  it('share the headers that stand the same in a row, which nobody can change', async () => {
    const records = [...aBatch.records, { ...aBatch.records[0]!, offsetDelta: 3, headers: { a: Buffer.from('c') } }];
    const found = await fetchedRecords(await bytesOf({ ...aBatch, records }), plain);
    expect(found[1]!.headers).toBe(found[0]!.headers);
    expect(found[3]!.headers).toEqual({ a: Buffer.from('c') });
    expect(found.every(({ headers }) => Object.isFrozen(headers))).toBe(true);
  });

  it('have their records from whoever knows how they are compressed', async () => {
    const bytes = await bytesOf(aBatch);
    const expected = await fetchedRecords(bytes, plain);
    const head = Buffer.from(bytes.subarray(0, 61));
    head.writeInt16BE(3, 21);
    const compressed = Buffer.concat([head, Buffer.from('LZ4')]);
    compressed.writeInt32BE(compressed.length - 12, 8);
    const asked: unknown[] = [];
    const found = await fetchedRecords(sealed(compressed), async (codec, records) => {
      asked.push(codec, records.toString());
      return bytes.subarray(61);
    });
    expect(asked).toEqual([3, 'LZ4']);
    expect(found).toEqual(expected);
  });
});
