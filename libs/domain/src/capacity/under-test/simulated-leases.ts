import { type CapacityBook, leasePlaces, type LeaseTerms } from '../capacity-book.js';

/** A rule of the protocol that an allocator of this world breaks. */
export type Fault =
  | 'none'
  | 'writes a book without its revision'
  | 'signs in without a note in the ledger'
  | 'decides as an heir by an older configuration'
  | 'gives back while a page is on its way'
  | 'writes as an earlier generation'
  | 'uses a lease of other terms'
  | 'takes a departure for a place';

/** How often things happen, relative to each other; drawn anew for each world, so that no balance hides a fault. */
interface Rates {
  crash: number;
  sleep: number;
  claim: number;
  change: number;
  hear: number;
  write: number;
  deliverBook: number;
  decide: number;
  deliverPage: number;
}

interface Terms {
  terms: string;
  capacity: number | null;
}

interface Page {
  partition: number;
  expected: number;
  change: number;
  seen: number;
}

/** A partition in the memory of the allocator that claimed it; there may be a later claim. */
interface Claim {
  partition: number;
  generation: number;
  revision: number;
  load: number;
  noted: number;
  lease: { terms: string; places: number };
  onItsWay: Page | null;
}

interface Allocator {
  /** Index of the newest configuration it has heard of. */
  seen: number;
  claims: Map<number, Claim>;
  known: { book: CapacityBook | null; revision: number };
  writing: { expected: number; book: CapacityBook; granted: [Claim, number][]; terms: string } | null;
}

interface Ledger {
  load: number;
  revision: number;
  generation: number;
  owner: number;
  noted: number;
}

/** A small world of that seed, after a thousand steps. */
export function playLeases(seed: number, fault: Fault = 'none'): SimulatedLeases {
  const world = new SimulatedLeases({
    seed,
    partitions: 2 + (seed % 3),
    allocators: 2 + (seed % 2),
    capacity: 4 + 4 * (seed % 4),
    ...(seed % 3 === 0 && { rates: { change: 0 } }),
    fault,
  });
  for (let step = 0; step < 1000; step += 1) world.step();
  return world;
}

/** One hub and its book, partitions that change hands, and allocators that stop and go on at any point between two messages. */
export class SimulatedLeases {
  readonly violations: string[] = [];
  readonly counts = {
    pages: 0,
    devices: 0,
    refusedPages: 0,
    claims: 0,
    crashes: 0,
    books: 0,
    conflicts: 0,
    changes: 0,
  };
  private readonly configurations: Terms[];
  private readonly ledgers: Ledger[];
  private readonly allocators: Allocator[];
  private stored: { book: CapacityBook | null; revision: number } = { book: null, revision: -1 };
  private readonly rates: Rates;
  private asleep = -1;
  /** One device in so many leaves. */
  private readonly leaving: number;
  private state: number;

  constructor(
    private readonly options: {
      seed: number;
      partitions: number;
      allocators: number;
      capacity: number;
      /** Those that are not left to chance. */
      rates?: Partial<Rates>;
      fault?: Fault;
    },
  ) {
    const { seed, partitions, allocators, capacity } = options;
    this.state = seed >>> 0;
    this.configurations = [{ terms: '0', capacity }];
    this.ledgers = Array.from({ length: partitions }, () => ({
      load: 0,
      revision: -1,
      generation: 0,
      owner: -1,
      noted: -1,
    }));
    this.allocators = Array.from({ length: allocators }, () => this.newAllocator());
    for (const partition of this.ledgers.keys()) this.claim(partition, partition % allocators);
    this.leaving = 2 + this.below(20);
    const rarely = () => (this.below(2) === 0 ? 0 : 1 + this.below(8));
    const often = () => 20 + this.below(200);
    this.rates = {
      crash: rarely(),
      sleep: this.below(20),
      claim: rarely(),
      change: 1 + this.below(6),
      hear: often(),
      write: often(),
      deliverBook: often(),
      decide: often(),
      deliverPage: often(),
      ...options.rates,
    };
  }

  get total(): number {
    return this.ledgers.reduce((sum, { load }) => sum + load, 0);
  }

  /** One message arrives, or somebody does something: also what should never happen at that moment. */
  step(): void {
    const awake = [...this.allocators.keys()].filter((index) => index !== this.asleep);
    const allocator = awake[this.below(awake.length)] as number;
    const claim = this.anyClaim(allocator);
    const { rates } = this;
    switch (this.pick(rates)) {
      case 'crash':
        return this.crash(allocator);
      case 'sleep':
        return this.sleep(allocator);
      case 'claim':
        return this.claim(this.below(this.ledgers.length), allocator);
      case 'change':
        return this.changeCapacity();
      case 'hear':
        return this.hear(allocator);
      case 'write':
        return this.write(allocator);
      case 'deliverBook':
        return this.deliverBook(allocator);
      case 'decide':
        return claim && this.decide(allocator, claim);
      case 'deliverPage':
        return claim && this.deliverPage(allocator, claim);
    }
  }

  /** What happens, by how often it does. */
  private pick(rates: Rates): keyof Rates {
    const all = Object.entries(rates) as [keyof Rates, number][];
    let at = this.below(all.reduce((sum, [, rate]) => sum + rate, 0));
    for (const [what, rate] of all) {
      if (at < rate) return what;
      at -= rate;
    }
    throw new Error('nothing happens');
  }

  /** The world calms down, and devices come until the hub is full, or for so long that it should be. */
  fill(): void {
    for (let round = 0; round < 200 * this.ledgers.length && this.total < this.options.capacity; round += 1) {
      this.asleep = -1;
      for (const index of this.allocators.keys()) {
        this.hear(index);
        this.write(index, true);
        this.deliverBook(index);
        for (const claim of this.claimsOf(index)) {
          this.deliverPage(index, claim);
          this.decide(index, claim, false);
          this.deliverPage(index, claim);
        }
      }
    }
  }

  private get fault(): Fault {
    return this.options.fault ?? 'none';
  }

  private newAllocator(): Allocator {
    return { seen: 0, claims: new Map(), known: { book: null, revision: -1 }, writing: null };
  }

  private changeCapacity(): void {
    this.counts.changes += 1;
    const capacity = this.below(3) === 0 ? null : this.below(2 * this.options.capacity);
    this.configurations.push({ terms: String(this.configurations.length), capacity });
  }

  /** Another falls asleep, while others inherit what it has; who slept wakes, and knows nothing of it. */
  private sleep(index: number): void {
    this.asleep = index;
    const heir = (index + 1) % this.allocators.length;
    for (const { partition } of this.claimsOf(index)) if (this.below(4) > 0) this.claim(partition, heir);
  }

  private hear(index: number): void {
    // The last one is hard of hearing.
    if (index === this.allocators.length - 1 && this.below(8) > 0) return;
    const allocator = this.allocators[index] as Allocator;
    if (allocator.seen < this.configurations.length - 1) allocator.seen += 1;
    allocator.known = this.stored;
  }

  /** All that it knew is gone; what was on its way arrives, or doesn't. */
  private crash(index: number): void {
    this.counts.crashes += 1;
    const allocator = this.allocators[index] as Allocator;
    for (const claim of this.claimsOf(index)) if (this.below(2) === 0) this.deliverPage(index, claim);
    if (this.below(2) === 0) this.deliverBook(index);
    const heirs = [...allocator.claims.keys()];
    this.allocators[index] = { ...this.newAllocator(), seen: this.below(this.configurations.length) };
    for (const partition of heirs)
      if (this.ledgers[partition]?.owner === index) this.claim(partition, this.below(this.allocators.length));
  }

  private claim(partition: number, index: number): void {
    this.counts.claims += 1;
    const ledger = this.ledgers[partition] as Ledger;
    const allocator = this.allocators[index] as Allocator;
    if (this.fault !== 'decides as an heir by an older configuration')
      allocator.seen = Math.max(allocator.seen, ledger.noted);
    ledger.generation += 1;
    ledger.revision += 1;
    ledger.owner = index;
    const { generation, revision, load, noted } = ledger;
    allocator.claims.set(partition, {
      partition,
      generation,
      revision,
      load,
      noted,
      lease: { terms: '', places: 0 },
      onItsWay: null,
    });
  }

  private decide(index: number, claim: Claim, mayLeave = true): void {
    if (claim.onItsWay) return;
    const { seen } = this.allocators[index] as Allocator;
    const { terms, capacity } = this.configurations[seen] as Terms;
    let change = 0;
    const { lease } = claim;
    for (let devices = this.below(6); devices > 0; devices -= 1) {
      if (mayLeave && claim.load + change > 0 && this.below(this.leaving) === 0) {
        change -= 1;
        if (this.fault === 'takes a departure for a place') {
          lease.places = (lease.terms === terms ? lease.places : 0) + 1;
          lease.terms = terms;
        }
      } else if (capacity === null) {
        change += 1;
      } else if (lease.places > 0 && (lease.terms === terms || this.fault === 'uses a lease of other terms')) {
        lease.places -= 1;
        change += 1;
      }
    }
    claim.load += change;
    claim.onItsWay = { partition: claim.partition, expected: claim.revision, change, seen };
  }

  private deliverPage(index: number, claim: Claim): void {
    const page = claim.onItsWay;
    if (!page) return;
    const ledger = this.ledgers[page.partition] as Ledger;
    claim.onItsWay = null;
    if (ledger.revision !== page.expected) {
      this.counts.refusedPages += 1;
      (this.allocators[index] as Allocator).claims.delete(page.partition);
      return;
    }
    ledger.revision += 1;
    ledger.load += page.change;
    ledger.noted = Math.max(ledger.noted, page.seen);
    claim.revision = ledger.revision;
    claim.noted = ledger.noted;
    this.counts.pages += 1;
    this.counts.devices += Math.max(0, page.change);
    // What was the rule when the page was decided, or since: others may act by a newer and more generous one already.
    const rules = this.configurations.slice(page.seen).map(({ capacity }) => capacity ?? Infinity);
    if (page.change > 0 && this.total > Math.max(...rules)) {
      this.violations.push(`${this.total} devices on a hub of ${Math.max(...rules)}`);
    }
  }

  private write(index: number, isPressing = this.below(4) === 0): void {
    const allocator = this.allocators[index] as Allocator;
    if (allocator.writing) return;
    const { terms, capacity } = this.configurations[allocator.seen] as Terms;
    const { book, revision } = allocator.known;
    if (capacity === null || (book && Number(book.terms) > Number(terms))) return;
    const claims = this.claimsOf(index);
    for (const claim of claims) this.note(index, claim);
    const command: LeaseTerms = { hub: 'hub-a', terms, capacity, partitions: this.ledgers.length };
    const holders = this.claimsOf(index).map((claim) => ({
      partition: claim.partition,
      generation: this.generationOf(claim, book),
      load: claim.load,
      places: claim.lease.terms === terms ? claim.lease.places : 0,
      wants: this.below(8) > 0,
      isSettled: this.isSettled(claim, Number(terms)),
    }));
    const isRecalled = book !== null && book.recalls > 0 && this.below(2) === 0;
    const leased = leasePlaces(command, holders, book, { isRecalled, recalls: isPressing });
    if (leased.book === book) return;
    const granted: [Claim, number][] = [];
    for (const [partition, places] of leased.places) {
      const claim = allocator.claims.get(partition) as Claim;
      const held = claim.lease.terms === terms ? claim.lease.places : 0;
      if (places < held) claim.lease = { terms, places };
      if (places > held) granted.push([claim, places]);
    }
    allocator.writing = { expected: revision, book: leased.book, granted, terms };
  }

  private deliverBook(index: number): void {
    const allocator = this.allocators[index] as Allocator;
    const { writing } = allocator;
    if (!writing) return;
    allocator.writing = null;
    if (writing.expected !== this.stored.revision && this.fault !== 'writes a book without its revision') {
      this.counts.conflicts += 1;
      allocator.known = this.stored;
      return;
    }
    this.stored = { book: writing.book, revision: this.stored.revision + 1 };
    this.counts.books += 1;
    // Sometimes the answer is lost: then nobody knows of the leases, and they go back with the next line.
    if (this.below(20) === 0) return;
    allocator.known = this.stored;
    for (const [claim, places] of writing.granted) claim.lease = { terms: writing.terms, places };
  }

  private note(index: number, claim: Claim): void {
    const allocator = this.allocators[index] as Allocator;
    const ledger = this.ledgers[claim.partition] as Ledger;
    if (claim.onItsWay || claim.noted >= allocator.seen) return;
    if (this.fault === 'signs in without a note in the ledger') {
      claim.noted = allocator.seen;
    } else if (ledger.revision !== claim.revision) {
      allocator.claims.delete(claim.partition);
    } else {
      ledger.revision = claim.revision += 1;
      ledger.noted = claim.noted = allocator.seen;
    }
  }

  private generationOf({ partition, generation }: Claim, book: CapacityBook | null): number {
    if (this.fault !== 'writes as an earlier generation') return generation;
    return Math.max(generation, book?.generations[partition] ?? 0);
  }

  private isSettled(claim: Claim, terms: number): boolean {
    if (this.fault === 'gives back while a page is on its way') return true;
    return claim.onItsWay === null && claim.noted >= terms;
  }

  private claimsOf(index: number): Claim[] {
    return [...(this.allocators[index] as Allocator).claims.values()];
  }

  private anyClaim(index: number): Claim | undefined {
    const claims = this.claimsOf(index);
    return claims[this.below(claims.length)];
  }

  private below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
}
