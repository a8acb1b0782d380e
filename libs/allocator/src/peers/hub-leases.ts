import {
  type CapacityBook,
  type CapacityEvent,
  type Holder,
  leasePlaces,
  type LeaseTerms,
  mayHaveRoom,
} from '@berth/domain';
import { type EventStreams, noStream, RevisionConflict, streams } from '@berth/event-store';
import { type ClaimedPartition } from '../claimed-partition.js';
import { type ConfigurationView } from '../configuration-view.js';

/** How often the others are asked for places that they don't use, and after how long again: an heir may hear it by then. */
const asksMax = 4;
const askAgainMs = 500;
/** For how long a hub is passed over whose last places nobody gave back in time. */
const hopelessMs = 10_000;
/** How long a capacity that others know already is waited for. */
const configurationWaitMs = 2_000;
/** Tries to write a book that others write at the same time. */
const conflictsMax = 32;
/** Events of a book that are kept, for an operator's eyes: the last one says it all. */
const bookLength = 100;

export interface HubLeasesOptions {
  store: EventStreams;
  view: ConfigurationView;
  /** Names this process in its events. */
  name: string;
  now(): number;
  wait(ms: number): Promise<void>;
  /** Of the registration topic. */
  partitions: number;
  /** The partitions that are ours, by number. */
  claimed: ReadonlyMap<number, ClaimedPartition>;
  /** Records in a partition's ledger that it decides by the configuration in view, or a newer one, from now on. */
  noteConfiguration(partition: ClaimedPartition): Promise<void>;
}

interface Lease {
  terms: string;
  places: number;
}

/** A hub's book (`CapacityBook`) as we know it, and the places on the hub that our partitions have in hand. */
export class HubLeases {
  private book: CapacityBook | null = null;
  /** Of the book's last event; null: not known. */
  private revision: number | null = null;
  /** The recalls that all our partitions have answered. */
  private answered = 0;
  /** Nobody gave places back in time, and since then nobody but those who ask for some has written. */
  private isHopeless = false;
  private readonly leases = new WeakMap<ClaimedPartition, Lease>();
  /** Partitions with a device that waits for a place. */
  private readonly wanting = new WeakSet<ClaimedPartition>();
  /** The write under way and those behind it. */
  private writes: Promise<void> = Promise.resolve();
  private news = newSignal();

  constructor(
    private readonly key: string,
    private readonly options: HubLeasesOptions,
  ) {}

  /** Places in the partition's hand; null: none, but to be had, if its device can wait for that. */
  places(partition: ClaimedPartition, mayWait: boolean): number | null {
    const terms = this.terms();
    if (!terms) return 0;
    const places = this.inHand(partition, terms.terms);
    return places === 0 && mayWait && this.mayHaveRoom(partition, terms) ? null : places;
  }

  filled(partition: ClaimedPartition): void {
    const lease = this.leases.get(partition);
    if (lease) lease.places -= 1;
  }

  /**
   * Asks for places for a settled partition; what it gets is left to it until its device was `served`.
   * @throws StoreUnavailable (retriable).
   */
  ask(partition: ClaimedPartition): Promise<void> {
    this.wanting.add(partition);
    return this.write();
  }

  served(partition: ClaimedPartition): void {
    this.wanting.delete(partition);
  }

  /** Asks, and waits until it has one or none is to be had, 2 s at most. @returns whether that is known. */
  async await(partition: ClaimedPartition): Promise<boolean> {
    const { wait } = this.options;
    const isWaiting = () => this.places(partition, true) === null;
    await this.ask(partition);
    for (let asked = 0; isWaiting() && asked < asksMax; asked += 1) {
      await this.write(true);
      let isTime = false;
      const time = wait(askAgainMs).then(() => (isTime = true));
      while (isWaiting() && !isTime) {
        await Promise.race([this.news.heard, time]);
        await this.write();
      }
    }
    if (!isWaiting()) return true;
    this.isHopeless = true;
    void wait(hopelessMs).then(() => (this.isHopeless = false));
    return false;
  }

  /** What somebody wrote. */
  heard(book: CapacityBook, revision: number): void {
    if (this.revision === null || revision > this.revision) this.learn(book, revision);
  }

  /**
   * Whether others could do with a line of ours: one that is missing, one that claims unused places of a hub that has no
   * others, or one that gives back what was recalled.
   */
  get isWanted(): boolean {
    const { book } = this;
    if (!book) return false;
    const isFull = book.limits.reduce((sum, limit) => sum + limit, 0) >= book.capacity;
    for (const [number, partition] of this.options.claimed) {
      const limit = book.limits[number] as number;
      if (limit < 0) return true;
      if (isFull && limit > this.loadOf(partition) + this.inHand(partition, book.terms)) return true;
      if (book.recalls > this.answered && book.spare.includes(number)) return true;
    }
    return false;
  }

  /**
   * Writes what there is to write, behind what is being written.
   * @param isPressing others are asked for the places that they don't use.
   */
  write(isPressing = false): Promise<void> {
    const written = this.writes.then(() => this.writeNow(isPressing));
    this.writes = written.catch(() => undefined);
    return written;
  }

  private async writeNow(isPressing: boolean): Promise<void> {
    for (let attempt = 0; attempt < conflictsMax; attempt += 1) {
      if (this.revision === null) await this.read();
      const terms = this.terms();
      if (!terms) return;
      if (this.book && BigInt(this.book.terms) > BigInt(terms.terms)) {
        // Somebody knows a newer capacity. Nobody writes by an older one.
        if (!(await this.options.view.reached(BigInt(this.book.terms), configurationWaitMs))) return;
      } else {
        await this.noteTerms(terms);
        if (await this.append(terms, isPressing)) return;
      }
    }
  }

  /** Before a partition signs in to new terms its ledger says so: whoever claims it later won't decide by older ones. */
  private async noteTerms({ terms }: LeaseTerms): Promise<void> {
    const { claimed, noteConfiguration } = this.options;
    const unaware = [...claimed.values()].filter((partition) => {
      const isSigned = this.book?.terms === terms && (this.book.limits[partition.number] as number) >= 0;
      return !isSigned && partition.isSettled && !knows(partition, terms);
    });
    // One that fails isn't settled any more, and doesn't sign in.
    await Promise.allSettled(unaware.map((partition) => noteConfiguration(partition)));
  }

  /** @returns false when somebody else was faster. */
  private async append(terms: LeaseTerms, isPressing: boolean): Promise<boolean> {
    const { store, name, now, claimed } = this.options;
    const { revision, book: before } = this;
    if (revision === null) return false;
    const holders = [...claimed.values()].map((partition) => this.holder(partition, terms));
    const isRecalled = before?.terms === terms.terms && before.recalls > this.answered;
    const { book, places } = leasePlaces(terms, holders, before, { isRecalled, recalls: isPressing });
    if (book === before) return true;
    // Fewer places count from now on. More are only given where none were in hand, and count from when the book is stored.
    const granted: [ClaimedPartition, Lease][] = [];
    for (const [number, left] of places) {
      const partition = claimed.get(number) as ClaimedPartition;
      const held = this.inHand(partition, terms.terms);
      if (left < held) this.leases.set(partition, { terms: terms.terms, places: left });
      if (left > held) granted.push([partition, { terms: terms.terms, places: left }]);
    }
    const at = new Date(now()).toISOString();
    const metadata = { correlationId: `${name}/capacity/${this.key}`, actor: name, at };
    const stream = streams.capacity(this.key);
    try {
      const event: CapacityEvent = { type: 'CapacityLeased', v: 1, data: book };
      const appended = await store.append(stream, [event], revision, metadata);
      for (const [partition, lease] of granted) this.leases.set(partition, lease);
      if (holders.every(({ isSettled }) => isSettled)) this.answered = book.recalls;
      this.heard(book, appended.revision);
    } catch (error) {
      this.revision = null;
      if (error instanceof RevisionConflict) return false;
      throw error;
    }
    if (revision === noStream) await store.keepNewest(stream, bookLength).catch(() => undefined);
    return true;
  }

  private holder(partition: ClaimedPartition, { terms }: LeaseTerms): Holder {
    return {
      partition: partition.number,
      generation: partition.ledger.generation,
      load: this.loadOf(partition),
      places: this.inHand(partition, terms),
      wants: this.wanting.has(partition),
      isSettled: partition.isSettled && knows(partition, terms),
    };
  }

  private async read(): Promise<void> {
    const stream = streams.capacity(this.key);
    let last: { book: CapacityBook | null; revision: number } = { book: null, revision: noStream };
    const reading = this.options.store.read<CapacityEvent>(stream, { backwards: true, maxCount: 1 });
    for await (const { event, revision } of reading) last = { book: event.data, revision };
    // Something newer may have been heard meanwhile.
    if (this.revision === null || last.revision > this.revision) this.learn(last.book, last.revision);
  }

  private learn(book: CapacityBook | null, revision: number): void {
    if (String(book?.limits) !== String(this.book?.limits)) this.isHopeless = false;
    this.book = book;
    this.revision = revision;
    this.news.tell();
    this.news = newSignal();
  }

  /** Null when the hub isn't linked or has no capacity. */
  private terms(): LeaseTerms | null {
    const { view, partitions } = this.options;
    const hub = view.configuration.hubs.get(this.key);
    if (!hub || hub.capacity === null) return null;
    return { hub: hub.name, terms: hub.capacitySince, capacity: hub.capacity, partitions };
  }

  private mayHaveRoom(partition: ClaimedPartition, { terms }: LeaseTerms): boolean {
    const { book } = this;
    if (this.isHopeless) return false;
    if (book?.terms !== terms) return true;
    return mayHaveRoom(book, partition.number, (number) => {
      const ours = this.options.claimed.get(number);
      return ours ? { load: this.loadOf(ours), places: this.inHand(ours, terms) } : null;
    });
  }

  private loadOf({ ledger }: ClaimedPartition): number {
    return ledger.loads.get(this.key) ?? 0;
  }

  private inHand(partition: ClaimedPartition, terms: string): number {
    const lease = this.leases.get(partition);
    return lease?.terms === terms ? lease.places : 0;
  }
}

function knows({ ledger: { configuration } }: ClaimedPartition, terms: string): boolean {
  return configuration !== null && BigInt(configuration) >= BigInt(terms);
}

interface Signal {
  heard: Promise<void>;
  tell(): void;
}

function newSignal(): Signal {
  let tell!: () => void;
  const heard = new Promise<void>((resolve) => (tell = resolve));
  return { heard, tell };
}
