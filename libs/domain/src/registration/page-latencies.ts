import { type KnownLatency, noLatencies } from '../allocation/latency.js';
import { type KnownFor, latenciesIn, nothingKnown } from '../latency/known-latencies.js';
import { type DecisionsRecorded, type Outcome } from './ledger.js';

/** What a page's `latencyTables` say, in their order. */
export type LatencyTablesRead = readonly ReadonlyMap<string, KnownLatency>[];

export function latencyTablesOf({ latencyTables = [] }: Pick<DecisionsRecorded, 'latencyTables'>): LatencyTablesRead {
  return latencyTables.map(latenciesIn);
}

/** What an outcome went by, as far as its page says. @param tables of its page. */
export function knownFor(outcome: Outcome, tables: LatencyTablesRead): KnownFor {
  if (outcome.type === 'RegistrationRejected') return nothingKnown;
  const { latencies, latencyTable } = outcome;
  const shared = latencyTable === undefined ? undefined : tables[latencyTable];
  return { own: latenciesIn(latencies), shared: shared ?? noLatencies };
}
