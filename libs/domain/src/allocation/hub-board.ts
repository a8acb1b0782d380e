import { type HubState } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type Label, lackedOf } from '../hub/label.js';
import { hasTurnBefore } from './evenly-weighted.js';
import { HubHeap } from './hub-heap.js';
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
/**
 * What of the places in hand a device leaves that was put on the hub. Used up, they are none: unless the hub is full by all
 * that is known, more may be had (null), and the page ends where that matters.
 * @param load with that device.
 */
export function placesAfter(places: number | null, load: number, capacity: number): number | null {
  const left = (places ?? 0) - 1;
  return left > 0 || load >= capacity ? left : null;
}

/** Sets of required labels whose hubs a board remembers. */
const labelSetsMax = 64;
/** Hubs on which places are asked for at once. */
const wantedMax = 32;

const none: readonly Label[] = [];

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
  /** Place in the heap; -1: takes no devices. */
  slot = -1;
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
    if (this.capacity === null) return Infinity;
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
  private readonly takers = new HubHeap<Entry>(isBefore);
  readonly turns: Turns;
  private readonly starters: readonly [Entry, number][];
  private readonly tell: (hub: string, change: number) => void;
  /** What the page lists: hubs as they were when it began. */
  private readonly listed = new Map<Entry, ListedHub>();
  private readonly labelled = new Map<readonly Label[], readonly HubOnBoard[]>();
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
      if (entry.state === 'open') this.takers.add(entry);
      this.isSparing ||= entry.warmth < warm;
    }
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

  /** Those with all of these labels, in key order. Found anew for another array, though it says the same. */
  withLabels(required: readonly Label[]): readonly HubOnBoard[] {
    let hubs = this.labelled.get(required);
    if (!hubs) {
      if (this.labelled.size >= labelSetsMax) this.labelled.clear();
      hubs = [...this.hubs.values()].filter(({ labels }) => lackedOf(required, labels).length === 0);
      this.labelled.set(required, hubs);
    }
    return hubs;
  }

  /** The open hub with the next turn among those that `accepts`. */
  next(accepts: (hub: HubOnBoard) => boolean): HubOnBoard | null {
    return this.takers.first(accepts);
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
    this.listed.clear();
    if (this.hubs.size <= listedAllMax) for (const entry of this.hubs.values()) this.listEntry(entry);
  }

  /** Keys of hubs on which so many devices will want places that aren't in hand: this one, and others whose turns come soon. */
  wanted(hub: HubOnBoard, devices: number): string[] {
    const wanted = new Set([hub.key]);
    for (const { key, places } of this.takers.front(2 * devices)) {
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

  get listedCount(): number {
    return this.listed.size;
  }

  /** A device was put on a hub (1), or taken off (-1). */
  moved(hub: string, change: 1 | -1): void {
    this.tell(hub, change);
    const entry = this.hubs.get(hub);
    if (!entry) return;
    this.listEntry(entry);
    entry.add(change, this.turns.unit);
    if (entry.slot >= 0) this.takers.changed(entry);
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

function isBefore(a: Entry, b: Entry): boolean {
  return hasTurnBefore(a, b) || (!hasTurnBefore(b, a) && a.rank < b.rank);
}
