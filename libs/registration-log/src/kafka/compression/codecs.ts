import kafkajs from 'kafkajs';
import { promisify } from 'node:util';
import { gzip, unzip, zstdCompress, zstdDecompress } from 'node:zlib';
import { LogFault } from '../../log-fault.js';
import { lz4Decompressed } from './lz4.js';
import { snappyDecompressed } from './snappy.js';

// Not by name: Node doesn't see that kafkajs, which is CommonJS, exports them.
const { CompressionCodecs, CompressionTypes } = kafkajs;

/** How what is published is compressed. What others have published may be compressed in any way Kafka knows. */
export type Compression = 'none' | 'gzip' | 'zstd';

/**
 * Most bytes a batch may have when decompressed. A batch is a megabyte at most as it comes, and honest ones were about as much
 * before; a thousand times that can hide in it.
 */
export const decompressedBytesMax = 64 * 1024 * 1024;

export const compressionTypes = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
} as const satisfies Record<Compression, kafkajs.CompressionTypes>;

type Compress = (bytes: Buffer) => Promise<Buffer>;
type Decompress = (bytes: Buffer, bytesMax: number) => Buffer | Promise<Buffer>;

const bounded =
  (decompress: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>): Decompress =>
  (bytes, maxOutputLength) =>
    decompress(bytes, { maxOutputLength });

/** @throws LogFault `refused` when a batch can't be decompressed, or has more than `decompressedBytesMax`. */
function codec(name: string, decompress: Decompress, compress?: Compress) {
  return () => ({
    compress: ({ buffer }: { buffer: Buffer }) => {
      if (!compress) throw new LogFault('bad-argument', `nothing is compressed by ${name} here`);
      return compress(buffer);
    },
    decompress: async (bytes: Buffer) => {
      try {
        return await decompress(bytes, decompressedBytesMax);
      } catch (cause) {
        throw new LogFault('refused', `a batch compressed by ${name} can't be read: ${String(cause)}`, { cause });
      }
    },
  });
}

/** kafkajs knows gzip only, without a bound; its codecs are one table a process. */
export function installCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = codec('gzip', bounded(promisify(unzip)), promisify<Buffer, Buffer>(gzip));
  CompressionCodecs[CompressionTypes.Snappy] = codec('snappy', snappyDecompressed);
  CompressionCodecs[CompressionTypes.LZ4] = codec('lz4', lz4Decompressed);
  CompressionCodecs[CompressionTypes.ZSTD] = codec(
    'zstd',
    bounded(promisify(zstdDecompress)),
    promisify<Buffer, Buffer>(zstdCompress),
  );
}
