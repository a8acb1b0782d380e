import {
  type ConfigurationEvent,
  type GatewayLatencies,
  type HubLatency,
  hubKey,
  latencyStaleAfterMs,
  measurementsOf,
  noteLatencies,
  type RecordedLatency,
  regionKey,
  type RegionLatencies,
} from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { type LatencyReport } from '@berth/registration-log';

/** What a wish says of where its device is. */
export interface Whereabouts {
  source?: string;
  hubLatencies?: Readonly<Record<string, HubLatency>> | undefined;
  region?: string | undefined;
}

/** What was said, by the position of the event that says it. */
type Said<T> = { position: bigint; data: T }[];

type Check = (holds: boolean, invariant: 'reports' | 'latencies', what: string) => void;

/** Keeps account of what gateways and operators say of latencies, and finds what nobody has said. */
export class LatencyAccount {
  readonly seen = { gatewayReports: 0, byMessage: 0, byGateway: 0, byRegion: 0 };
  /** By source, as the messages have it. */
  private readonly sent = new Map<string, GatewayLatencies[]>();
  /** By source, as the store has it. */
  private readonly reported = new Map<string, Said<GatewayLatencies>>();
  /** By region key. */
  private readonly tables = new Map<string, Said<RegionLatencies>>();

  constructor(private readonly check: Check) {}

  /** A report is on the topic. @returns it, as it is to be recorded. */
  taken({ source, hubLatencies }: LatencyReport, offset: number, sentAt: number): GatewayLatencies {
    const report = { source, offset, latencies: measurementsOf(hubLatencies, sentAt) };
    this.sent.set(source, [...(this.sent.get(source) ?? []), report]);
    return report;
  }

  /** Reports are recorded in the order in which their gateway sent them, each as it was sent. */
  configured({ event, position }: StoredEvent<ConfigurationEvent>): void {
    if (event.type === 'RegionLatenciesSet') note(this.tables, regionKey(event.data.region), position, event.data);
    if (event.type !== 'GatewayLatenciesReported') return;
    this.seen.gatewayReports += 1;
    const { source, offset } = event.data;
    const sent = this.sent.get(source)?.find((report) => report.offset === offset);
    const where = `report ${offset} of ${source} is recorded`;
    this.check(JSON.stringify(sent) === JSON.stringify(event.data), 'reports', `${where}, and is not what was sent`);
    const before = this.reported.get(source)?.at(-1)?.data.offset ?? -1;
    this.check(offset > before, 'reports', `${where} after ${before}`);
    note(this.reported, source, position, event.data);
  }

  /** Of what is committed together, the last word of each gateway is known, unless it was no news. */
  committed(reports: readonly GatewayLatencies[]): void {
    for (const report of new Map(reports.map((one) => [one.source, one])).values()) {
      const { source, offset } = report;
      const known = this.reported.get(source)?.at(-1)?.data ?? null;
      const what = `report ${offset} of ${source} is committed, and not recorded`;
      this.check(!noteLatencies(report, known), 'reports', what);
    }
  }

  /** What a decision says was known of a hub has been said by whom it says so, and not too long before. */
  decided(
    where: string,
    latencies: readonly RecordedLatency[],
    { source = '', hubLatencies = {}, region = '' }: Whereabouts,
    { sentAt, at, configuration }: { sentAt: number; at: number; configuration: bigint },
  ): void {
    const own = measurementsOf(hubLatencies, sentAt);
    const reported = newest(this.reported.get(source), configuration)?.latencies ?? [];
    const table = newest(this.tables.get(regionKey(region)), configuration)?.latencies ?? [];
    for (const [hub, us, from = 'registration'] of latencies) {
      const known =
        from === 'region'
          ? table.filter((one) => hubKey(one.hub) === hub).map(({ ms }) => ms * 1000)
          : (from === 'gateway' ? reported : own)
              .filter((one) => one.hub === hub && at - one.measuredAt <= latencyStaleAfterMs)
              .map((one) => one.us);
      const what = `${where}: ${hub} is ${us} µs away, as the ${from} says, which says ${known.join() || 'nothing'}`;
      this.check(known.includes(us), 'latencies', what);
      this.seen[from === 'registration' ? 'byMessage' : from === 'gateway' ? 'byGateway' : 'byRegion'] += 1;
    }
  }
}

function note<T>(said: Map<string, Said<T>>, key: string, position: bigint, data: T): void {
  said.set(key, [...(said.get(key) ?? []), { position, data }]);
}

function newest<T>(said: Said<T> | undefined, upTo: bigint): T | undefined {
  return said?.findLast(({ position }) => position <= upTo)?.data;
}
