import { type HubState } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type Label, lackedOf } from '../hub/label.js';
import { type AllocationRule } from './allocate.js';
import { fewHubs, type HubPool, ManyHubs } from './hub-pool.js';
import { warm, warmthOf } from './slow-start.js';

/** A linked hub at the moment of choosing, as a page lists it. */
export interface HubSnapshot {
  name: string;
  state: HubState;
  weight: number;
  capacity: number | null;
  /** Devices on it, as far as the deciding allocator knows. */
  load: number;
  /** Its place in the order of turns, see `LoadView.pass`; absent: 2 · load + 1, one allocator decides everything. */
  pass?: number;
  /** Per mille of the devices it is due that it gets while it starts slowly; absent: all. */
  warmth?: number;
  /**
   * Devices that the page's partition may still put on it; null: none in hand, but to be had. Absent without a capacity, and
   * on pages of build 1, where it is what the load leaves.
   */
  places?: number | null;
  /** Absent: none. */
  labels?: readonly Label[];
}

/** As it is listed: labels are stated with the rules that require them. */
type ListedHub = Omit<HubSnapshot, 'labels'>;

/** A linked hub as configured. */
export interface OpenedHub extends Pick<HubSnapshot, 'name' | 'state' | 'weight' | 'capacity' | 'labels'> {
  /** When it was linked or last uncordoned, milliseconds since 1970. */
  openedAt: number;
}

/** A hub on the board. Only the board changes it. */
export interface HubOnBoard extends Readonly<Required<Omit<HubSnapshot, 'places'>>> {
  readonly key: string;
  /** Null: none in hand, but to be had. Infinity without a capacity. */
  readonly places: number | null;
}

/** What the deciding partition may put on hubs with a capacity. */
export interface Leases {
  /** Places in hand; null: none, but to be had. */
  places(hub: HubOnBoard): number | null;
  /** One of them was filled. A device that leaves doesn't give its place back: the hub may have too many. */
  filled(hub: HubOnBoard): void;
}

/** How the passes of a board count. */
export interface Turns {
  /** Of the load view: the passes' starts were drawn anew with it. */
  epoch: number;
  /** What a device adds to its hub's pass. */
  unit: number;
}

/** While one allocator decides everything: a pass is 2 · load + 1. */
export const turnsAlone: Turns = { epoch: 0, unit: 2 };
/** Up to so many hubs a page lists them all; of more it lists those that mattered, and fills up to so many. */
const listedAllMax = 100;
/** What a hub adds to a page besides its name, in characters: its fields with the longest figures. */
const hubText = 160;
/**
 * What of the places in hand a device leaves that was put on the hub. Used up, they are none: unless the hub is full by all
 * that is known, more may be had (null), and the page ends where that matters.
 * @param load with that device.
 */
export function placesAfter(places: number | null, load: number, capacity: number): number | null {
  const left = (places ?? 0) - 1;
  return left > 0 || load >= capacity ? left : null;
}

/** Lists of so many hubs are walked: keeping them in order would cost more. */
const walkedMax = 16;
/** Lists, and sets of required labels, whose hubs a board keeps in order, and hubs in all of them: some 20 MB. Those used last stay. */
const keptMax = { pools: 64, hubs: 200_000 } as const;
/** Hubs on which places are asked for at once. */
const wantedMax = 32;

/** What of a rule says which hubs it allows. */
type Allowing = Pick<AllocationRule, 'hubs' | 'require'>;

const none: readonly Label[] = [];
/** Places of a hub without a capacity. Read for each hub that is looked at, which a global is not made for. */
const unbounded = Infinity;

class Entry implements HubOnBoard {
  readonly key: string;
  readonly name: string;
  readonly state: HubState;
  readonly weight: number;
  readonly capacity: number | null;
  readonly labels: readonly Label[];
  load: number;
  pass: number;
  warmth: number;
  /** Number of the page that `inHand` is of. */
  private page = 0;
  /** Undefined: what the load leaves of the capacity. */
  private inHand: number | null | undefined;

  constructor(
    private readonly board: HubBoard,
    /** Place in key order: settles ties. */
    readonly rank: number,
    snapshot: HubSnapshot,
  ) {
    const { name, state, weight, capacity, load, pass, warmth, places, labels } = snapshot;
    this.key = hubKey(name);
    this.name = name;
    this.state = state;
    this.weight = weight;
    this.capacity = capacity;
    this.load = load;
    this.pass = pass ?? 2 * load + 1;
    this.warmth = warmth ?? warm;
    this.inHand = places;
    this.labels = labels ?? none;
  }

  get places(): number | null {
    if (this.capacity === null) return unbounded;
    const { page, leases } = this.board;
    if (this.page !== page) {
      this.inHand = leases?.places(this);
      this.page = page;
    }
    return this.inHand === undefined ? this.capacity - this.load : this.inHand;
  }

  add(change: number, unit: number): void {
    const { places } = this;
    this.load += change;
    this.pass += unit * change;
    if (change < 0 || this.capacity === null) return;
    if (this.inHand !== undefined) this.inHand = placesAfter(places, this.load, this.capacity);
    this.board.leases?.filled(this);
  }
}

/**
 * The linked hubs with their loads, in the order of turns, changed as decisions are made: to find the next one of ten
 * thousand costs little more than of ten. An allocator has one for all its pages; a page that is explained has its own.
 */
export class HubBoard {
  /** Counts pages; 0 is the one that the board was made from. */
  page = 0;
  /** Of the partition that decides the page; null: a page that is explained says it itself. */
  leases: Leases | null = null;
  private readonly hubs = new Map<string, Entry>();
  private readonly everyone: ManyHubs;
  /** By list and labels, the one used last at the end. */
  private readonly pools = new Map<string, ManyHubs>();
  /** The same by rule: for most devices the rule is that of the device before. */
  private poolsByRule = new WeakMap<Allowing, ManyHubs>();
  /** Numbers of lists whose beginnings are among the pools. */
  private readonly lists = new WeakMap<object, number>();
  private listsCount = 0;
  private readonly fewByRule = new WeakMap<Allowing, HubPool>();
  readonly turns: Turns;
  private readonly starters: readonly [Entry, number][];
  private readonly tell: (hub: string, change: number) => void;
  /** What the page lists: hubs as they were when it began. */
  private readonly listed = new Map<Entry, ListedHub>();
  /** What it takes of the page, in characters. */
  listedText = 0;
  /** Linked hubs, also those that aren't on the board because a page didn't list them. */
  readonly count: number;
  /** Whether a hub starts slowly. */
  isSparing = false;

  /**
   * @param hubs in key order.
   * @param options.turns how the hubs' passes count.
   * @param options.count linked hubs, when not all are given.
   * @param options.starters hubs that start slowly, with the time they opened.
   * @param options.tell is told of each device put on a hub (1) or taken off (-1), linked or not.
   */
  constructor(
    hubs: Iterable<HubSnapshot>,
    options: {
      turns?: Turns | undefined;
      count?: number | undefined;
      starters?: ReadonlyMap<string, number>;
      tell?: (hub: string, change: number) => void;
    } = {},
  ) {
    for (const snapshot of hubs) {
      const entry = new Entry(this, this.hubs.size, snapshot);
      this.hubs.set(entry.key, entry);
      this.isSparing ||= entry.warmth < warm;
    }
    this.everyone = new ManyHubs([...this.hubs.values()]);
    const { turns = turnsAlone, count = this.hubs.size, starters = new Map(), tell = () => undefined } = options;
    this.turns = turns;
    this.count = count;
    this.tell = tell;
    this.starters = [...starters].map(([key, openedAt]) => [this.hubs.get(key) as Entry, openedAt]);
  }

  get(key: string): HubOnBoard | undefined {
    return this.hubs.get(key);
  }

  /** In key order. */
  values(): Iterable<HubOnBoard> {
    return this.hubs.values();
  }

  /** Those on which a rule lets devices be placed, whether they take any or not: in the order of its list, else in key order. */
  allowedBy(rule: Allowing): HubPool {
    const { hubs, require } = rule;
    if (hubs === null && !require) return this.everyone;
    if (hubs && hubs.length <= walkedMax) return this.fewOf(rule);
    let pool = this.poolsByRule.get(rule);
    if (!pool) {
      pool = this.kept(JSON.stringify([hubs, require]), () => this.find(rule));
      this.poolsByRule.set(rule, pool);
    }
    return pool;
  }

  /** The first so many of a list that doesn't change. @param hubs these, in the order that settles ties. */
  firstOf(list: object, count: number, hubs: () => readonly HubOnBoard[]): HubPool {
    let number = this.lists.get(list);
    if (number === undefined) this.lists.set(list, (number = this.listsCount += 1));
    return this.kept(`${count} of ${number}`, hubs);
  }

  private kept(text: string, hubs: () => readonly HubOnBoard[]): ManyHubs {
    const pool = this.pools.get(text) ?? new ManyHubs(hubs());
    this.pools.delete(text);
    this.pools.set(text, pool);
    this.forgetPools();
    return pool;
  }

  private fewOf(rule: Allowing): HubPool {
    let pool = this.fewByRule.get(rule);
    if (!pool) this.fewByRule.set(rule, (pool = fewHubs(this.find(rule))));
    return pool;
  }

  private find({ hubs, require }: Allowing): HubOnBoard[] {
    const found = hubs ? this.linkedOf(hubs) : [...this.hubs.values()];
    return require ? found.filter(({ labels }) => lackedOf(require, labels).length === 0) : found;
  }

  private linkedOf(names: readonly string[]): HubOnBoard[] {
    const linked: HubOnBoard[] = [];
    for (const name of names) {
      const hub = this.hubs.get(hubKey(name));
      if (hub) linked.push(hub);
    }
    return linked;
  }

  private forgetPools(): void {
    let hubs = 0;
    for (const pool of this.pools.values()) hubs += pool.hubs.length;
    for (const [text, pool] of this.pools) {
      if (this.pools.size === 1 || (this.pools.size <= keptMax.pools && hubs <= keptMax.hubs)) break;
      this.pools.delete(text);
      hubs -= pool.hubs.length;
      // It is kept in step no longer.
      this.poolsByRule = new WeakMap();
    }
  }

  /** A page is decided from here on, at a time in milliseconds since 1970. */
  begin(at: number, leases: Leases): void {
    this.page += 1;
    this.leases = leases;
    this.isSparing = false;
    for (const [entry, openedAt] of this.starters) {
      entry.warmth = warmthOf(openedAt, at);
      this.isSparing ||= entry.warmth < warm;
    }
    this.everyone.begin();
    for (const pool of this.pools.values()) pool.begin();
    this.listed.clear();
    this.listedText = 0;
    if (this.hubs.size <= listedAllMax) for (const entry of this.hubs.values()) this.listEntry(entry);
  }

  /** Keys of hubs on which so many devices will want places that aren't in hand: this one, and others whose turns come soon. */
  wanted(hub: HubOnBoard, devices: number): string[] {
    const wanted = new Set([hub.key]);
    for (const { key, places } of this.everyone.front(2 * devices)) {
      if (wanted.size >= Math.min(devices, wantedMax)) break;
      if (places === null) wanted.add(key);
    }
    return [...wanted];
  }

  /** The page depends on this hub, by key. Said before the hub changes. */
  list(hub: string): void {
    const entry = this.hubs.get(hub);
    if (entry) this.listEntry(entry);
  }

  private listEntry(entry: Entry): void {
    if (this.listed.has(entry)) return;
    const { name, state, weight, capacity, load, pass, warmth, places } = entry;
    this.listedText += hubText + name.length;
    this.listed.set(entry, {
      name,
      state,
      weight,
      capacity,
      load,
      ...(this.turns.unit !== turnsAlone.unit && { pass }),
      ...(warmth < warm && { warmth }),
      ...(capacity !== null && { places }),
    });
  }

  /** What listing these hubs, by key, would add to `listedText`. */
  textToList(hubs: Iterable<string>): number {
    let text = 0;
    for (const key of hubs) {
      const entry = this.hubs.get(key);
      if (entry && !this.listed.has(entry)) text += hubText + entry.name.length;
    }
    return text;
  }

  /** A device was put on a hub (1), or taken off (-1). */
  moved(hub: string, change: 1 | -1): void {
    this.tell(hub, change);
    const entry = this.hubs.get(hub);
    if (!entry) return;
    this.listEntry(entry);
    entry.add(change, this.turns.unit);
    this.everyone.changed(entry);
    for (const pool of this.pools.values()) pool.changed(entry);
  }

  /** Hubs as they were when the page began, in key order: all that it depends on, and others to compare with. */
  snapshots(): ListedHub[] {
    for (const entry of this.hubs.values()) {
      if (this.listed.size >= listedAllMax) break;
      this.listEntry(entry);
    }
    return [...this.listed].sort(([a], [b]) => a.rank - b.rank).map(([, snapshot]) => snapshot);
  }
}
