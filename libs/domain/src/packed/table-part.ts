/** Some of a packed table's records, to be kept elsewhere; needs no other part to be understood. */
export interface TablePart<Shared> {
  /** What the records name by its place in this list. */
  shared: readonly Shared[];
  records: Buffer;
}

/** Numbers from 0 up for the numbers met, in the order in which they were met. */
export class LocalNumbers {
  readonly list: number[] = [];
  private readonly numbers = new Map<number, number>();

  of(number: number): number {
    let local = this.numbers.get(number);
    if (local === undefined) {
      local = this.list.push(number) - 1;
      this.numbers.set(number, local);
    }
    return local;
  }
}
