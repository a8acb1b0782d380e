/** One object each for values that are equal as JSON, with a number to find it by, for as long as somebody holds it. */
export class Interned<T> {
  private readonly values: { value: T; text: string; holders: number }[] = [];
  private readonly indexes = new Map<string, number>();
  private readonly free: number[] = [];

  /** The number of the value, held once more. */
  enter(value: T): number {
    const text = JSON.stringify(value);
    let index = this.indexes.get(text);
    if (index === undefined) {
      index = this.free.pop() ?? this.values.length;
      this.values[index] = { value, text, holders: 0 };
      this.indexes.set(text, index);
    }
    this.hold(index);
    return index;
  }

  /** Held once more. */
  hold(index: number): void {
    this.values[index]!.holders += 1;
  }

  at(index: number): T {
    return this.values[index]!.value;
  }

  /** Held once less; with the last holder the value goes. */
  leave(index: number): void {
    const entry = this.values[index]!;
    entry.holders -= 1;
    if (entry.holders > 0) return;
    this.indexes.delete(entry.text);
    this.free.push(index);
  }
}
