import { hubKey } from '../hub/hub-name.js';
import { lackedOf } from '../hub/label.js';
import { type BuiltInPolicyKind } from '../policy/custom-allocation.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { type AllocationPolicyChoice, type AllocationRule, type Placing } from './allocate.js';
import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { obstacleUnder, reasonOf } from './obstacle.js';

/** The hub that the webhook named. Whether that one can take the device is judged before: see `follow`. */
export const custom: AllocationPolicyChoice = {
  stays: () => false,
  choose(board, _pool, { answer }, accepts) {
    const hub = answer && 'hub' in answer ? board.get(hubKey(answer.hub)) : undefined;
    return hub && accepts(hub) ? hub : null;
  },
  score: () => null,
};

/** What an answer comes to for a device. */
export interface Followed {
  /** The rule that places the device: the custom one, or what stands in for it; null: the device is refused. */
  rule: AllocationRule | null;
  /** Why the answer is of no use for choosing; null when it is, or when nothing was to be chosen. */
  fault: string | null;
}

/** @param rule by `custom`. @param present the hub that the device is on; null: on none. */
export function follow(
  rule: AllocationRule,
  board: HubBoard,
  { answer, present }: Pick<Placing, 'answer' | 'present'>,
): Followed {
  const current = present === null ? undefined : board.get(hubKey(present));
  const fault = answer ? faultIn(answer, rule, board, current) : 'was not asked';
  // Where the device stays anyway the webhook was asked for what else it has to say.
  if (fault === null || (current && !rule.updateHubAssignment)) return { rule, fault };
  const fallback = rule.custom?.fallback ?? null;
  return { rule: fallback === null ? null : fallbackRule(rule, fallback), fault };
}

/** The very same for the same rule: what is kept by rules is found again. */
const fallbackRules = new WeakMap<AllocationRule, AllocationRule>();

function fallbackRule(rule: AllocationRule, policy: BuiltInPolicyKind): AllocationRule {
  let made = fallbackRules.get(rule);
  if (!made) fallbackRules.set(rule, (made = { ...rule, policy }));
  return made;
}

function faultIn(
  answer: WebhookAnswer,
  rule: AllocationRule,
  board: HubBoard,
  current: HubOnBoard | undefined,
): string | null {
  if ('fault' in answer) return answer.fault;
  if (current && !rule.updateHubAssignment) return null;
  const key = hubKey(answer.hub);
  const hub = board.get(key);
  if (!hub) return `named '${answer.hub}', which is not linked`;
  if (rule.hubs && !rule.hubs.some((name) => hubKey(name) === key)) {
    return `named '${answer.hub}', which is not among the enrollment's hubs`;
  }
  const obstacle = obstacleUnder(rule, hub, hub === current);
  return obstacle && `named '${answer.hub}': ${reasonOf(obstacle, hub, rule)}`;
}

/** Names of the hubs that the webhook may choose from, as far as is known before the device is decided. */
export function choicesIn(rule: AllocationRule, board: HubBoard, present: string | null): string[] {
  const current = present === null ? undefined : board.get(hubKey(present));
  if (current && !rule.updateHubAssignment) return [current.name];
  const names: string[] = [];
  for (const hub of rule.hubs ? linkedIn(rule.hubs, board) : board.values()) {
    const { state, capacity, load, labels } = hub;
    if (lackedOf(rule.require ?? [], labels).length > 0) continue;
    const isOpen = state === 'open' && (capacity === null || load < capacity);
    if (hub === current ? state !== 'draining' : isOpen) names.push(hub.name);
  }
  return names;
}

function* linkedIn(names: readonly string[], board: HubBoard): Iterable<HubOnBoard> {
  for (const name of names) {
    const hub = board.get(hubKey(name));
    if (hub) yield hub;
  }
}

/** Why a device was refused by what its webhook answered. */
export function refusalOf({ custom: asked }: AllocationRule, fault: string): string {
  return `the webhook ${asked?.webhookUrl ?? '(none named)'} ${fault}`;
}

/** A webhook's part in a decision, as people read it. */
export interface ExplainedWebhook {
  /** Its query masked. */
  url: string;
  /** Null when it named none. */
  hub: string | null;
  initialTwin: unknown;
  payload: unknown;
  /** Why its choice was of no use; null when it was. */
  fault: string | null;
  /** What chose instead; null when nothing did. */
  fallback: BuiltInPolicyKind | null;
}

/** Null when no webhook had a part in it. */
export function explainWebhook(rule: AllocationRule, board: HubBoard, placing: Placing): ExplainedWebhook | null {
  const { answer } = placing;
  if (!answer) return null;
  const { rule: by, fault } = follow(rule, board, placing);
  const said = 'hub' in answer ? answer : null;
  return {
    url: rule.custom?.webhookUrl ?? '',
    hub: said?.hub ?? null,
    initialTwin: said?.initialTwin ?? null,
    payload: said?.payload ?? null,
    fault,
    fallback: by && by.policy !== 'custom' ? by.policy : null,
  };
}
