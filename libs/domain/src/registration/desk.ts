import { allocate, type AllocationRule, obstacles, type Placing, weigh } from '../allocation/allocate.js';
import { follow, refusalOf } from '../allocation/custom.js';
import { type HubOnBoard } from '../allocation/hub-board.js';
import { type KnownLatency, noLatencies } from '../allocation/latency.js';
import { inOrder, measuredIn } from '../allocation/measured.js';
import { hubKey } from '../hub/hub-name.js';
import {
  type KnownFor,
  KnownLatencies,
  latenciesFor,
  nothingKnown,
  type RecordedLatency,
  recordedLatency,
} from '../latency/known-latencies.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { admit, type Admission, type Entrance } from './admit.js';
import { allocationRule, customOf } from './allocation-rule.js';
import { type PageContext, type Wish } from './decide.js';
import { type DeviceState } from './device-table.js';
import { type EnrollmentTerms } from './enrollment-table.js';
import { type Outcome, type RegistrationRejected } from './ledger.js';

/**
 * Where a page is closed, in characters: what its outcomes say, and what they share, the rules and the hubs. A wish by which it
 * would grow beyond both is left to the next page. That is under the 1 MiB that a store takes, even when each outcome adds its
 * field names (under 200 characters) and some characters take several bytes, and so is a page of one outcome: at most 1,512
 * latencies of hubs, or a list of 1,000, each with the longest name.
 */
const pageTextMax = { outcomes: 128 * 1024, shared: 256 * 1024 } as const;
/** What a latency adds besides the hub's key, in characters. */
const latencyText = 20;

interface AppliedRule {
  rule: AllocationRule;
  /** In characters. */
  text: number;
  /** Its place among the page's rules; -1 before a decision names it. */
  index: number;
}

/** What is known for devices of a gateway and a region, of the hubs of a rule. */
interface SharedTable {
  latencies: readonly RecordedLatency[];
  /** In characters. */
  text: number;
  /** Its place among the page's tables; -1 before an outcome names it. */
  index: number;
}

/** What an outcome states of latencies. */
interface Stated {
  own: readonly RecordedLatency[];
  table: SharedTable | null;
}

/**
 * Most latencies that one outcome states, so that a page of one outcome is taken by any store: 512 of a report and 1,000 of a table. A
 * message's own that come on top of so many are stated together with those that they leave of the others.
 */
const statedMax = 1512;
const nothingStated: Stated = { own: [], table: null };

/** What a page is decided on: the rules met so far, and where a device found no place. */
export class Desk {
  readonly rules: AllocationRule[] = [];
  /** Of the outcomes so far, in characters. */
  text = 0;
  readonly latencyTables: (readonly RecordedLatency[])[] = [];
  private rulesText = 0;
  private tablesText = 0;
  /** The hub that a device would go to, were a place on it in hand. */
  shortOf: HubOnBoard | null = null;
  /** A wish was met whose webhook hasn't been asked. */
  isUnasked = false;
  /** By terms, which are shared, and by text, for different terms may come to the same rule. */
  private readonly applied = new Map<EnrollmentTerms | string, AppliedRule>();

  private readonly known: KnownLatencies;
  /** By the hubs in it, the very same array for the same table and hubs. */
  private readonly tables = new Map<readonly unknown[], SharedTable>();
  /** What the outcome made last states. */
  private stated = nothingStated;

  constructor(private readonly context: PageContext) {
    this.known = new KnownLatencies(context.configuration, context.at);
  }

  /**
   * Null: can't be decided before places on a hub are had, or before a webhook was asked, or not in this page.
   * @param key of the wish's registration id.
   */
  decide(wish: Wish, key: string, device: DeviceState | undefined): Outcome | null {
    const verdict = this.context.verdicts?.get(wish.offset);
    const admission = admit(wish, key, device?.assigned ?? null, this.context, verdict);
    if ('reason' in admission) return rejection(wish, admission, admission);
    const { board } = this.context;
    const applied = this.ruleFor(admission.terms);
    const from = device?.assigned?.hub ?? null;
    if (applied.rule.policy === 'custom') return this.decideCustom(wish, key, device, admission, applied);
    const { placing, outdone, stated } = this.weighed(applied.rule, wish, key, device);
    const chosen = allocate(applied.rule, board, placing);
    if (chosen?.places === null && (from === null || hubKey(from) !== chosen.key)) {
      this.shortOf = chosen;
      return null;
    }
    if (!this.hasRoomFor(applied, stated)) return null;
    const rule = this.indexOf(applied);
    if (!chosen) {
      const reason = obstacles(applied.rule, board);
      return rejection(wish, admission, { status: 'failed', authenticated: true, errorCode: 503000, reason }, rule);
    }
    const outcome = placement(wish, admission, chosen.name, from, rule);
    if (stated.own.length > 0) outcome.latencies = stated.own;
    this.stated = stated;
    if (outdone > 0 && outcome.type === 'AssignmentConfirmed') outcome.outdone = outdone;
    return outcome;
  }

  /** By what the webhook answered. */
  private decideCustom(
    wish: Wish,
    key: string,
    device: DeviceState | undefined,
    admission: Admission,
    applied: AppliedRule,
  ): Outcome | null {
    const { board, configuration, answerOf } = this.context;
    const answer = answerOf?.(wish.offset, customOf(admission.terms, configuration));
    this.isUnasked = answer === undefined;
    if (!answer) return null;
    const assigned = device?.assigned ?? null;
    const from = assigned?.hub ?? null;
    const { rule: followed, fault } = follow(applied.rule, board, { answer, present: from });
    const { placing, outdone, stated } = this.weighed(followed ?? applied.rule, wish, key, device);
    const chosen = followed && allocate(followed, board, { ...placing, answer });
    if (chosen?.places === null && (from === null || hubKey(from) !== chosen.key)) {
      this.shortOf = chosen;
      return null;
    }
    if (!this.hasRoomFor(applied, stated, answer)) return null;
    const rule = this.indexOf(applied);
    if ('hub' in answer) board.list(hubKey(answer.hub));
    if (!chosen) {
      const [errorCode, reason] = followed
        ? [503000, obstacles(followed, board)]
        : [400207, refusalOf(applied.rule, fault as string)];
      const refusal = rejection(wish, admission, { status: 'failed', authenticated: true, errorCode, reason }, rule);
      refusal.webhook = answer;
      return refusal;
    }
    const outcome = placement(wish, admission, chosen.name, from, rule);
    if (stated.own.length > 0) outcome.latencies = stated.own;
    this.stated = stated;
    if (outcome.type === 'AssignmentConfirmed') {
      if (outdone > 0) outcome.outdone = outdone;
      // Recorded though nothing has changed: the device is told once more how it came here.
      if (assigned && assigned.substatus !== 'initialAssignment') outcome.substatus = assigned.substatus;
    }
    outcome.webhook = answer;
    return outcome;
  }

  /** What is known of hubs' latencies, if the rule goes by them, and what follows for a device that has a hub. */
  private weighed(
    rule: AllocationRule,
    wish: Wish,
    key: string,
    device: DeviceState | undefined,
  ): { placing: Placing; outdone: number; stated: Stated } {
    const { board, at } = this.context;
    const assigned = device?.assigned ?? null;
    const present = assigned?.hub ?? null;
    if (rule.policy !== 'lowestLatency') {
      const placing = { device: key, present, latencies: noLatencies, leaves: false };
      return { placing, outdone: 0, stated: nothingStated };
    }
    const recorded = this.context.latencies;
    const known = recorded ? (recorded.get(wish.offset) ?? nothingKnown) : this.known.of(wish);
    const latencies = latenciesFor(known);
    const { outdone, leaves } = weigh(
      rule,
      board,
      { present, latencies },
      {
        before: assigned?.outdone ?? 0,
        isRepeat: assigned !== null && assigned.outdone > 0 && assigned.request === fingerprint(wish.requestId),
        onHubMs: assigned ? at - assigned.since : 0,
      },
    );
    return { placing: { device: key, present, latencies, leaves }, outdone, stated: this.statementOf(rule, known) };
  }

  /** What an outcome would state of this: the hubs of the rule, and others not. */
  private statementOf(rule: AllocationRule, { own, shared }: KnownFor): Stated {
    if (own.size === 0 && shared.size === 0) return nothingStated;
    const { board } = this.context;
    const pool = board.allowedBy(rule);
    const said: RecordedLatency[] = [];
    for (const [key, latency] of own) {
      const hub = board.get(key);
      if (hub && pool.has(hub)) said.push(recordedLatency(key, latency));
    }
    const measured = measuredIn(board, pool, shared);
    if (measured.length === 0) return { own: said, table: null };
    if (said.length > 0 && said.length + measured.length > statedMax) {
      for (const { hub } of inOrder(measured)) {
        if (!own.has(hub.key)) said.push(recordedLatency(hub.key, shared.get(hub.key) as KnownLatency));
      }
      return { own: said, table: null };
    }
    let table = this.tables.get(measured);
    if (!table) {
      const latencies = inOrder(measured).map(({ hub: { key } }) =>
        recordedLatency(key, shared.get(key) as KnownLatency),
      );
      table = { latencies, text: textOfLatencies(latencies), index: -1 };
      this.tables.set(measured, table);
    }
    return { own: said, table };
  }

  /** The outcome made last, which has changed something, names its table, and the page lists the hubs that it goes by. */
  stateLatencies(outcome: Placed): void {
    const { board } = this.context;
    for (const [hub] of outcome.latencies ?? []) board.list(hub);
    const { table } = this.stated;
    if (!table) return;
    if (table.index < 0) {
      table.index = this.latencyTables.push(table.latencies) - 1;
      this.tablesText += table.text;
      for (const [hub] of table.latencies) board.list(hub);
    }
    outcome.latencyTable = table.index;
  }

  get isFull(): boolean {
    return this.text >= pageTextMax.outcomes || this.sharedText >= pageTextMax.shared;
  }

  private get sharedText(): number {
    return this.rulesText + this.tablesText + this.context.board.listedText;
  }

  /** Whether the page can take an outcome by this rule; the first one it always can. Asked before anything is listed for it. */
  private hasRoomFor({ rule, text, index }: AppliedRule, { own, table }: Stated, answer?: WebhookAnswer): boolean {
    const isKnown = index >= 0;
    const newTable = table && table.index < 0 ? table : null;
    if (this.text === 0 || (isKnown && own.length === 0 && !newTable && !answer)) return true;
    const { board } = this.context;
    const hubs = new Set([...own, ...(newTable?.latencies ?? [])].map(([hub]) => hub));
    if (!isKnown) for (const name of rule.hubs ?? []) hubs.add(hubKey(name));
    const shared = (isKnown ? 0 : text) + (newTable?.text ?? 0) + board.textToList(hubs);
    const more = shared + textOfLatencies(own) + textOfAnswer(answer);
    return this.text + this.sharedText + more <= pageTextMax.outcomes + pageTextMax.shared;
  }

  private ruleFor(terms: EnrollmentTerms): AppliedRule {
    const known = this.applied.get(terms);
    if (known) return known;
    const rule = allocationRule(terms, this.context.configuration);
    const text = JSON.stringify(rule);
    const applied = this.applied.get(text) ?? { rule, text: text.length, index: -1 };
    this.applied.set(text, applied).set(terms, applied);
    return applied;
  }

  private indexOf(applied: AppliedRule): number {
    if (applied.index < 0) {
      applied.index = this.rules.push(applied.rule) - 1;
      this.rulesText += applied.text;
      for (const name of applied.rule.hubs ?? []) this.context.board.list(hubKey(name));
    }
    return applied.index;
  }
}

// Outcomes are written out field by field, in the order they are stored in: spreading one object into another costs as much as
// the rest of the decision.

function rejection(
  { offset, registrationId, requestId }: Wish,
  { enrollment, enrollmentGroup }: Entrance,
  said: Pick<RegistrationRejected, 'status' | 'authenticated' | 'errorCode' | 'reason'>,
  rule: number | null = null,
): RegistrationRejected {
  const { status, authenticated, errorCode, reason } = said;
  const outcome: RegistrationRejected = {
    type: 'RegistrationRejected',
    offset,
    registrationId,
    requestId,
    rule,
    status,
    authenticated,
    enrollment,
    errorCode,
    reason,
  };
  if (enrollmentGroup !== null) outcome.enrollmentGroup = enrollmentGroup;
  return outcome;
}

export type Placed = Exclude<Outcome, RegistrationRejected>;

function placement(wish: Wish, admission: Admission, hub: string, from: string | null, rule: number): Placed {
  const { offset, registrationId, requestId } = wish;
  const { enrollment, enrollmentGroup, deviceId, terms } = admission;
  let outcome: Placed;
  if (from === null) {
    outcome = { type: 'DeviceAssigned', offset, registrationId, requestId, enrollment, deviceId, hub, rule };
  } else if (hubKey(from) === hubKey(hub)) {
    outcome = { type: 'AssignmentConfirmed', offset, registrationId, requestId, enrollment, deviceId, hub, rule };
  } else {
    const { migrateDeviceData } = terms.reprovision;
    const type = 'DeviceReassigned';
    outcome = { type, offset, registrationId, requestId, enrollment, deviceId, hub, rule, from, migrateDeviceData };
  }
  if (enrollmentGroup !== null) outcome.enrollmentGroup = enrollmentGroup;
  if (terms.singleUse) outcome.singleUse = true;
  return outcome;
}

export function textOf(outcome: Outcome): number {
  const { registrationId, requestId, enrollment, enrollmentGroup } = outcome;
  const entrance = (enrollment?.length ?? 0) + (enrollmentGroup?.length ?? 0);
  const identity = registrationId.length + requestId.length + entrance + textOfAnswer(outcome.webhook);
  if (outcome.type === 'RegistrationRejected') return identity + outcome.reason.length;
  const from = outcome.type === 'DeviceReassigned' ? outcome.from.length : 0;
  return identity + outcome.deviceId.length + outcome.hub.length + from + textOfLatencies(outcome.latencies);
}

function textOfLatencies(latencies: readonly RecordedLatency[] = []): number {
  let text = 0;
  for (const [hub, , from = ''] of latencies) text += hub.length + from.length + latencyText;
  return text;
}

function textOfAnswer(answer: WebhookAnswer | undefined): number {
  return answer ? Buffer.byteLength(JSON.stringify(answer)) : 0;
}
