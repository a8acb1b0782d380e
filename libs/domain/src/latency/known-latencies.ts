import {
  freshLatencies,
  type KnownLatency,
  type Latencies,
  type LatencySource,
  type Measurement,
} from '../allocation/latency.js';
import { hubKey } from '../hub/hub-name.js';
import { type GatewayTable } from './gateway-latencies.js';
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

/** Finds what is known for the devices of one page, hub by hub: by the message, else its gateway's report, else the table of its region. */
export class KnownLatencies {
  /** Of messages that say nothing themselves, by gateway and region. */
  private readonly shared = new Map<string, Latencies>();

  /** @param at the page's time, milliseconds since 1970: by it measurements are fresh or stale. */
  constructor(
    private readonly tables: LatencyTables,
    private readonly at: number,
  ) {}

  of({ latencies, source, region }: Whereabouts): Latencies {
    const apart = this.apartFrom(source, region);
    if (!latencies) return apart;
    const known = new Map<string, KnownLatency>();
    for (const [hub, us] of freshLatencies(latencies, this.at)) known.set(hub, { us, from: 'registration' });
    for (const [hub, latency] of apart) if (!known.has(hub)) known.set(hub, latency);
    return known;
  }

  private apartFrom(source: string, region: string | undefined): Latencies {
    const place = JSON.stringify([source, region]);
    let known = this.shared.get(place);
    if (!known) this.shared.set(place, (known = this.inTables(source, region)));
    return known;
  }

  private inTables(source: string, region: string | undefined): Latencies {
    const known = new Map<string, KnownLatency>();
    const reported = this.tables.gateways.get(source)?.latencies ?? [];
    for (const [hub, us] of freshLatencies(reported, this.at)) known.set(hub, { us, from: 'gateway' });
    const table = region === undefined ? undefined : this.tables.regions.get(regionKey(region));
    for (const { hub, ms } of table?.latencies ?? []) {
      const key = hubKey(hub);
      if (!known.has(key)) known.set(key, { us: Math.round(ms * 1000), from: 'region' });
    }
    return known;
  }
}

/** A latency as an outcome states it: microseconds by hub key, and where it is from unless the message said so itself. */
export type RecordedLatency = readonly [hub: string, us: number, from?: Exclude<LatencySource, 'registration'>];

export function recordedLatency(hub: string, { us, from }: KnownLatency): RecordedLatency {
  return from === 'registration' ? [hub, us] : [hub, us, from];
}

/** The latencies that a decision went by. */
export function latenciesIn(recorded: readonly RecordedLatency[] | undefined): Latencies {
  const known = new Map<string, KnownLatency>();
  for (const [hub, us, from = 'registration'] of recorded ?? []) known.set(hub, { us, from });
  return known;
}
