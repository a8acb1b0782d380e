import { damageOf, Damaged } from './damaged.js';
import { GrowingOutput } from './growing-output.js';

const frameMagic = 0x184d2204;
const uncompressedBlock = 0x80000000;

/**
 * Decompresses an LZ4 frame (LZ4 Frame Format 1.6, LZ4 Block Format), as Kafka's producers write it. Checksums are passed
 * over: Kafka has one of its own over the whole batch.
 * @throws Damaged
 */
export function lz4Decompressed(frame: Buffer, bytesMax: number): Buffer {
  try {
    return readFrame(frame, bytesMax);
  } catch (error) {
    throw damageOf(error);
  }
}

function readFrame(frame: Buffer, bytesMax: number): Buffer {
  if (frame.readUInt32LE(0) !== frameMagic) throw new Damaged('it is no LZ4 frame');
  const flags = frame.readUInt8(4);
  const hasBlockChecksums = (flags & 0x10) !== 0;
  const contentSizeBytes = (flags & 0x08) !== 0 ? 8 : 0;
  const dictionaryIdBytes = (flags & 0x01) !== 0 ? 4 : 0;
  const output = new GrowingOutput(bytesMax);
  let at = 4 + 2 + contentSizeBytes + dictionaryIdBytes + 1;
  for (;;) {
    const head = frame.readUInt32LE(at);
    at += 4;
    if (head === 0) return output.taken();
    const end = at + (head & ~uncompressedBlock);
    if (end > frame.length) throw new Damaged('it ends too early');
    if ((head & uncompressedBlock) !== 0) output.append(frame, at, end);
    else readBlock(frame, at, end, output);
    at = end + (hasBlockChecksums ? 4 : 0);
  }
}

/** A block is sequences of literals and, but for the last, a repetition of at least four bytes. */
function readBlock(source: Buffer, start: number, end: number, output: GrowingOutput): void {
  let at = start;
  /** A length of 15 goes on in bytes that are added up, to the first that is not 255. */
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const more = source.readUInt8(at++);
      length += more;
      if (more !== 255) return length;
    }
  };
  while (at < end) {
    const token = source.readUInt8(at++);
    const literals = lengthFrom(token >> 4);
    output.append(source, at, at + literals);
    at += literals;
    if (at >= end) break;
    const distance = source.readUInt16LE(at);
    at += 2;
    output.repeat(distance, lengthFrom(token & 15) + 4);
  }
  if (at > end) throw new Damaged('a block ends too late');
}
