import { Buffer } from 'node:buffer';

/** Longest line taken, in bytes: room for the largest twin, information and sources that one enrollment may have. */
export const lineBytesMax = 256 * 1024;

/** One line of a file. */
export interface Line {
  /** Without its end; null when it is longer than `lineBytesMax`. */
  content: Buffer | null;
  /** It takes in the file, with its end. */
  bytes: number;
}

const lineFeed = 0x0a;

/** Cuts a stream of bytes into lines, and holds no more than one of them. */
export class LineSplitter {
  private parts: Buffer[] = [];
  private length = 0;

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Iterable<Line> {
    let begin = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, begin)) {
      this.add(chunk.subarray(begin, end));
      yield this.take(1);
      begin = end + 1;
    }
    this.add(chunk.subarray(begin));
  }

  /** The last line, when the file doesn't end with a line feed. */
  *end(): Iterable<Line> {
    if (this.length > 0) yield this.take(0);
  }

  private add(part: Buffer): void {
    this.length += part.length;
    if (this.length > lineBytesMax) this.parts = [];
    else if (part.length > 0) this.parts.push(part);
  }

  private take(endBytes: number): Line {
    const { length, parts } = this;
    this.parts = [];
    this.length = 0;
    const content = length > lineBytesMax ? null : parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    return { content, bytes: length + endBytes };
  }
}
