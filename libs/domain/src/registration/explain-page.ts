import { type AllocationRule, type Candidate, explain, type HubSnapshot } from '../allocation/allocate.js';
import { hubKey } from '../hub/hub-name.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { type DecisionsRecorded, type Outcome } from './ledger.js';

/** A decision with everything that led to it, as people read it. */
export interface ExplainedDecision {
  policy: AllocationPolicyKind;
  policySource: AllocationRule['source'];
  /** The hub the device is on through this decision; null when it was refused. */
  chosen: string | null;
  reason: string | null;
  candidates: readonly Candidate[];
}

/**
 * Every outcome of a page with its explanation. A page states hubs and loads once, as they were before its first
 * decision; those of each further decision follow from the ones before it.
 */
export function* explainPage(page: DecisionsRecorded): Iterable<{ outcome: Outcome; decision: ExplainedDecision }> {
  const hubs = new Map(page.hubs.map((hub): [string, HubSnapshot] => [hubKey(hub.name), { ...hub }]));
  for (const outcome of page.outcomes) {
    // A refusal before any hub was looked at has no rule: the default policy stands in, without candidates.
    const rule = outcome.rule === null ? undefined : page.rules[outcome.rule];
    const candidates = rule ? explain(rule, hubs, presentHub(outcome)) : [];
    const { policy, source: policySource } = rule ?? { policy: page.policy, source: 'default' };
    const chosen = outcome.type === 'RegistrationRejected' ? null : outcome.hub;
    const reason = outcome.type === 'RegistrationRejected' ? outcome.reason : null;
    yield { outcome, decision: { policy, policySource, chosen, reason, candidates } };
    if (outcome.type === 'DeviceAssigned' || outcome.type === 'DeviceReassigned') addLoad(hubs, outcome.hub, 1);
    if (outcome.type === 'DeviceReassigned') addLoad(hubs, outcome.from, -1);
  }
}

function presentHub(outcome: Outcome): string | null {
  if (outcome.type === 'DeviceReassigned') return outcome.from;
  return outcome.type === 'AssignmentConfirmed' ? outcome.hub : null;
}

function addLoad(hubs: Map<string, HubSnapshot>, hub: string, change: number): void {
  const snapshot = hubs.get(hubKey(hub));
  if (snapshot) snapshot.load += change;
}
