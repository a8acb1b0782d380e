import { accepted, type Decision, rejected } from '../decision.js';
import { hubKey, isHubName } from '../hub/hub-name.js';
import { type Limit } from '../limit.js';

/** How far hubs are from a region, as operators know it. Stream `regionLatencies-<region in lower case>`. */
export interface RegionLatenciesSet {
  type: 'RegionLatenciesSet';
  v: 1;
  data: RegionLatencies;
}

export interface RegionLatencies {
  /** As the operator spelled it; messages name it without regard to case. */
  region: string;
  /** In the order of the hubs' keys; empty: nothing is known of the region any more. */
  latencies: readonly RegionLatency[];
}

export interface RegionLatency {
  hub: string;
  /** Milliseconds, 0 to `latencyMsMax`. */
  ms: number;
}

export const latencyMsMax = 86_400_000;
/** Most regions with a table, and most hubs in one. */
export const regionsMax = 256;
export const regionHubsMax = 1000;

export type RegionRejection =
  | { kind: 'invalidRegion'; region: string }
  | { kind: 'tooManyRegions'; max: number }
  | { kind: 'tooManyHubs'; max: number }
  | { kind: 'invalidLatency'; ms: number; index: number }
  | { kind: 'hubNotLinked'; name: string; index: number }
  | { kind: 'hubNamedTwice'; name: string; index: number };

const shape = /^[A-Za-z0-9](?:[A-Za-z0-9._:/ -]*[A-Za-z0-9])?$/;
const regionNameLengthMax = 128;

/** Alphanumerics, and between them `-` `.` `_` `:` `/` and spaces; 1 to 128 characters, the most that a message's `region` has. */
export function isRegionName(text: string): boolean {
  return text.length <= regionNameLengthMax && shape.test(text);
}

export function regionKey(region: string): string {
  return region.toLowerCase();
}

export const noRegionLatencies: RegionLatencies = { region: '', latencies: [] };

export function evolveRegionLatencies(_before: RegionLatencies, { data }: RegionLatenciesSet): RegionLatencies {
  return data;
}

/**
 * Replaces a region's table.
 * @param linked keys of the hubs linked now. @param limit regions that have a table.
 */
export function setRegionLatencies(
  { region, latencies }: RegionLatencies,
  before: RegionLatencies,
  { linked, limit }: { linked: ReadonlySet<string>; limit: Limit },
): Decision<RegionLatenciesSet, RegionRejection> {
  if (!isRegionName(region)) return rejected({ kind: 'invalidRegion', region });
  const fault = faultIn(latencies, linked);
  if (fault) return rejected(fault);
  const sorted = inHubOrder(latencies);
  if (JSON.stringify(sorted) === JSON.stringify(before.latencies)) return accepted();
  if (before.latencies.length === 0 && limit.count >= limit.max) {
    return rejected({ kind: 'tooManyRegions', max: limit.max });
  }
  const named = before.latencies.length > 0 ? before.region : region;
  return accepted({ type: 'RegionLatenciesSet', v: 1, data: { region: named, latencies: sorted } });
}

function faultIn(latencies: readonly RegionLatency[], linked: ReadonlySet<string>): RegionRejection | null {
  if (latencies.length > regionHubsMax) return { kind: 'tooManyHubs', max: regionHubsMax };
  const seen = new Set<string>();
  for (const [index, { hub: name, ms }] of latencies.entries()) {
    const key = hubKey(name);
    if (!isHubName(name) || !linked.has(key)) return { kind: 'hubNotLinked', name, index };
    if (seen.has(key)) return { kind: 'hubNamedTwice', name, index };
    if (!(ms >= 0 && ms <= latencyMsMax)) return { kind: 'invalidLatency', ms, index };
    seen.add(key);
  }
  return null;
}

function inHubOrder(latencies: readonly RegionLatency[]): RegionLatency[] {
  const sorted = latencies.map(({ hub, ms }) => ({ hub, ms }));
  return sorted.sort((a, b) => (hubKey(a.hub) < hubKey(b.hub) ? -1 : 1));
}
