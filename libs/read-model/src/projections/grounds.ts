import {
  type AllocationPolicyKind,
  type AllocationRule,
  type DecisionsRecorded,
  explain,
  explainWebhook,
  type ExplainedDecision,
  HubBoard,
  hubKey,
  hubsOf,
  latenciesIn,
  type RecordedLatency,
  type HubSnapshot,
  type Outcome,
  placesAfter,
  type WebhookAnswer,
} from '@berth/domain';
import { createHash } from 'node:crypto';

/**
 * What a decision was made on, from which its explanation follows by `explain`. Kept instead of the explanation itself:
 * with 50 hubs that is some 3.5 KB for each device, this is 0.2 KB and a tenth of the work. `explainPage` of the domain
 * is the definition; the specs hold both against each other.
 */
export interface Grounds {
  /** Position of the newest configuration event in view; absent before the first. */
  configuration?: string;
  /** Of the algorithm. */
  build: number;
  /** Content id of the rule. */
  rule: string;
  /** Content id of the hub set; absent when no hub was looked at. */
  hubSet?: string;
  /** Devices on each hub of the set, in its order, just before the decision; absent when no hub was looked at. */
  loads?: readonly number[];
  /** With a `PageOfHubs`: how many of its moves came before the decision; absent: all figures stand here. */
  moves?: number;
  /** Where each hub stood in the order of turns, in the set's order; absent while one allocator decided everything. */
  turns?: { unit: number; passes: readonly number[] };
  /** Hubs of the set, by index, on which there was no place to be had; absent when that follows from loads and capacities. */
  placeless?: readonly number[];
  /** The hub the device was on; absent when on none. */
  present?: string;
  /** What was known of hubs' latencies, microseconds by hub key; absent when nothing was, or the rule didn't go by it. */
  latencies?: readonly RecordedLatency[];
  /** What the webhook answered; absent when none was asked. */
  webhook?: WebhookAnswer;
}

/** Hubs as they were linked, without what changes from decision to decision, in key order. */
export type HubSet = readonly Omit<HubSnapshot, 'load' | 'pass' | 'places'>[];

/**
 * The hubs of a page that lists very many: it lists others than the page before, and with the figures of all of them a device would take
 * some KB.
 */
export interface PageOfHubs {
  /** As they were when the page began. */
  hubs: readonly HubSnapshot[];
  turns?: { unit: number };
  /** Devices put on hubs and taken off, in order: the hub's place here counted from 1, negative for one taken off. */
  moves: readonly number[];
}

/** Of more hubs a page keeps the figures itself. */
const figuresEachMax = 100;
/** A rule; or the default policy that stands in for one when a refusal didn't come so far. */
export type RuleContent = { rule: AllocationRule } | { policy: AllocationPolicyKind };

export interface PageGrounds {
  hubSet: { id: string; content: HubSet | PageOfHubs };
  /** Those that outcomes name. */
  rules: ReadonlyMap<string, RuleContent>;
  /** Each outcome with its grounds, in order. */
  outcomes(): Iterable<{ outcome: Outcome; grounds: Grounds }>;
}

/** A page taken apart. */
export function groundsOf(page: DecisionsRecorded): PageGrounds {
  const indexes = new Map(page.hubs.map(({ name }, index) => [hubKey(name), index]));
  const isLarge = page.hubs.length > figuresEachMax;
  const hubSet = isLarge
    ? { hubs: hubsOf(page), ...(page.turns && { turns: { unit: page.turns.unit } }), moves: movesIn(page, indexes) }
    : hubsOf(page).map(asLinked);
  const hubSetId = contentId(hubSet);
  const contents: RuleContent[] = page.rules.map((rule) => ({ rule }));
  const ids = contents.map(contentId);
  const latenciesOf = latencyStatements(page);
  const { build, configuration } = page;
  const versions = configuration === null ? { build } : { build, configuration };
  const byDefault: RuleContent = { policy: page.policy };
  const byDefaultId = contentId(byDefault);
  const rules = new Map([
    ...ids.map((id, index): [string, RuleContent] => [id, contents[index] as RuleContent]),
    [byDefaultId, byDefault],
  ]);
  return { hubSet: { id: hubSetId, content: hubSet }, rules, outcomes };

  function* outcomes(): ReturnType<PageGrounds['outcomes']> {
    const state = isLarge ? null : new PageState(page);
    let moves = 0;
    for (const outcome of page.outcomes) {
      yield { outcome, grounds: grounds(outcome, state ? state.figures() : { moves }) };
      for (const move of movesBy(outcome, indexes)) {
        state?.moved(move);
        moves += 1;
      }
    }
  }

  function grounds(outcome: Outcome, figures: Pick<Grounds, 'loads' | 'turns' | 'placeless' | 'moves'>): Grounds {
    const rule = outcome.rule === null ? undefined : ids[outcome.rule];
    if (rule === undefined) return { ...versions, rule: byDefaultId };
    const { webhook } = outcome;
    const looked = { ...versions, rule, hubSet: hubSetId, ...figures, ...(webhook && { webhook }) };
    if (outcome.type === 'RegistrationRejected') return looked;
    const latencies = latenciesOf(outcome);
    const measured = latencies ? { ...looked, latencies } : looked;
    if (outcome.type === 'DeviceReassigned') return { ...measured, present: outcome.from };
    return outcome.type === 'AssignmentConfirmed' ? { ...measured, present: outcome.hub } : measured;
  }
}

/** What each outcome went by: its own latencies, before those of the page's table that it names. */
function latencyStatements({
  latencyTables = [],
}: DecisionsRecorded): (outcome: Exclude<Outcome, { type: 'RegistrationRejected' }>) => Grounds['latencies'] {
  return ({ latencies: own, latencyTable }) => {
    const table = latencyTable === undefined ? undefined : latencyTables[latencyTable];
    if (!own || !table) return own ?? table;
    const said = new Set(own.map(([hub]) => hub));
    return [...own, ...table.filter(([hub]) => !said.has(hub))];
  };
}

function asLinked({ name, state, weight, capacity, warmth, labels }: HubSnapshot): HubSet[number] {
  return {
    name,
    state,
    weight,
    capacity,
    ...(warmth !== undefined && { warmth }),
    ...(labels && { labels }),
  };
}

/** See `PageOfHubs`. */
function movesIn({ outcomes }: DecisionsRecorded, indexes: ReadonlyMap<string, number>): number[] {
  return outcomes.flatMap((outcome) => movesBy(outcome, indexes));
}

function movesBy(outcome: Outcome, indexes: ReadonlyMap<string, number>): number[] {
  if (outcome.type !== 'DeviceAssigned' && outcome.type !== 'DeviceReassigned') return [];
  const place = (hub: string) => (indexes.get(hubKey(hub)) ?? -1) + 1;
  const moves = outcome.type === 'DeviceReassigned' ? [place(outcome.hub), -place(outcome.from)] : [place(outcome.hub)];
  return moves.filter((move) => move !== 0);
}

/** Loads, passes and places of a page's hubs, from decision to decision: what `HubBoard` does, for figures alone. */
class PageState {
  private readonly loads: number[];
  private readonly passes: number[] | null;
  private readonly places: (number | null)[] | null;
  private readonly capacities: number[];
  private readonly unit: number;

  constructor({ hubs, turns }: { hubs: readonly Omit<HubSnapshot, 'labels'>[]; turns?: { unit: number } | undefined }) {
    this.capacities = hubs.map(({ capacity }) => capacity ?? Infinity);
    this.loads = hubs.map(({ load }) => load);
    this.passes = turns ? hubs.map(({ load, pass }) => pass ?? 2 * load + 1) : null;
    this.places = hubs.some(({ places }) => places !== undefined)
      ? hubs.map(({ capacity, load, places }) => (places === undefined ? (capacity ?? Infinity) - load : places))
      : null;
    this.unit = turns?.unit ?? 0;
  }

  figures(): Pick<Grounds, 'loads' | 'turns' | 'placeless'> {
    const { loads, passes, places } = this;
    return {
      loads: [...loads],
      ...(passes && { turns: { unit: this.unit, passes: [...passes] } }),
      ...(places && { placeless: places.flatMap((left, index) => (left !== null && left <= 0 ? [index] : [])) }),
    };
  }

  /** @param move see `PageOfHubs`. */
  moved(move: number): void {
    const index = Math.abs(move) - 1;
    const change = Math.sign(move);
    const load = (this.loads[index] ?? 0) + change;
    this.loads[index] = load;
    if (this.passes) this.passes[index] = (this.passes[index] ?? 0) + change * this.unit;
    if (!this.places || change < 0) return;
    this.places[index] = placesAfter(this.places[index] ?? null, load, this.capacities[index] as number);
  }
}

/** @param device its registration key.
 * @param chosen the hub given, or null and the reason why none was. */
export function explainGrounds(
  grounds: Grounds,
  content: { rule: RuleContent; hubSet: HubSet | PageOfHubs },
  { device, chosen, reason }: { device: string; chosen: string | null; reason: string | null },
): ExplainedDecision {
  const { build, configuration = null } = grounds;
  const decision = { chosen, reason, configuration, build };
  if ('policy' in content.rule) {
    return { ...decision, policy: content.rule.policy, policySource: 'default', candidates: [], webhook: null };
  }
  const { rule } = content.rule;
  const { present = null } = grounds;
  const { hubSet, loads, turns, placeless } = figuresIn(grounds, content.hubSet);
  const taken = placeless && new Set(placeless);
  const hubs = hubSet.map((hub, index): HubSnapshot => ({
    ...hub,
    load: loads?.[index] ?? 0,
    ...(turns && { pass: turns.passes[index] as number }),
    ...(taken && hub.capacity !== null && { places: taken.has(index) ? 0 : null }),
  }));
  const board = new HubBoard(hubs, { turns: turns && { epoch: 0, unit: turns.unit } });
  const placing = {
    device,
    present,
    latencies: latenciesIn(grounds.latencies),
    // Who is on another hub than before has left: only that is kept of the patience with the one before.
    leaves: present !== null && chosen !== null && hubKey(chosen) !== hubKey(present),
    answer: grounds.webhook,
  };
  const candidates = explain(rule, board, placing);
  const webhook = explainWebhook(rule, board, placing);
  return { ...decision, policy: rule.policy, policySource: rule.source, candidates, webhook };
}

/** The hubs with their figures just before the decision. */
function figuresIn(
  grounds: Grounds,
  content: HubSet | PageOfHubs,
): Pick<Grounds, 'loads' | 'turns' | 'placeless'> & { hubSet: HubSet } {
  if (!('moves' in content)) return { ...grounds, hubSet: content };
  const state = new PageState(content);
  for (const move of content.moves.slice(0, grounds.moves)) state.moved(move);
  return { hubSet: content.hubs.map(asLinked), ...state.figures() };
}

/** The same content has the same id on any machine: 72 bits, far beyond any number of distinct rules. */
function contentId(content: HubSet | PageOfHubs | RuleContent): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 12);
}
