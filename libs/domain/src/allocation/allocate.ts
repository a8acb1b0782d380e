import { type HubState } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { evenlyWeighted } from './evenly-weighted.js';
import { staticOrder } from './static-order.js';

/** A linked hub at the moment of choosing, with its load. */
export interface HubSnapshot {
  name: string;
  state: HubState;
  weight: number;
  capacity: number | null;
  /** Devices on it, as far as the deciding allocator knows. */
  load: number;
}

/** Which policy applies to a device and to which hubs. Decisions of one page share their rules. */
export interface AllocationRule {
  policy: AllocationPolicyKind;
  /** Where the policy comes from. */
  source: 'default' | 'enrollment';
  /** Hubs the device may be placed on, in order of preference; null is every linked hub. */
  hubs: readonly string[] | null;
  /** False: a device stays on its hub while that is linked. */
  updateHubAssignment: boolean;
}

export type Verdict = 'chosen' | 'kept' | 'eligible' | 'cordoned' | 'draining' | 'full' | 'notLinked';

export interface Candidate {
  hub: string;
  verdict: Verdict;
  /** Why it was ruled out; null when it wasn't. */
  reason: string | null;
  /** The policy's figure for it, exact; null when it was ruled out. Lower wins. */
  score: string | null;
}

/** Chooses among hubs that may take the device, in the rule's order or by key; never called with none. */
export interface AllocationPolicyChoice {
  choose(eligible: readonly HubSnapshot[]): HubSnapshot;
  score(hub: HubSnapshot, position: number): string;
  /** Whether a device that has a hub stays there while that hub is a candidate. */
  readonly sticky: boolean;
}

const policies: Record<AllocationPolicyKind, AllocationPolicyChoice> = {
  evenlyWeighted,
  static: staticOrder,
};

/** Linked hubs by key (lower-case name), in key order: the order every allocator walks them in. */
export type Hubs = ReadonlyMap<string, HubSnapshot>;

/**
 * The hub for a device that is on `present` (null: on none), or null when none can take it. A hub the device is on
 * counts as a candidate while cordoned or full: both mean "no new devices". A draining one doesn't; the device stays there
 * only while no other can take it.
 */
export function allocate(rule: AllocationRule, hubs: Hubs, present: string | null): HubSnapshot | null {
  const current = present === null ? undefined : hubs.get(hubKey(present));
  if (current && !rule.updateHubAssignment) return current;
  const eligible: HubSnapshot[] = [];
  for (const hub of listed(rule, hubs)) {
    if (ruledOut(hub, hub === current) === null) eligible.push(hub);
  }
  const policy = policies[rule.policy];
  if (eligible.length === 0) return current ?? null;
  if (current && policy.sticky && eligible.includes(current)) return current;
  return policy.choose(eligible);
}

/** Every hub the rule names (all linked ones when it names none), with verdict and score; the same choice as `allocate`. */
export function explain(rule: AllocationRule, hubs: Hubs, present: string | null): Candidate[] {
  const winner = allocate(rule, hubs, present);
  const current = present === null ? undefined : hubs.get(hubKey(present));
  const policy = policies[rule.policy];
  const candidates: Candidate[] = [];
  const names = rule.hubs ?? [...hubs.values()].map(({ name }) => name);
  for (const [position, name] of names.entries()) {
    const hub = hubs.get(hubKey(name));
    if (!hub) {
      candidates.push({ hub: name, verdict: 'notLinked', reason: 'the hub is not linked', score: null });
      continue;
    }
    const obstacle = ruledOut(hub, hub === current);
    if (hub === winner) {
      const verdict = hub === current ? 'kept' : 'chosen';
      candidates.push({ hub: hub.name, verdict, reason: null, score: policy.score(hub, position) });
    } else if (obstacle) {
      candidates.push({ hub: hub.name, ...obstacle, score: null });
    } else {
      candidates.push({ hub: hub.name, verdict: 'eligible', reason: null, score: policy.score(hub, position) });
    }
  }
  if (winner && !candidates.some(({ hub }) => hub === winner.name)) {
    candidates.push({
      hub: winner.name,
      verdict: 'kept',
      reason: 'outside the list, but the device is on it',
      score: null,
    });
  }
  return candidates;
}

/** Hubs named in a refusal's reason: enough to act on, and bounded. */
const obstaclesNamedMax = 10;

/** Why no hub can take the device, hub by hub. */
export function obstacles(rule: AllocationRule, hubs: Hubs): string {
  const ruledOutHubs = explain(rule, hubs, null);
  if (ruledOutHubs.length === 0) return 'no hub is linked';
  const named = ruledOutHubs.slice(0, obstaclesNamedMax).map(({ hub, reason }) => `${hub}: ${reason}`);
  const more = ruledOutHubs.length - named.length;
  return `no hub can take the device (${named.join('; ')}${more > 0 ? `; and ${more} more` : ''})`;
}

function* listed(rule: AllocationRule, hubs: Hubs): Iterable<HubSnapshot> {
  if (rule.hubs === null) {
    yield* hubs.values();
    return;
  }
  for (const name of rule.hubs) {
    const hub = hubs.get(hubKey(name));
    if (hub) yield hub;
  }
}

function ruledOut(
  hub: HubSnapshot,
  isCurrent: boolean,
): { verdict: 'cordoned' | 'draining' | 'full'; reason: string } | null {
  if (hub.state === 'draining') return { verdict: 'draining', reason: 'the hub is draining' };
  if (isCurrent) return null;
  if (hub.state === 'cordoned') return { verdict: 'cordoned', reason: 'the hub is cordoned' };
  if (hub.capacity !== null && hub.load >= hub.capacity) {
    return { verdict: 'full', reason: `the hub is full (${hub.load} of ${hub.capacity})` };
  }
  return null;
}
