import { type AllocationRule, type Candidate, explain, type Placing } from '../allocation/allocate.js';
import { type ExplainedWebhook, explainWebhook } from '../allocation/custom.js';
import { HubBoard } from '../allocation/hub-board.js';
import { noLatencies } from '../allocation/latency.js';
import { hubKey } from '../hub/hub-name.js';
import { latenciesFor } from '../latency/known-latencies.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { type DecisionsRecorded, type Outcome } from './ledger.js';
import { hubsOf } from './page-hubs.js';
import { knownFor, type LatencyTablesRead, latencyTablesOf } from './page-latencies.js';
import { registrationKey } from './registration-id.js';

/** A decision with everything that led to it, as people read it. */
export interface ExplainedDecision {
  policy: AllocationPolicyKind;
  policySource: AllocationRule['source'];
  /** The hub the device is on through this decision; null when it was refused. */
  chosen: string | null;
  reason: string | null;
  candidates: readonly Candidate[];
  /** Position of the newest configuration event in view, of enrollments, hubs, policies and the like; null before the first. */
  configuration: string | null;
  /** Of the algorithm: `algorithmBuild` of whoever decided. */
  build: number;
  /** Null unless one was asked. */
  webhook: ExplainedWebhook | null;
}

/**
 * Every outcome of a page with its explanation. A page states hubs and loads once, as they were before its first
 * decision; those of each further decision follow from the ones before it.
 */
export function* explainPage(page: DecisionsRecorded): Iterable<{ outcome: Outcome; decision: ExplainedDecision }> {
  const board = new HubBoard(hubsOf(page), { turns: page.turns, count: page.hubCount });
  const tables = latencyTablesOf(page);
  for (const outcome of page.outcomes) {
    // A refusal before any hub was looked at has no rule: the default policy stands in, without candidates.
    const rule = outcome.rule === null ? undefined : page.rules[outcome.rule];
    const device = registrationKey(outcome.registrationId);
    const placing = { device, ...circumstances(outcome, tables), answer: outcome.webhook };
    const candidates = rule ? explain(rule, board, placing) : [];
    const webhook = rule ? explainWebhook(rule, board, placing) : null;
    const { policy, source: policySource } = rule ?? { policy: page.policy, source: 'default' };
    const chosen = outcome.type === 'RegistrationRejected' ? null : outcome.hub;
    const reason = outcome.type === 'RegistrationRejected' ? outcome.reason : null;
    const { configuration, build } = page;
    yield { outcome, decision: { policy, policySource, chosen, reason, candidates, configuration, build, webhook } };
    if (outcome.type === 'DeviceAssigned' || outcome.type === 'DeviceReassigned') board.moved(hubKey(outcome.hub), 1);
    if (outcome.type === 'DeviceReassigned') board.moved(hubKey(outcome.from), -1);
  }
}

/** What a device was placed by, besides its id. */
function circumstances(outcome: Outcome, tables: LatencyTablesRead): Omit<Placing, 'device' | 'answer'> {
  if (outcome.type === 'RegistrationRejected') return { present: null, latencies: noLatencies, leaves: false };
  const latencies = latenciesFor(knownFor(outcome, tables));
  switch (outcome.type) {
    case 'DeviceAssigned':
      return { present: null, latencies, leaves: false };
    case 'DeviceReassigned':
      return { present: outcome.from, latencies, leaves: true };
    case 'AssignmentConfirmed':
      return { present: outcome.hub, latencies, leaves: false };
  }
}
