import { type Measurement } from '../allocation/latency.js';

/**
 * What a gateway reported of hubs' latencies, apart from any registration. Stream `gatewayLatencies-<hash of the source>`, of which
 * only the newest event is kept: what decisions went by stands in their pages.
 */
export interface GatewayLatenciesReported {
  type: 'GatewayLatenciesReported';
  v: 1;
  data: GatewayLatencies;
}

export interface GatewayLatencies {
  /** The gateway, as it calls itself in its events. */
  source: string;
  /** Of the message that brought them: the order of a gateway's reports, for all of them are in one partition. */
  offset: number;
  /** By key of the hub, each once; whatever a report leaves out is unknown from then on. */
  latencies: readonly Measurement[];
}

/** Measurements so much newer are recorded though they say the same: a tenth of the time after which they are stale. */
const renewedAfterMs = 60_000;
/** How far a figure must be from the one recorded to say something else: the wider of the two. */
const change = { us: 1_000, percent: 5 } as const;

/**
 * The event by which a report is kept. Null when it says nothing new, or was taken before: a message that comes again changes nothing.
 * @param before the newest one of the gateway; null: there is none.
 */
export function noteLatencies(
  report: GatewayLatencies,
  before: GatewayLatencies | null,
): GatewayLatenciesReported | null {
  if (before && (report.offset <= before.offset || !isNew(report.latencies, before.latencies))) return null;
  return { type: 'GatewayLatenciesReported', v: 1, data: report };
}

function isNew(reported: readonly Measurement[], known: readonly Measurement[]): boolean {
  if (reported.length !== known.length) return true;
  const before = new Map(known.map((measurement) => [measurement.hub, measurement]));
  return reported.some(({ hub, us, measuredAt }) => {
    const last = before.get(hub);
    if (!last || measuredAt - last.measuredAt >= renewedAfterMs) return true;
    return Math.abs(us - last.us) > Math.max(change.us, (last.us * change.percent) / 100);
  });
}

/** Gateways, and measurements of all of them together, that are remembered: some MB. Those that reported longest ago go first. */
export const gatewaysMax = { gateways: 10_000, measurements: 50_000 } as const;

/** The newest report of each gateway, by source. */
export class GatewayTable {
  /** The one that reported longest ago first. */
  private readonly reports = new Map<string, GatewayLatencies>();
  private measurements = 0;

  constructor(private readonly max: { gateways: number; measurements: number } = gatewaysMax) {}

  get(source: string): GatewayLatencies | undefined {
    return this.reports.get(source);
  }

  set(report: GatewayLatencies): void {
    this.forget(report.source);
    this.reports.set(report.source, report);
    this.measurements += report.latencies.length;
    for (const source of this.reports.keys()) {
      if (this.reports.size <= this.max.gateways && this.measurements <= this.max.measurements) break;
      this.forget(source);
    }
  }

  forget(source: string): void {
    this.measurements -= this.reports.get(source)?.latencies.length ?? 0;
    this.reports.delete(source);
  }

  /** All of them, to be set again in this order. */
  facts(): GatewayLatencies[] {
    return [...this.reports.values()];
  }
}
