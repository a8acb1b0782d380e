import { Damaged } from './damaged.js';

/** What a decompression has brought to light so far, which later parts may repeat; grows up to `bytesMax`. */
export class GrowingOutput {
  private bytes = Buffer.allocUnsafe(0);
  private length = 0;
  private readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get size(): number {
    return this.length;
  }

  append(source: Uint8Array, from: number, to: number): void {
    if (to > source.length) throw new Damaged('it ends too early');
    this.reserve(to - from);
    this.bytes.set(source.subarray(from, to), this.length);
    this.length += to - from;
  }

  /** Repeats `count` bytes from `distance` back on; if that reaches beyond the end, what it has just written is repeated too. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.length) throw new Damaged('it repeats what was never there');
    this.reserve(count);
    const { bytes } = this;
    const end = this.length + count;
    let at = this.length;
    // Each round doubles what can be copied at once.
    while (at < end) {
      const from = this.length - distance;
      const span = Math.min(end - at, at - from);
      bytes.copyWithin(at, from, from + span);
      at += span;
    }
    this.length = end;
  }

  taken(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed > this.bytesMax) throw new Damaged(`it grows beyond ${this.bytesMax} bytes`);
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.min(this.bytesMax, Math.max(needed, this.bytes.length * 2, 64 * 1024)));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
