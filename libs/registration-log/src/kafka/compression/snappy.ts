import { damageOf, Damaged } from './damaged.js';
import { GrowingOutput } from './growing-output.js';

/** snappy-java's own framing, which the Java client and most others use: the magic, two versions, then blocks with their lengths. */
const framedMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const framedHeaderBytes = 16;

/**
 * Decompresses Snappy (Snappy compressed format description), framed by snappy-java or bare, as librdkafka writes it.
 * @throws Damaged
 */
export function snappyDecompressed(compressed: Buffer, bytesMax: number): Buffer {
  const output = new GrowingOutput(bytesMax);
  try {
    if (!compressed.subarray(0, framedMagic.length).equals(framedMagic)) {
      readBlock(compressed, output);
      return output.taken();
    }
    let at = framedHeaderBytes;
    while (at < compressed.length) {
      const end = at + 4 + compressed.readUInt32BE(at);
      if (end > compressed.length) throw new Damaged('it ends too early');
      readBlock(compressed.subarray(at + 4, end), output);
      at = end;
    }
    return output.taken();
  } catch (error) {
    throw damageOf(error);
  }
}

/** A block is its length when decompressed, then literals and copies; copies stay within the block. */
function readBlock(block: Buffer, output: GrowingOutput): void {
  const start = output.size;
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block.readUInt8(at++);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
    if (shift >= 28) throw new Damaged('its length is no number of 32 bits');
  }
  const copy = (distance: number, count: number) => {
    if (distance > output.size - start) throw new Damaged('it repeats what was never there');
    output.repeat(distance, count);
  };
  while (at < block.length) {
    const tag = block.readUInt8(at++);
    const rest = tag >> 2;
    switch (tag & 3) {
      case 0: {
        const lengthBytes = Math.max(0, rest - 59);
        const count = 1 + (lengthBytes === 0 ? rest : block.readUIntLE(at, lengthBytes));
        at += lengthBytes;
        output.append(block, at, at + count);
        at += count;
        break;
      }
      case 1:
        copy((rest >> 3) * 256 + block.readUInt8(at), 4 + (rest & 7));
        at += 1;
        break;
      case 2:
        copy(block.readUInt16LE(at), 1 + rest);
        at += 2;
        break;
      default:
        copy(block.readUInt32LE(at), 1 + rest);
        at += 4;
    }
    if (output.size - start > length) throw new Damaged('it is longer than it says');
  }
  if (output.size - start !== length) throw new Damaged('it is shorter than it says');
}
