import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { decompressedBytesMax, installCodecs } from './codecs.js';
import { lz4Decompressed } from './lz4.js';
import { snappyDecompressed } from './snappy.js';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const pair = `${hash('berth')}\n${hash(hash('berth'))}\n`;
const text = pair.repeat(1200);
const enough = 1_000_000;

// By lz4 1.9.4: `lz4 -B4 -BD -BX --content-size` of `text`, that is blocks of 64 KiB that refer to each other, with checksums.
const linkedFrame = Buffer.from(
  'BCJNGFxAYGECAAAAAACajQEAAP9zNWMyZjY0YzdmMjFlZmQ1ZmI1ZTNkNmE0OTlhYmU1ZWFjYjI0OGFlNmY2ZjAwODUzODdjOWEwNTZkMTBlZjVmZAo5YWFjYTllZWRmZDY4NmZmMThkNjc1ZWE3ODA5NDhhNDE2MWZlMGM1OTZmYzFjNDFiMjEyZDZhODFjOWU3ZjA1CoIA/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////2ZQZWZkNWYqZFejCgEAAA/w///////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////oUGJlNWVh+2A7E+4AAAD/c2NiMjQ4YWU2ZjZmMDA4NTM4N2M5YTA1NmQxMGVmNWZkCjlhYWNhOWVlZGZkNjg2ZmYxOGQ2NzVlYTc4MDk0OGE0MTYxZmUwYzU5NmZjMWM0MWIyMTJkNmE4MWM5ZTdmMDUKNWMyZjY0YzdmMjFlZmQ1ZmI1ZTNkNmE0OTlhYmU1ZWGCAP////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////8nUDdmMDUKkS61UAAAAAC1HInv',
  'base64',
);
// By the snappy crate 1.1, without framing: the first 20,000 characters of `text`.
const bareBlock = Buffer.from(
  'oJwB8IE1YzJmNjRjN2YyMWVmZDVmYjVlM2Q2YTQ5OWFiZTVlYWNiMjQ4YWU2ZjZmMDA4NTM4N2M5YTA1NmQxMGVmNWZkCjlhYWNhOWVlZGZkNjg2ZmYxOGQ2NzVlYTc4MDk0OGE0MTYxZmUwYzU5NmZjMWM0MWIyMTJkNmE4MWM5ZTdmMDUK/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIA/oIAdoIA',
  'base64',
);
const framed = (...blocks: Buffer[]) => {
  const header = Buffer.from('82534e41505059000000000100000001', 'hex');
  const lengths = blocks.map(({ length }) => Buffer.from(length.toString(16).padStart(8, '0'), 'hex'));
  return Buffer.concat([header, ...blocks.flatMap((block, at) => [lengths[at]!, block])]);
};

describe('LZ4', () => {
  it('is read over blocks that refer to each other', () => {
    expect(lz4Decompressed(linkedFrame, enough).toString() === text).toBe(true);
  });

  it('is refused when it is cut, is none, or grows too large', () => {
    for (const length of [0, 3, 10, 40, linkedFrame.length - 6]) {
      expect(() => lz4Decompressed(linkedFrame.subarray(0, length), enough)).toThrow(
        /it (ends too early|is no LZ4 frame)/,
      );
    }
    expect(() => lz4Decompressed(Buffer.alloc(100), enough)).toThrow('it is no LZ4 frame');
    expect(() => lz4Decompressed(linkedFrame, text.length - 1)).toThrow('it grows beyond');
  });
});

describe('Snappy', () => {
  it('is read bare, and framed as snappy-java does', () => {
    const start = text.slice(0, 20_000);
    expect(snappyDecompressed(bareBlock, enough).toString() === start).toBe(true);
    expect(snappyDecompressed(framed(bareBlock, bareBlock), enough).toString() === start + start).toBe(true);
  });

  it('is read with each kind of length and distance', () => {
    const literal = Buffer.from('abcdefgh');
    const block = Buffer.concat([
      Buffer.from([8 + 4 + 5 + 6]),
      Buffer.from([60 << 2, 7]), // a literal whose length less one stands in a byte of its own
      literal,
      Buffer.from([((4 - 4) << 2) | 1, 8]), // four bytes from eight back
      Buffer.from([((5 - 1) << 2) | 2, 1, 0]), // five bytes from one back
      Buffer.from([((6 - 1) << 2) | 3, 17, 0, 0, 0]), // six bytes from seventeen back
    ]);
    expect(snappyDecompressed(block, enough).toString()).toBe('abcdefghabcddddddabcdef');
  });

  it('is refused when it is cut, lies about its length, repeats what is not there, or grows too large', () => {
    expect(() => snappyDecompressed(bareBlock.subarray(0, 100), enough)).toThrow(/ends too early|shorter/);
    expect(() => snappyDecompressed(framed(bareBlock).subarray(0, 100), enough)).toThrow('ends too early');
    expect(() => snappyDecompressed(Buffer.from([1, 4, 97, 98]), enough)).toThrow('longer than it says');
    expect(() => snappyDecompressed(Buffer.from([9, 0, 97, 1 | (4 << 2), 9]), enough)).toThrow('never there');
    expect(() => snappyDecompressed(framed(bareBlock, Buffer.from([9, 0, 97, 1 | (4 << 2), 9])), enough)).toThrow(
      'never there',
    );
    expect(() => snappyDecompressed(bareBlock, 19_999)).toThrow('it grows beyond');
  });
});

describe('anything else', () => {
  it('is refused as damaged, or read, and never takes more room than allowed', () => {
    const damage = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const attempt = (decompress: (bytes: Buffer, bytesMax: number) => Buffer, bytes: Buffer) => {
      try {
        expect(decompress(bytes, 4_096_000).length).toBeLessThanOrEqual(4_096_000);
      } catch (error) {
        expect(error).toMatchObject({ name: 'Damaged' });
      }
    };
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 8 }), (damages) => {
        for (const [decompress, whole] of [
          [lz4Decompressed, linkedFrame],
          [snappyDecompressed, bareBlock],
          [snappyDecompressed, framed(bareBlock, bareBlock)],
        ] as const) {
          const bytes = Buffer.from(whole);
          for (const [at, value] of damages) bytes[at % bytes.length] = value;
          attempt(decompress, bytes);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        attempt(snappyDecompressed, Buffer.from(bytes));
        attempt(lz4Decompressed, Buffer.concat([linkedFrame.subarray(0, 15), bytes]));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the codecs', () => {
  installCodecs();
  const codecOf = (type: CompressionTypes.GZIP | CompressionTypes.ZSTD) =>
    (
      CompressionCodecs[type] as () => {
        compress(encoder: { buffer: Buffer }): Promise<Buffer>;
        decompress(bytes: Buffer): Promise<Buffer>;
      }
    )();

  it.each<[string, CompressionTypes.GZIP | CompressionTypes.ZSTD]>([
    ['gzip', CompressionTypes.GZIP],
    ['zstd', CompressionTypes.ZSTD],
  ])('read by %s what they wrote, up to a bound that a bomb hits', async (_, type) => {
    const { compress, decompress } = codecOf(type);
    expect((await decompress(await compress({ buffer: Buffer.from(text) }))).toString() === text).toBe(true);
    const bomb = await compress({ buffer: Buffer.alloc(decompressedBytesMax + 1) });
    expect(bomb.length).toBeLessThan(1_000_000);
    await expect(decompress(bomb)).rejects.toMatchObject({ name: 'LogFault', code: 'refused', retriable: false });
  });
});
