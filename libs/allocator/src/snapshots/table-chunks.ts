import { type TablePart } from '@berth/domain';

/** The first byte of a chunk. */
const tag = { sharedBegins: 0, sharedEnds: 1, records: 2 } as const;
/** Well under what a snapshot takes in one chunk, with room for a seal. */
const textBytesMax = 768 * 1024;

/** A table's part as chunks of a snapshot: what its records share as JSON, in pieces if it must be, then the records. */
export function* chunksOf<S>({ shared, records }: TablePart<S>): Iterable<Buffer> {
  const text = Buffer.from(JSON.stringify(shared));
  let start = 0;
  for (; text.length - start > textBytesMax; start += textBytesMax) {
    yield tagged(tag.sharedBegins, text.subarray(start, start + textBytesMax));
  }
  yield tagged(tag.sharedEnds, text.subarray(start));
  yield tagged(tag.records, records);
}

/** The parts that chunks were made of. */
export async function* partsIn<S>(chunks: AsyncIterable<Buffer>): AsyncIterable<TablePart<S>> {
  const pieces: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = chunk.subarray(1);
    if (chunk[0] !== tag.records) {
      // A chunk is good until the next one.
      pieces.push(Buffer.from(bytes));
      continue;
    }
    const shared = JSON.parse(Buffer.concat(pieces.splice(0)).toString()) as S[];
    yield { shared, records: bytes };
  }
}

function tagged(first: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first), bytes]);
}
