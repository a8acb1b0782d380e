import { hash32 } from './hash.js';
import { HubBoard, type HubSnapshot, type OpenedHub, type Turns, turnsAlone } from './hub-board.js';
import { slowStarters } from './slow-start.js';

/** What the owner of a partition says of it: the devices it has on each hub, by hub key. */
export interface PartitionLoads {
  partition: number;
  /** Of the claim under which they were counted: what an earlier owner still says counts no more. */
  generation: number;
  loads: ReadonlyMap<string, number>;
}

/** The linked hubs by key, and a number that changes with them. */
export interface ConfiguredHubs {
  readonly hubs: ReadonlyMap<string, OpenedHub>;
  readonly hubsVersion: number;
}

/** Resolution of a start, parts of a device. */
const startParts = 64;

/** What of ours was placed from one moment to the next: moments are numbered, and later ones have higher numbers. */
interface Span {
  moment: number;
  /** Devices by hub. */
  placed: Map<string, number>;
}

interface Report extends PartitionLoads {
  readonly loads: Map<string, number>;
  /** The moment when it came, or until which it is known to hold. */
  moment: number;
}

/**
 * How many devices are on each hub, as one allocator knows it: those of its own partitions as they are, those of others as
 * their owners reported them, and the order of turns that follows.
 *
 * While it has all partitions the order is exact. While others decide too, each counts what it has placed itself since a
 * report came as if the reporter had placed alike, partition for partition. So what a hub lacks is divided among the
 * allocators by their partitions, rather than raced for with a stale view.
 */
export class LoadView {
  /** Devices of our own partitions. */
  private readonly own = new Map<string, number>();
  private readonly held = new Set<number>();
  /** Of the other partitions. */
  private readonly reports = new Map<number, Report>();
  /** The generations of which we were told, by others or as we gave a partition up. */
  private readonly generations = new Map<number, number>();
  /** Devices of the other partitions, as last reported. */
  private readonly foreign = new Map<string, number>();
  private epoch = 1;
  /** Since the oldest moment that matters; the last one goes on. */
  private spans: Span[] = [{ moment: 0, placed: new Map() }];
  /** When the epoch began. */
  private begun = 0;
  private inKeyOrder: { version: number; hubs: readonly (readonly [string, OpenedHub])[] } | null = null;
  /** Null once what it was made from has changed. */
  private board: { version: number; board: HubBoard } | null = null;

  /** @param partitions of the registration topic. */
  constructor(private readonly partitions: number) {}

  /** The board of these hubs, the same one until they change, or who owns what, or the epoch. */
  boardOf({ hubs, hubsVersion: version }: ConfiguredHubs): HubBoard {
    if (this.board?.version === version) return this.board.board;
    const open = new Map<string, number>();
    const snapshots: HubSnapshot[] = [];
    const passOf = this.passes();
    if (this.inKeyOrder?.version !== version) {
      this.inKeyOrder = { version, hubs: [...hubs].sort(([a], [b]) => (a < b ? -1 : 1)) };
    }
    for (const [key, hub] of this.inKeyOrder.hubs) {
      const { name, state, weight, capacity, labels, openedAt } = hub;
      const load = (this.own.get(key) ?? 0) + (this.foreign.get(key) ?? 0);
      snapshots.push({ name, state, weight, capacity, load, pass: passOf(key), ...(labels && { labels }) });
      if (state === 'open') open.set(key, openedAt);
    }
    const tell = (hub: string, change: number) => {
      add(this.own, hub, change);
      add(this.now.placed, hub, change);
    };
    const board = new HubBoard(snapshots, { turns: this.turns, starters: slowStarters(open), tell });
    this.board = { version, board };
    return board;
  }

  /** A partition is ours from now on, with these devices. */
  claimed({ partition, loads }: PartitionLoads): void {
    this.retract(partition);
    this.held.add(partition);
    addAll(this.own, loads, 1);
    this.ownersChanged();
  }

  /** A partition is no longer ours; until its owner reports, these devices stand for it. */
  givenUp({ partition, generation, loads }: PartitionLoads): void {
    if (!this.held.delete(partition)) return;
    addAll(this.own, loads, -1);
    this.ownersChanged();
    this.reported({ partition, generation, loads });
  }

  /**
   * What the owner of another partition says; it counts from the next epoch on. Older than what is known, or of a partition
   * that is ours, it is passed over.
   */
  reported({ partition, generation, loads }: PartitionLoads): void {
    if (this.held.has(partition) || generation < (this.generations.get(partition) ?? 0)) return;
    this.retract(partition);
    this.generations.set(partition, generation);
    this.reports.set(partition, { partition, generation, loads: new Map(loads), moment: this.present() });
    addAll(this.foreign, loads, 1);
  }

  /** The owner goes on: so many devices there are on these hubs now. */
  changed({ partition, generation, loads }: PartitionLoads): void {
    const report = this.reports.get(partition);
    if (report?.generation !== generation) return;
    report.moment = this.present();
    for (const [hub, devices] of loads) {
      add(this.foreign, hub, devices - (report.loads.get(hub) ?? 0));
      report.loads.set(hub, devices);
    }
  }

  /** An owner reports every change within an epoch: what hasn't been reported when one ends hadn't happened when it began. */
  nextEpoch(): void {
    for (const report of this.reports.values()) report.moment = Math.max(report.moment, this.begun);
    const oldest = this.begun;
    this.spans = this.spans.filter(({ moment }) => moment >= oldest);
    this.begun = this.present();
    this.epoch += 1;
    this.board = null;
  }

  private get isAlone(): boolean {
    return this.held.size === this.partitions;
  }

  private get turns(): Turns {
    return this.isAlone ? turnsAlone : { epoch: this.epoch, unit: startParts * this.partitions };
  }

  /**
   * Where a hub of weight 1 stands in the order of turns: the lowest pass ÷ weight has the next one, and each device adds
   * `turns.unit`. Alone it is twice the load plus one (Webster's method of apportionment). With others it is the expected
   * load, plus a start within one turn drawn by hash anew with each epoch, so that allocators that see the same loads
   * don't begin at the same hub.
   */
  private passes(): (hub: string) => number {
    if (this.isAlone) return (hub) => 2 * (this.own.get(hub) ?? 0) + 1;
    const { partitions, epoch } = this;
    const ours = this.held.size;
    const seat = Math.min(...this.held);
    const unit = startParts * partitions;
    // For each report, what we have placed since.
    const reported = Map.groupBy(this.reports.values(), ({ moment }) => moment);
    const since = new Map<string, number>();
    let until = 0;
    for (const { moment, placed } of this.spans) {
      until += reported.get(moment)?.length ?? 0;
      for (const [hub, devices] of placed) add(since, hub, until * devices);
    }
    const unreported = partitions - ours - this.reports.size;
    return (hub) => {
      const own = this.own.get(hub) ?? 0;
      // Devices times our partitions, so that it stays whole.
      let expected = ours * (own + (this.foreign.get(hub) ?? 0)) + (since.get(hub) ?? 0);
      // Partitions nobody has reported yet place as ours do from the beginning.
      expected += unreported * own;
      return startParts * expected + Math.floor((hash32(`${epoch}/${seat}/${hub}`) * unit) / 2 ** 32);
    };
  }

  private get now(): Span {
    return this.spans.at(-1) as Span;
  }

  private present(): number {
    const { moment, placed } = this.now;
    if (placed.size > 0) this.spans.push({ moment: moment + 1, placed: new Map() });
    return this.now.moment;
  }

  private ownersChanged(): void {
    this.begun = this.now.moment + 1;
    this.spans = [{ moment: this.begun, placed: new Map() }];
    for (const report of this.reports.values()) report.moment = this.begun;
    this.board = null;
  }

  private retract(partition: number): void {
    const known = this.reports.get(partition);
    if (known) addAll(this.foreign, known.loads, -1);
    this.reports.delete(partition);
  }
}

function addAll(sums: Map<string, number>, loads: ReadonlyMap<string, number>, sign: 1 | -1): void {
  for (const [hub, load] of loads) add(sums, hub, sign * load);
}

function add(sums: Map<string, number>, hub: string, change: number): void {
  sums.set(hub, (sums.get(hub) ?? 0) + change);
}
