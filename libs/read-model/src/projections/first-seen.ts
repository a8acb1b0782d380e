/** Bits in all: 4 MiB, by which of 1,000,000 keys 1 in 6,000 is taken for one seen before, of 10,000,000 1 in 4. */
const bits = 2 ** 25;
const bitsOfKey = 4;

/**
 * Tells keys that certainly come for the first time (a Bloom filter): a table that was empty has no rows of theirs, and
 * needn't be asked. A device comes once in most of its life, and asking costs as much as writing it.
 */
export class FirstSeen {
  private readonly words = new Int32Array(bits / 32);

  /** False when it was called with the same table and key before, and sometimes otherwise. */
  add(table: string, key: string): boolean {
    const seed = hash(table, 0x811c9dc5);
    const first = hash(key, seed);
    // Odd, so that it and the number of bits have no divisor in common.
    const step = hash(key, ~seed) | 1;
    let isFirst = false;
    for (let at = first, left = bitsOfKey; left > 0; at += step, left -= 1) {
      const bit = at & (bits - 1);
      const mask = 1 << (bit & 31);
      const word = this.words[bit >>> 5] as number;
      if ((word & mask) !== 0) continue;
      this.words[bit >>> 5] = word | mask;
      isFirst = true;
    }
    return isFirst;
  }
}

/** FNV-1a over UTF-16 units; its high half folded into the low one, which alone is used. */
function hash(text: string, basis: number): number {
  let state = basis;
  for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  return state ^ (state >>> 15);
}
