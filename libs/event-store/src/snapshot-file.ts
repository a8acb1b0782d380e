import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/**
 * A snapshot on disk: frames of [length, checksum, bytes], both numbers 32 bits, little end first. The first frame holds the
 * format's name, the second the head as JSON, the last one is empty. Each checksum goes on from the one before, so that a
 * frame that is damaged, missing or out of place is found before its bytes are handed out, and a cut before the end is reached.
 */
const format = Buffer.from('berth-snapshot-1');
const frameHeadBytes = 8;

/** Largest chunk a snapshot takes. */
export const chunkBytesMax = 1024 * 1024;
/** Written and read at once; the event loop turns in between. */
const blockBytes = 1024 * 1024;

/** The file isn't what was once written (cut off, changed, no snapshot at all), or the system can't read it: then it has a cause. */
export class SnapshotDamaged extends Error {
  readonly code = 'SNAPSHOT_DAMAGED';
  readonly retriable = false;
}

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a new file and has it on disk when it resolves. Every chunk is copied when it is taken.
 * @throws RangeError (a defect) for a chunk that is empty or too large; whatever the system says of the file.
 */
export async function writeSnapshotFile(path: string, head: object, chunks: Chunks): Promise<void> {
  // A handle, not a stream: a stream that is given up while it opens makes its file after it has said that it is over.
  const file = await open(path, 'wx');
  try {
    await file.writeFile(blocksOf(head, chunks));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* blocksOf(head: object, chunks: Chunks): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(blockBytes + frameHeadBytes + chunkBytesMax);
  let filled = 0;
  let checksum = 0;
  const put = (bytes: Uint8Array) => {
    checksum = crc32(bytes, checksum);
    block.writeUInt32LE(bytes.length, filled);
    block.writeUInt32LE(checksum, filled + 4);
    block.set(bytes, filled + frameHeadBytes);
    filled += frameHeadBytes + bytes.length;
  };
  put(format);
  put(checked(Buffer.from(JSON.stringify(head))));
  for await (const chunk of chunks) {
    put(checked(chunk));
    if (filled < blockBytes) continue;
    yield block.subarray(0, filled);
    block = Buffer.allocUnsafe(block.length);
    filled = 0;
  }
  put(Buffer.alloc(0));
  yield block.subarray(0, filled);
}

function checked(chunk: Uint8Array): Uint8Array {
  if (chunk.length === 0 || chunk.length > chunkBytesMax) {
    throw new RangeError(`A chunk of a snapshot has 1 to ${chunkBytesMax} bytes, not ${chunk.length}`);
  }
  return chunk;
}

/** A snapshot being read: its head, then its chunks as given, each checked before it is handed out and good until the next. */
export interface SnapshotReading {
  head: unknown;
  chunks: AsyncGenerator<Buffer>;
}

/** @throws SnapshotDamaged here or from the chunks. */
export async function readSnapshotFile(path: string): Promise<SnapshotReading> {
  const frames = framesOf(path);
  const first = await frames.next();
  if (first.done || !format.equals(first.value)) throw new SnapshotDamaged('It does not begin like a snapshot');
  const second = await frames.next();
  if (second.done) throw new SnapshotDamaged('It has no head');
  return { head: JSON.parse(second.value.toString()) as unknown, chunks: frames };
}

/** Frames lie in one buffer that is filled again and again: fresh ones would be garbage as large as the file. */
async function* framesOf(path: string): AsyncGenerator<Buffer> {
  const file = await readable(open(path));
  try {
    const { size } = await readable(file.stat());
    const buffer = Buffer.allocUnsafeSlow(Math.min(size, blockBytes + frameHeadBytes + chunkBytesMax));
    let checksum = 0;
    let start = 0;
    let end = 0;
    for (;;) {
      const { bytesRead } = await readable(file.read(buffer, end, buffer.length - end));
      if (bytesRead === 0) throw new SnapshotDamaged('It is cut off');
      end += bytesRead;
      while (end - start >= frameHeadBytes) {
        const length = buffer.readUInt32LE(start);
        if (length > chunkBytesMax) throw new SnapshotDamaged(`A chunk claims to have ${length} bytes`);
        const bytes = buffer.subarray(start + frameHeadBytes, start + frameHeadBytes + length);
        if (start + frameHeadBytes + length > end) break;
        checksum = crc32(bytes, checksum);
        if (checksum !== buffer.readUInt32LE(start + 4)) throw new SnapshotDamaged('A checksum does not match');
        if (length === 0) return;
        start += frameHeadBytes + length;
        yield bytes;
      }
      buffer.copyWithin(0, start, end);
      end -= start;
      start = 0;
    }
  } finally {
    await file.close();
  }
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new SnapshotDamaged(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
