/** What a heap keeps: where it stands in the order, and its slot in the array (-1: in none). */
export interface HeapEntry {
  slot: number;
}

/** A binary heap whose entries know their slot, so that one that changed finds its new one in O(log n). */
export class HubHeap<T extends HeapEntry> {
  private readonly entries: T[] = [];

  /** @param isBefore a strict order: of two entries always one is before the other, or ties would depend on history. */
  constructor(private readonly isBefore: (a: T, b: T) => boolean) {}

  add(entry: T): void {
    this.entries.push(entry);
    entry.slot = this.entries.length - 1;
    this.rise(entry);
  }

  remove(entry: T): void {
    const { slot } = entry;
    const last = this.entries.pop() as T;
    entry.slot = -1;
    if (last === entry) return;
    this.entries[slot] = last;
    last.slot = slot;
    this.changed(last);
  }

  /** The entry stands elsewhere in the order now. */
  changed(entry: T): void {
    this.rise(entry);
    this.sink(entry);
  }

  /** All at once into an empty heap. */
  fill(entries: readonly T[]): void {
    for (const [slot, entry] of entries.entries()) {
      this.entries.push(entry);
      entry.slot = slot;
    }
    for (let slot = (entries.length >> 1) - 1; slot >= 0; slot -= 1) this.sink(this.entries[slot] as T);
  }

  get first(): T | undefined {
    return this.entries[0];
  }

  /** The first and others that come soon after, roughly in order. */
  front(count: number): readonly T[] {
    return this.entries.slice(0, count);
  }

  private rise(entry: T): void {
    const { entries, isBefore } = this;
    let { slot } = entry;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = entries[above] as T;
      if (!isBefore(entry, parent)) break;
      entries[slot] = parent;
      parent.slot = slot;
      slot = above;
    }
    entries[slot] = entry;
    entry.slot = slot;
  }

  private sink(entry: T): void {
    const { entries, isBefore } = this;
    let { slot } = entry;
    for (;;) {
      let below = 2 * slot + 1;
      if (below >= entries.length) break;
      if (below + 1 < entries.length && isBefore(entries[below + 1] as T, entries[below] as T)) below += 1;
      const child = entries[below] as T;
      if (!isBefore(child, entry)) break;
      entries[slot] = child;
      child.slot = slot;
      slot = below;
    }
    entries[slot] = entry;
    entry.slot = slot;
  }
}
