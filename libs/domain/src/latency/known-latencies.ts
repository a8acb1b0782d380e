import {
  freshLatencies,
  type KnownLatency,
  type Latencies,
  type LatencySource,
  type Measurement,
  noLatencies,
} from '../allocation/latency.js';
import { OwnBeforeShared } from '../allocation/measured.js';
import { hubKey } from '../hub/hub-name.js';
import { type GatewayLatencies, type GatewayTable } from './gateway-latencies.js';
import { regionKey, type RegionLatencies } from './region-latencies.js';

/** From where a device asks, and what its message itself says. */
export interface Whereabouts {
  latencies?: readonly Measurement[] | undefined;
  /** The gateway. */
  source: string;
  region?: string | undefined;
}

/** What is known of latencies apart from messages. */
export interface LatencyTables {
  gateways: GatewayTable;
  /** By region key. */
  regions: ReadonlyMap<string, RegionLatencies>;
}

/** What is known for a device, by hub key. */
export interface KnownFor {
  /** By its message. */
  own: ReadonlyMap<string, KnownLatency>;
  /** By its gateway's report and its region's table: the very same for all devices that come from there. */
  shared: ReadonlyMap<string, KnownLatency>;
}

export const nothingKnown: KnownFor = { own: noLatencies, shared: noLatencies };

/** Finds what is known for the devices of one page, hub by hub: by the message, else its gateway's report, else the table of its region. */
export class KnownLatencies {
  /** Of messages that say nothing themselves, by gateway and region. */
  private readonly shared = new Map<string, ReadonlyMap<string, KnownLatency>>();

  /** @param at the page's time, milliseconds since 1970: by it measurements are fresh or stale. */
  constructor(
    private readonly tables: LatencyTables,
    private readonly at: number,
  ) {}

  of({ latencies, source, region }: Whereabouts): KnownFor {
    const own = new Map<string, KnownLatency>();
    for (const [hub, us] of freshLatencies(latencies ?? [], this.at)) own.set(hub, { us, from: 'registration' });
    return { own, shared: this.sharedBy(source, region) };
  }

  private sharedBy(source: string, region: string | undefined): ReadonlyMap<string, KnownLatency> {
    const report = this.tables.gateways.get(source);
    const table = region === undefined ? undefined : this.tables.regions.get(regionKey(region));
    if (!report) return table ? inTable(table) : noLatencies;
    const place = JSON.stringify([source, table && regionKey(table.region)]);
    let known = this.shared.get(place);
    if (!known) this.shared.set(place, (known = this.together(report, table)));
    return known;
  }

  private together(report: GatewayLatencies, table: RegionLatencies | undefined): ReadonlyMap<string, KnownLatency> {
    const known = new Map<string, KnownLatency>();
    for (const [hub, us] of freshLatencies(report.latencies, this.at)) known.set(hub, { us, from: 'gateway' });
    for (const [hub, latency] of table ? inTable(table) : noLatencies) if (!known.has(hub)) known.set(hub, latency);
    return known;
  }
}

/** A table doesn't change: another takes its place. */
const tablesRead = new WeakMap<RegionLatencies, ReadonlyMap<string, KnownLatency>>();

function inTable(table: RegionLatencies): ReadonlyMap<string, KnownLatency> {
  let known = tablesRead.get(table);
  if (!known) {
    const read = table.latencies.map(({ hub, ms }): [string, KnownLatency] => [
      hubKey(hub),
      { us: Math.round(ms * 1000), from: 'region' },
    ]);
    tablesRead.set(table, (known = new Map(read)));
  }
  return known;
}

/** All that is known for a device, as one. */
export function latenciesFor({ own, shared }: KnownFor): Latencies {
  if (own.size === 0) return shared;
  return shared.size === 0 ? own : new OwnBeforeShared(own, shared);
}

/** A latency as an outcome states it: microseconds by hub key, and where it is from unless the message said so itself. */
export type RecordedLatency = readonly [hub: string, us: number, from?: Exclude<LatencySource, 'registration'>];

export function recordedLatency(hub: string, { us, from }: KnownLatency): RecordedLatency {
  return from === 'registration' ? [hub, us] : [hub, us, from];
}

/** The latencies that a decision went by. */
export function latenciesIn(recorded: readonly RecordedLatency[] | undefined): ReadonlyMap<string, KnownLatency> {
  const known = new Map<string, KnownLatency>();
  for (const [hub, us, from = 'registration'] of recorded ?? []) known.set(hub, { us, from });
  return known;
}
