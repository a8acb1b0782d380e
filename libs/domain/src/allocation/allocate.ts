import { hubKey } from '../hub/hub-name.js';
import { type Label } from '../hub/label.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { type CustomAllocation } from '../policy/custom-allocation.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { custom, follow } from './custom.js';
import { evenlyWeighted } from './evenly-weighted.js';
import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { type HubPool } from './hub-pool.js';
import { type Latencies, type LatencySource } from './latency.js';
import { evaluate, lowestLatency, type Patience } from './lowest-latency.js';
import { measuredIn } from './measured.js';
import { type Obstacle, obstacleTo, obstacleUnder, reasonOf } from './obstacle.js';
import { admits, warm } from './slow-start.js';
import { staticOrder } from './static-order.js';

/** Which policy applies to a device and to which hubs. Decisions of one page share their rules. */
export interface AllocationRule {
  policy: AllocationPolicyKind;
  /** Where the policy comes from. */
  source: 'default' | 'enrollment';
  /** Hubs the device may be placed on, in order of preference; null is every linked hub. */
  hubs: readonly string[] | null;
  /** Labels that a hub must have; absent: none. */
  require?: readonly Label[];
  /** False: a device stays on its hub while that is linked. */
  updateHubAssignment: boolean;
  /** With `custom`: whose webhook is asked, its query masked, and what chooses in its place. */
  custom?: Pick<CustomAllocation, 'webhookUrl' | 'fallback'>;
}

/** A device that wants a hub. */
export interface Placing {
  /** Its registration key. */
  device: string;
  /** The hub it is on; null: on none. */
  present: string | null;
  /** Of hubs, as seen from where the device is; looked at by `lowestLatency` only. */
  latencies: Latencies;
  /** Whether the device has seen its hub outdone for long enough to leave it. */
  leaves: boolean;
  /** Of the webhook; looked at by `custom` only. */
  answer?: WebhookAnswer | undefined;
}

export type Verdict = 'chosen' | 'kept' | 'eligible' | Obstacle | 'slowStart' | 'farther' | 'unscored' | 'notLinked';

export interface Candidate {
  hub: string;
  verdict: Verdict;
  /** Why it was ruled out; null when it wasn't. */
  reason: string | null;
  /** The policy's figure for it, exact; null when it was ruled out. Lower wins, by turn among those just as near. */
  score: string | null;
  /** How far the hub is, and who says so, when the policy goes by that; absent: it doesn't, or nobody knows. */
  latency?: { ms: number; from: LatencySource };
  /** The hub as it was just before the decision; absent when it isn't linked. Without a capacity: null. */
  snapshot?: { load: number; weight: number; capacity: number | null };
}

/** Chooses among those hubs of a pool that `accepts`. */
export interface AllocationPolicyChoice {
  choose(board: HubBoard, pool: HubPool, placing: Placing, accepts: (hub: HubOnBoard) => boolean): HubOnBoard | null;
  /** Null when the policy has no figures. @param position in the rule's order. */
  score(board: HubBoard, hub: HubOnBoard, position: number, placing: Placing): string | null;
  /** Whether a device that has a hub stays there while that hub is a candidate. */
  stays(placing: Placing): boolean;
  /** Why a hub that could take the device is no choice under the policy; null when it is one. Absent: they all are. */
  passesOver?(
    board: HubBoard,
    pool: HubPool,
    placing: Placing,
    accepts: (hub: HubOnBoard) => boolean,
  ): (hub: HubOnBoard) => Pick<Candidate, 'verdict' | 'reason'> | null;
}

const policies: Record<AllocationPolicyKind, AllocationPolicyChoice> = {
  evenlyWeighted,
  lowestLatency,
  static: staticOrder,
  custom,
};

/**
 * The hub for a device, or null when none can take it. The hub it is on counts as a candidate while cordoned or full: both
 * mean "no new devices". A draining one doesn't; the device stays there only while no other can take it. The hub chosen may
 * be one on which no place is in hand, but to be had: then the device can't be decided before that is known.
 */
export function allocate(rule: AllocationRule, board: HubBoard, placing: Placing): HubOnBoard | null {
  const { present } = placing;
  const current = present === null ? undefined : board.get(hubKey(present));
  if (current && !rule.updateHubAssignment) return current;
  const policy = policies[rule.policy];
  const pool = board.allowedBy(rule);
  if (current && policy.stays(placing) && pool.has(current) && !obstacleTo(current, true)) return current;
  const chosen = policy.choose(board, pool, placing, (hub) => !obstacleTo(hub, hub === current));
  return chosen ?? current ?? null;
}

/**
 * Every hub the rule names (all on the board when it names none), with verdict and score; the same choice as `allocate`. Hubs
 * without the labels that it requires are among them.
 */
export function explain(rule: AllocationRule, board: HubBoard, placing: Placing): Candidate[] {
  if (rule.policy !== 'custom') return judge(rule, board, placing, allocate(rule, board, placing));
  const { rule: by } = follow(rule, board, placing);
  return by ? judge(by, board, placing, allocate(by, board, placing)) : judge(rule, board, placing, null);
}

function judge(rule: AllocationRule, board: HubBoard, placing: Placing, winner: HubOnBoard | null): Candidate[] {
  const { device, present } = placing;
  const current = present === null ? undefined : board.get(hubKey(present));
  const policy = policies[rule.policy];
  // Where every candidate starts slowly, none is spared; and nobody is by lists and webhooks.
  const isByTurns = rule.policy === 'evenlyWeighted' || rule.policy === 'lowestLatency';
  const spares = isByTurns && winner !== null && winner !== current && admits(winner, device);
  const accepts = (hub: HubOnBoard) => !obstacleTo(hub, hub === current);
  const passedOver = policy.passesOver?.(board, board.allowedBy(rule), placing, accepts) ?? (() => null);
  const candidates: Candidate[] = [];
  const names = rule.hubs ?? [...board.values()].map(({ name }) => name);
  for (const [position, name] of names.entries()) {
    const hub = board.get(hubKey(name));
    if (!hub) {
      candidates.push({ hub: name, verdict: 'notLinked', reason: 'the hub is not linked', score: null });
      continue;
    }
    const obstacle = obstacleUnder(rule, hub, hub === current);
    const score = () => policy.score(board, hub, position, placing);
    const passed = passedOver(hub);
    const seen = { ...latencyOf(rule, hub, placing), snapshot: snapshotOf(hub) };
    if (hub === winner) {
      const verdict = hub === current ? 'kept' : 'chosen';
      candidates.push({ hub: hub.name, verdict, reason: null, score: score(), ...seen });
    } else if (obstacle) {
      candidates.push({
        hub: hub.name,
        verdict: obstacle,
        reason: reasonOf(obstacle, hub, rule),
        score: null,
        ...seen,
      });
    } else if (passed) {
      candidates.push({ hub: hub.name, ...passed, score: null, ...seen });
    } else if (spares && !admits(hub, device)) {
      candidates.push({ hub: hub.name, verdict: 'slowStart', reason: slowStartReason(hub), score: null, ...seen });
    } else {
      candidates.push({ hub: hub.name, verdict: 'eligible', reason: null, score: score(), ...seen });
    }
  }
  if (winner && !candidates.some(({ hub }) => hub === winner.name)) {
    candidates.push({
      hub: winner.name,
      verdict: 'kept',
      reason: 'outside the list, but the device is on it',
      score: null,
      snapshot: snapshotOf(winner),
    });
  }
  return candidates;
}

function snapshotOf({ load, weight, capacity }: HubOnBoard): NonNullable<Candidate['snapshot']> {
  return { load, weight, capacity };
}

function latencyOf(
  { policy }: AllocationRule,
  { key }: HubOnBoard,
  { latencies }: Placing,
): Pick<Candidate, 'latency'> | undefined {
  const known = policy === 'lowestLatency' ? latencies.get(key) : undefined;
  return known && { latency: { ms: known.us / 1000, from: known.from } };
}

/** Whether what is known of latencies is reason enough for a device to leave its present hub. For rules by `lowestLatency`. */
export function weigh(
  rule: AllocationRule,
  board: HubBoard,
  { present, latencies }: Pick<Placing, 'present' | 'latencies'>,
  stay: { before: number; isRepeat: boolean; onHubMs: number },
): Patience {
  const current = present === null ? undefined : board.get(hubKey(present));
  if (!current || !rule.updateHubAssignment) return { outdone: stay.before, leaves: false };
  const pool = board.allowedBy(rule);
  if (!pool.has(current) || obstacleTo(current, true)) return { outdone: stay.before, leaves: false };
  const other = measuredIn(board, pool, latencies).find(({ hub }) => hub !== current && !obstacleTo(hub, false));
  return evaluate(current, other?.hub ?? null, { latencies }, stay);
}

/** Hubs named in a refusal's reason: all of them where there are as many as the reference service can link, and bounded. */
const obstaclesNamedMax = 50;

/** Why no hub can take a device that is on none, hub by hub; lists the hubs that it names. */
export function obstacles(rule: AllocationRule, board: HubBoard): string {
  const count = rule.hubs?.length ?? board.count;
  if (count === 0) return 'no hub is linked';
  const named: string[] = [];
  for (const name of rule.hubs ?? namesOn(board)) {
    if (named.length === obstaclesNamedMax) break;
    const hub = board.get(hubKey(name));
    const obstacle = hub && obstacleUnder(rule, hub, false);
    if (hub) board.list(hub.key);
    named.push(obstacle ? `${hub.name}: ${reasonOf(obstacle, hub, rule)}` : `${name}: the hub is not linked`);
  }
  const more = count - named.length;
  return `no hub can take the device (${named.join('; ')}${more > 0 ? `; and ${more} more` : ''})`;
}

function* namesOn(board: HubBoard): Iterable<string> {
  for (const { name } of board.values()) yield name;
}

function slowStartReason({ warmth }: HubOnBoard): string {
  return `the hub starts slowly: it takes ${(100 * warmth) / warm} % of the devices it is due, and not this one`;
}
