import { halfSipHash } from './half-sip-hash.js';

/**
 * Records by key, as bytes outside of the JavaScript heap: a million of them are a few dozen objects to the garbage
 * collector, and take no more memory than their bytes and some 16 for finding them. Whoever uses it lays out what is in a
 * record: `headBytes` first (the leading four are kept here), then the key, then what else it needs.
 *
 * Keys are texts of at most 255 characters, each below 256. Not for iteration in any order that means something.
 */
export class PackedRecords {
  size = 0;
  private readonly chunks: Chunk[] = [];
  /** Where the next record may begin: in the last chunk, in units. */
  private used = 0;
  /** Pairs of hash and address, by linear probing; address 0 is an empty slot. */
  private slots = new Uint32Array(2 * slotsMin);
  private mask = slotsMin - 1;
  /** Addresses given back, by units. */
  private readonly free = new Map<number, number[]>();
  private walks = 0;
  private lastKey: string | undefined;
  private lastHash = 0;

  /**
   * @param headBytes of each record, 4 to 255.
   * @param hashKey two numbers of 32 bits that nobody outside knows; what is stored doesn't depend on them.
   */
  constructor(
    private readonly headBytes: number,
    private readonly hashKey: readonly [number, number],
  ) {}

  /** The record's address; 0 when there is none. Good until the record is removed. */
  find(key: string): number {
    const { slots, mask } = this;
    const hash = this.hashOf(key);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const address = slots[2 * slot + 1] as number;
      if (address === 0) return 0;
      if (slots[2 * slot] === hash && this.holds(address, key)) return address;
    }
  }

  /** Adds a record of zeros behind the key, for a key that has none. @param tailBytes what it needs behind its key. */
  add(key: string, tailBytes = 0): number {
    const { length } = key;
    if (length > 255) throw new RangeError('A packed key has at most 255 characters');
    // Before anything is written: a walk would meet half a record.
    if (isWide.test(key)) throw new RangeError('A packed key has characters below 256 only');
    const units = Math.ceil((this.headBytes + length + tailBytes) / unitBytes);
    const address = this.take(units);
    const { bytes, view } = this.chunkOf(address);
    const at = this.offsetOf(address);
    view.setUint16(at, units, true);
    bytes[at + 2] = live;
    bytes[at + 3] = length;
    const start = at + this.headBytes;
    for (let index = 0; index < length; index += 1) bytes[start + index] = key.charCodeAt(index);
    this.enter(this.hashOf(key), address);
    return address;
  }

  /** Overwrites the record with zeros and gives its room to others. */
  remove(key: string): boolean {
    const address = this.find(key);
    if (address === 0) return false;
    this.leave(this.hashOf(key), address);
    const { bytes, view } = this.chunkOf(address);
    const at = this.offsetOf(address);
    const units = view.getUint16(at, true);
    bytes.fill(0, at + 2, at + units * unitBytes);
    const others = this.free.get(units);
    if (others) others.push(address);
    else this.free.set(units, [address]);
    return true;
  }

  chunkOf(address: number): Chunk {
    return this.chunks[address >>> chunkShift] as Chunk;
  }

  /** Where in its chunk a record begins. */
  offsetOf(address: number): number {
    return (address & (chunkUnits - 1)) * unitBytes;
  }

  /** How many bytes the record takes. */
  bytesOf(address: number): number {
    return this.chunkOf(address).view.getUint16(this.offsetOf(address), true) * unitBytes;
  }

  keyAt(address: number): string {
    const { bytes } = this.chunkOf(address);
    const at = this.offsetOf(address);
    const start = at + this.headBytes;
    return bytes.toString('latin1', start, start + (bytes[at + 3] as number));
  }

  /**
   * Copies of all records, back to back, in blocks of at most 512 KiB. Between two blocks records may come, change and go. What is
   * here from the first block to the last is in one of them at least, as it was at some moment; what isn't may be in one or not.
   */
  *blocks(): Iterable<Buffer> {
    // Room that becomes free behind the walk must not be filled, or what moves there would be missed.
    this.walks += 1;
    try {
      for (let index = 0; index < this.chunks.length; index += 1) yield* this.liveIn(this.chunks[index] as Chunk);
    } finally {
      this.walks -= 1;
    }
  }

  /** The records of a block that `blocks` gave: key, beginning and end of each. */
  *recordsIn(block: Buffer): Iterable<{ key: string; start: number; end: number }> {
    for (let start = 0; start < block.length;) {
      const end = start + block.readUInt16LE(start) * unitBytes;
      const keyStart = start + this.headBytes;
      yield { key: block.toString('latin1', keyStart, keyStart + block.readUInt8(start + 3)), start, end };
      start = end;
    }
  }

  /** Takes over a record as it stands in a block; the key must have none here. */
  insert(key: string, block: Buffer, start: number, end: number): void {
    const address = this.take((end - start) / unitBytes);
    block.copy(this.chunkOf(address).bytes, this.offsetOf(address), start, end);
    this.enter(this.hashOf(key), address);
  }

  /** All keys with their records' addresses. Nothing may be added or removed meanwhile. */
  *[Symbol.iterator](): Iterator<[string, number]> {
    for (let slot = 0; slot <= this.mask; slot += 1) {
      const address = this.slots[2 * slot + 1] as number;
      if (address !== 0) yield [this.keyAt(address), address];
    }
  }

  /** Who looks for a key and doesn't find it adds it next. */
  private hashOf(key: string): number {
    if (key !== this.lastKey) {
      this.lastKey = key;
      this.lastHash = halfSipHash(key, this.hashKey[0], this.hashKey[1]);
    }
    return this.lastHash;
  }

  private holds(address: number, key: string): boolean {
    const { bytes } = this.chunkOf(address);
    const at = this.offsetOf(address);
    const { length } = key;
    if (bytes[at + 3] !== length) return false;
    const start = at + this.headBytes;
    for (let index = 0; index < length; index += 1) {
      if (bytes[start + index] !== key.charCodeAt(index)) return false;
    }
    return true;
  }

  private take(units: number): number {
    if (units > recordUnitsMax) throw new RangeError(`A packed record has at most ${recordUnitsMax * unitBytes} bytes`);
    const given = this.walks === 0 ? this.free.get(units)?.pop() : undefined;
    if (given !== undefined) return given;
    while (this.used + units > this.lastChunkUnits) this.extend();
    const address = (this.chunks.length - 1) * chunkUnits + this.used;
    this.used += units;
    return address;
  }

  /** The first chunk begins small and doubles, for most tables stay small; it is never shared, so nobody notices. */
  private extend(): void {
    const [first] = this.chunks;
    if (!first) {
      this.chunks.push(newChunk(firstChunkUnits));
      // Address 0 means "none".
      this.used = 1;
    } else if (this.lastChunkUnits < chunkUnits) {
      const doubled = newChunk(2 * this.lastChunkUnits);
      doubled.bytes.set(first.bytes);
      first.bytes.fill(0);
      this.chunks[0] = doubled;
    } else {
      this.chunks.push(newChunk(chunkUnits));
      this.used = 0;
    }
  }

  private get lastChunkUnits(): number {
    return (this.chunks.at(-1)?.bytes.length ?? 0) / unitBytes;
  }

  private enter(hash: number, address: number): void {
    if (4 * (this.size + 1) > 3 * (this.mask + 1)) this.grow();
    const { slots, mask } = this;
    let slot = hash & mask;
    while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
    slots[2 * slot] = hash;
    slots[2 * slot + 1] = address;
    this.size += 1;
  }

  /** Closes the gap by moving up what had been pushed past it, so that no search ends too early. */
  private leave(hash: number, address: number): void {
    const { slots, mask } = this;
    let gap = hash & mask;
    while (slots[2 * gap + 1] !== address) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
      const home = (slots[2 * slot] as number) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots.copyWithin(2 * gap, 2 * slot, 2 * slot + 2);
      gap = slot;
    }
    slots[2 * gap + 1] = 0;
    this.size -= 1;
  }

  private grow(): void {
    const { slots: old } = this;
    this.slots = new Uint32Array(2 * old.length);
    this.mask = 2 * this.mask + 1;
    const { slots, mask } = this;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let slot = (old[from] as number) & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[from] as number;
      slots[2 * slot + 1] = old[from + 1] as number;
    }
  }

  private *liveIn({ bytes, view }: Chunk): Iterable<Buffer> {
    const block = Buffer.allocUnsafe(bytes.length);
    let filled = 0;
    let at = bytes === this.chunks[0]?.bytes ? unitBytes : 0;
    while (at < bytes.length) {
      const length = view.getUint16(at, true) * unitBytes;
      if (length === 0) break;
      if (bytes[at + 2] === live) filled += bytes.copy(block, filled, at, at + length);
      at += length;
    }
    if (filled > 0) yield block.subarray(0, filled);
  }
}

export interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Records begin and end at multiples of this, and are addressed in it: 32 GiB of them have addresses of 32 bits. */
const unitBytes = 8;
const chunkShift = 16;
const chunkUnits = 2 ** chunkShift;
const firstChunkUnits = 512;
const recordUnitsMax = 512;
const slotsMin = 64;
const live = 1;
const isWide = /[^\x00-\xff]/;

function newChunk(units: number): Chunk {
  const memory = new ArrayBuffer(units * unitBytes);
  return { bytes: Buffer.from(memory), view: new DataView(memory) };
}
