/**
 * How the places of a hub with a capacity are divided among the partitions: one stream `capacity-<name in lower case>` a
 * hub, of which the last event says it all. A partition puts a device on the hub only from a lease that it has here. Any
 * allocator writes the next event, for its own partitions, at the exact revision: so no place is leased twice.
 */
export type CapacityEvent = { type: 'CapacityLeased'; v: 1; data: CapacityBook };

export interface CapacityBook {
  hub: string;
  /** Position of the event that gave the hub this capacity. Under another one all begin anew, with the devices they have. */
  terms: string;
  /** Most devices the hub takes. */
  capacity: number;
  /**
   * The most devices each partition can have on the hub, by partition; -1: its owner hasn't signed in, and may still decide
   * by other terms. Once all have signed in, the hub can't have more devices than their sum.
   */
  limits: readonly number[];
  /** The generation that wrote each limit; 0 before the first. */
  generations: readonly number[];
  /** Partitions that may have fewer devices than their limit, in order. */
  spare: readonly number[];
  /** Counts how often an allocator has asked the others to sign in, and to give back places that they don't use. */
  recalls: number;
}

export interface LeaseTerms {
  hub: string;
  terms: string;
  capacity: number;
  /** Of the registration topic. */
  partitions: number;
}

/** A partition of the allocator that writes, under its present claim. */
export interface Holder {
  partition: number;
  generation: number;
  /** Devices that it has on the hub. */
  load: number;
  /** Places left of its lease. */
  places: number;
  /** A device is waiting for a place. */
  wants: boolean;
  /** No page of it is on its way: its load is what the ledger says, and its limit may be written. */
  isSettled: boolean;
}

export interface Leased {
  /** To be stored next; the very book given when there is nothing to write. */
  book: CapacityBook;
  /**
   * Places of holders whose limits were written. They count from now on where they are fewer than before, and from when
   * the book is stored where they are more.
   */
  places: ReadonlyMap<number, number>;
}

/** Largest lease, places. */
export const leaseMax = 10_000;

/**
 * Signs in holders that haven't, says what they really have, and leases to those that want: half of an equal share of what
 * is free, at least one place, which strands none while many ask (allocation study, section E).
 * @param holders of partitions that are ours.
 * @param asked what the others have asked since we last wrote, or we are to ask of them.
 */
export function leasePlaces(
  { hub, terms, capacity, partitions }: LeaseTerms,
  holders: readonly Holder[],
  before: CapacityBook | null,
  asked: { isRecalled?: boolean; recalls?: boolean } = {},
): Leased {
  const isSame = before?.terms === terms;
  const limits = isSame ? [...before.limits] : new Array<number>(partitions).fill(-1);
  const generations = before ? [...before.generations] : new Array<number>(partitions).fill(0);
  const spare = new Set(isSame ? before.spare : []);
  const places = new Map<number, number>();
  const write = ({ partition, generation, load }: Holder, left: number) => {
    limits[partition] = load + left;
    generations[partition] = generation;
    places.set(partition, left);
    if (left > 0) spare.add(partition);
    else spare.delete(partition);
  };

  // A later generation has written: the partition isn't ours any more, though we may not know yet.
  const ours = holders.filter(({ partition, generation, isSettled }) => {
    return isSettled && (generations[partition] as number) <= generation;
  });
  for (const holder of ours) {
    const { partition, generation } = holder;
    const isSigned = (limits[partition] as number) >= 0 && generations[partition] === generation;
    // What an earlier generation left goes back. Places of devices that left do, too.
    write(holder, isSigned ? holder.places : 0);
  }
  const isComplete = limits.every((limit) => limit >= 0);
  let free = isComplete ? capacity - sum(limits) : 0;
  const wanting = ours.filter(({ partition, wants }) => wants && places.get(partition) === 0);
  if (asked.isRecalled || (isComplete && wanting.length > free)) {
    for (const holder of ours) if (!holder.wants) write(holder, 0);
    if (isComplete) free = capacity - sum(limits);
  }
  let unserved = 0;
  for (const holder of wanting) {
    const lease = Math.min(free, Math.max(1, Math.min(leaseMax, Math.floor(free / (2 * partitions)))));
    if (lease > 0) write(holder, lease);
    else unserved += 1;
    free -= Math.max(0, lease);
  }

  const recalls = (isSame ? before.recalls : 0) + (asked.recalls && unserved > 0 ? 1 : 0);
  const book = { hub, terms, capacity, limits, generations, spare: [...spare].sort((a, b) => a - b), recalls };
  return { book: before && isEqual(book, before) ? before : book, places };
}

/**
 * Whether asking may bring a partition a place.
 * @param ours what a partition of the allocator that asks really has; null: the partition is another's, and the book tells.
 */
export function mayHaveRoom(
  { limits, capacity, spare }: CapacityBook,
  asking: number,
  ours: (partition: number) => Pick<Holder, 'load' | 'places'> | null,
): boolean {
  let bound = 0;
  for (const [partition, limit] of limits.entries()) {
    const known = ours(partition);
    const mayGiveBack = known ? known.places > 0 && partition !== asking : spare.includes(partition);
    if (limit < 0 || mayGiveBack) return true;
    bound += known ? known.load + known.places : limit;
  }
  return bound < capacity;
}

function isEqual(a: CapacityBook, b: CapacityBook): boolean {
  return (
    a.terms === b.terms &&
    a.recalls === b.recalls &&
    sameNumbers(a.limits, b.limits) &&
    sameNumbers(a.generations, b.generations) &&
    sameNumbers(a.spare, b.spare)
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, index) => number === b[index]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
