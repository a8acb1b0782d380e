import {
  type AllocationPolicyKind,
  type AllocationRule,
  type DecisionsRecorded,
  explain,
  type ExplainedDecision,
  hubKey,
  type HubSnapshot,
  type Outcome,
} from '@berth/domain';
import { createHash } from 'node:crypto';

/**
 * What a decision was made on, from which its explanation follows by `explain`. Kept instead of the explanation itself:
 * with 50 hubs that is some 3.5 KB for each device, this is 0.2 KB and a tenth of the work. `explainPage` of the domain
 * is the definition; the specs hold both against each other.
 */
export interface Grounds {
  /** Content id of the rule. */
  rule: string;
  /** Content id of the hub set; absent when no hub was looked at. */
  hubSet?: string;
  /** Devices on each hub of the set, in its order, just before the decision; absent when no hub was looked at. */
  loads?: readonly number[];
  /** The hub the device was on; absent when on none. */
  present?: string;
}

/** Hubs as they were linked, without their loads, in key order. */
export type HubSet = readonly Omit<HubSnapshot, 'load'>[];
/** A rule; or the default policy that stands in for one when a refusal didn't come so far. */
export type RuleContent = { rule: AllocationRule } | { policy: AllocationPolicyKind };

export interface PageGrounds {
  hubSet: { id: string; content: HubSet };
  /** Those that outcomes name. */
  rules: ReadonlyMap<string, RuleContent>;
  /** Each outcome with its grounds, in order. */
  outcomes(): Iterable<{ outcome: Outcome; grounds: Grounds }>;
}

/** A page taken apart. */
export function groundsOf(page: DecisionsRecorded): PageGrounds {
  const hubSet = page.hubs.map(({ name, state, weight, capacity }) => ({ name, state, weight, capacity }));
  const hubSetId = contentId(hubSet);
  const contents: RuleContent[] = page.rules.map((rule) => ({ rule }));
  const ids = contents.map(contentId);
  const byDefault: RuleContent = { policy: page.policy };
  const byDefaultId = contentId(byDefault);
  const rules = new Map([
    ...ids.map((id, index): [string, RuleContent] => [id, contents[index] as RuleContent]),
    [byDefaultId, byDefault],
  ]);
  return { hubSet: { id: hubSetId, content: hubSet }, rules, outcomes };

  function* outcomes(): ReturnType<PageGrounds['outcomes']> {
    const places = new Map(page.hubs.map(({ name }, place) => [hubKey(name), place]));
    const loads = page.hubs.map(({ load }) => load);
    for (const outcome of page.outcomes) {
      yield { outcome, grounds: grounds(outcome, loads) };
      if (outcome.type === 'DeviceAssigned' || outcome.type === 'DeviceReassigned') add(places, loads, outcome.hub, 1);
      if (outcome.type === 'DeviceReassigned') add(places, loads, outcome.from, -1);
    }
  }

  function grounds(outcome: Outcome, loads: readonly number[]): Grounds {
    const rule = outcome.rule === null ? undefined : ids[outcome.rule];
    if (rule === undefined) return { rule: byDefaultId };
    const looked = { rule, hubSet: hubSetId, loads: [...loads] };
    if (outcome.type === 'DeviceReassigned') return { ...looked, present: outcome.from };
    return outcome.type === 'AssignmentConfirmed' ? { ...looked, present: outcome.hub } : looked;
  }
}

/** @param chosen the hub given, or null and the reason why none was. */
export function explainGrounds(
  grounds: Grounds,
  content: { rule: RuleContent; hubSet: HubSet },
  { chosen, reason }: { chosen: string | null; reason: string | null },
): ExplainedDecision {
  if ('policy' in content.rule) {
    return { policy: content.rule.policy, policySource: 'default', chosen, reason, candidates: [] };
  }
  const { rule } = content.rule;
  const hubs = new Map(
    content.hubSet.map((hub, place): [string, HubSnapshot] => [
      hubKey(hub.name),
      { ...hub, load: grounds.loads?.[place] ?? 0 },
    ]),
  );
  const candidates = explain(rule, hubs, grounds.present ?? null);
  return { policy: rule.policy, policySource: rule.source, chosen, reason, candidates };
}

function add(places: ReadonlyMap<string, number>, loads: number[], hub: string, change: number): void {
  const place = places.get(hubKey(hub));
  if (place !== undefined) loads[place] = (loads[place] ?? 0) + change;
}

/** The same content has the same id on any machine: 72 bits, far beyond any number of distinct rules. */
function contentId(content: HubSet | RuleContent): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 12);
}
