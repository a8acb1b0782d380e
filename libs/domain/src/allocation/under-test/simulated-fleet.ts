import { allocate, type AllocationRule } from '../allocate.js';
import { type OpenedHub } from '../hub-board.js';
import { noLatencies } from '../latency.js';
import { type ConfiguredHubs, LoadView } from '../load-view.js';

const evenly: AllocationRule = { policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true };
/** Devices that a partition decides at once. */
const pageMax = 25;

export interface FleetOptions {
  seed: number;
  partitions: number;
  allocators: number;
  /** Part of all devices that come by partition 0, 0–1; the others share the rest evenly. */
  skew?: number;
}

/** Devices arriving at several allocators that share nothing but the loads they report, each in its own time. */
export class SimulatedFleet implements ConfiguredHubs {
  /** Milliseconds since 1970. */
  now = 0;
  arrived = 0;
  readonly hubs = new Map<string, OpenedHub>();
  hubsVersion = 0;
  /** Devices by hub, of each partition. */
  private readonly ledgers: Map<string, number>[];
  private readonly views: LoadView[];
  private readonly owners: number[];
  private readonly generations: number[];
  private state: number;

  constructor(private readonly options: FleetOptions) {
    const { seed, partitions, allocators } = options;
    this.state = seed;
    this.ledgers = Array.from({ length: partitions }, () => new Map());
    this.views = Array.from({ length: allocators }, () => new LoadView(partitions));
    this.owners = this.ledgers.map((_, partition) => partition % allocators);
    this.generations = this.ledgers.map(() => 0);
    for (const [partition, owner] of this.owners.entries()) this.claim(partition, owner);
  }

  link(name: string, weight = 1): void {
    this.hubs.set(name, { name, state: 'open', weight, capacity: null, openedAt: this.now });
    this.hubsVersion += 1;
  }

  /** Devices decided by anybody before the story begins, evenly over the partitions. */
  fill(hub: string, devices: number): void {
    const { partitions } = this.options;
    for (const [partition, ledger] of this.ledgers.entries()) {
      const owner = this.owners[partition] as number;
      this.giveUp(partition, owner);
      ledger.set(hub, (ledger.get(hub) ?? 0) + Math.floor((devices + partition) / partitions));
      this.claim(partition, owner);
    }
    for (const allocator of this.views.keys()) this.report(allocator);
  }

  /** Each allocator reports, and begins an epoch, once in so many devices; they take turns. */
  arrive(devices: number, epochDevices: number, eachPage: () => void = () => undefined): void {
    const { views } = this;
    const turn = epochDevices / views.length;
    const end = this.arrived + devices;
    while (this.arrived < end) {
      const before = this.arrived;
      this.page(Math.min(1 + this.below(pageMax), end - before));
      for (let due = Math.floor(before / turn) + 1; due <= Math.floor(this.arrived / turn); due += 1) {
        this.report(due % views.length);
      }
      eachPage();
    }
  }

  /** A partition is given to another allocator. */
  move(): void {
    const partition = this.below(this.ledgers.length);
    this.giveUp(partition, this.owners[partition] as number);
    this.claim(partition, this.below(this.views.length));
  }

  load(hub: string): number {
    return this.ledgers.reduce((sum, ledger) => sum + (ledger.get(hub) ?? 0), 0);
  }

  /** Of the load ÷ weight of the hubs. */
  get extremes(): { fullest: number; emptiest: number; mean: number } {
    const loads = [...this.hubs.values()].map(({ name, weight }) => this.load(name) / weight);
    const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
    return { fullest: Math.max(...loads), emptiest: Math.min(...loads), mean };
  }

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  private page(devices: number): void {
    const { partitions, skew = 1 / partitions } = this.options;
    const partition = this.below(1000) < 1000 * skew ? 0 : 1 + this.below(partitions - 1);
    const ledger = this.ledgers[partition] as Map<string, number>;
    const board = (this.views[this.owners[partition] as number] as LoadView).boardOf(this);
    board.begin(this.now, { places: () => 0, filled: () => undefined });
    for (let count = 0; count < devices; count += 1) {
      const hub = allocate(evenly, board, {
        device: `device-${this.arrived}`,
        present: null,
        latencies: noLatencies,
        leaves: false,
      });
      if (!hub) throw new Error('no hub can take the device');
      board.moved(hub.key, 1);
      ledger.set(hub.key, (ledger.get(hub.key) ?? 0) + 1);
      this.arrived += 1;
    }
  }

  private report(allocator: number): void {
    for (const [partition, owner] of this.owners.entries()) {
      if (owner !== allocator) continue;
      const report = { partition, generation: this.generations[partition] as number, loads: this.loadsOf(partition) };
      for (const [other, view] of this.views.entries()) if (other !== allocator) view.reported(report);
    }
    this.views[allocator]?.nextEpoch();
  }

  private claim(partition: number, allocator: number): void {
    this.owners[partition] = allocator;
    const generation = ((this.generations[partition] as number) += 1);
    this.views[allocator]?.claimed({ partition, generation, loads: this.loadsOf(partition) });
  }

  private giveUp(partition: number, allocator: number): void {
    const generation = this.generations[partition] as number;
    this.views[allocator]?.givenUp({ partition, generation, loads: this.loadsOf(partition) });
  }

  private loadsOf(partition: number): Map<string, number> {
    return new Map(this.ledgers[partition]);
  }
}
