import { type HubBoard, type Leases, turnsAlone } from '../allocation/hub-board.js';
import { type Measurement } from '../allocation/latency.js';
import { type Proof } from '../attestation/verify.js';
import { hubKey } from '../hub/hub-name.js';
import { type KnownFor } from '../latency/known-latencies.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type CustomAllocation } from '../policy/custom-allocation.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { type AttestationVerdict } from './admit.js';
import { type Answer, answerTo, type Result, resultOf } from './answer.js';
import { type Configuration } from './configuration.js';
import { Desk, textOf } from './desk.js';
import { type DeviceState, type SettledReference } from './device-table.js';
import {
  type DecisionsRecorded,
  type Ledger,
  type Outcome,
  recordOutcome,
  refusalPrint,
  type Unchanged,
} from './ledger.js';
import { recordedHubs } from './page-hubs.js';
import { registrationKey } from './registration-id.js';

/** Raise it with every change after which the same inputs may give other events. */
export const algorithmBuild = 8;

/** A device's wish to be provisioned, as one registration message states it. */
export interface Wish {
  offset: number;
  registrationId: string;
  /** CloudEvents id and source. */
  requestId: string;
  source: string;
  attestation: Proof;
  /** What the message says of hubs' latencies; absent: nothing. */
  latencies?: readonly Measurement[] | undefined;
  /** Where the device is, by its message; absent: nobody says. */
  region?: string | undefined;
}

export interface PageContext {
  /** Changed in place as the page is decided; worthless if the page can't be stored. */
  ledger: Ledger;
  configuration: Configuration;
  /** Position of the newest configuration event; null before the first. */
  configurationPosition: string | null;
  /** The hubs of that configuration; loads change as the page is decided. */
  board: HubBoard;
  /** Of this partition. */
  leases: Leases;
  idScope: string;
  /** The batch's time, milliseconds since 1970. */
  at: number;
  /** When a page is decided again: what is known of attestations that can't be verified any more, by offset. */
  verdicts?: ReadonlyMap<number, AttestationVerdict>;
  /** When a page is decided again: what was known of latencies, by offset. Absent: what the messages and the configuration say. */
  latencies?: ReadonlyMap<number, KnownFor>;
  /** What the webhook answered about the wish at an offset; undefined: it hasn't been asked, or another was. Absent: none was. */
  answerOf?: AnswerOf;
}

export type AnswerOf = (offset: number, custom: CustomAllocation) => WebhookAnswer | undefined;

/** What a wish came to, in this page or, when it changed nothing, in an earlier one. */
export interface DecidedWish {
  wish: Wish;
  result: Result;
  /** Whether whoever asked proved to be the device. */
  authenticated: boolean;
  /** Of the page where it stands; null for this page, which has none before it is stored. */
  position: string | null;
}

export interface DecidedPage {
  data: DecisionsRecorded;
  decided: readonly DecidedWish[];
}

/** Most outcomes of one page. */
export const pageOutcomesMax = 1000;
/** What came of some wishes: those decided, in order, and what keeps the next one from it. */
export interface Decided {
  /** Null when not even the first wish could be decided; then nothing has changed. */
  page: DecidedPage | null;
  /** Hubs, by key, on which places must be had before the next wish can be decided; empty when nothing keeps it. */
  short: readonly string[];
  /** Whether the next wish waits for what its webhook says of it: see `asksAmong`. */
  isUnasked: boolean;
}

/**
 * Decides as many wishes as fit one page, in order. Reads no clock and no random source: the same inputs give the same page
 * for ever.
 */
export function decidePage(wishes: readonly [Wish, ...Wish[]], context: PageContext): Decided {
  const { ledger, configuration, board } = context;
  const revision = ledger.revision + 1;
  board.begin(context.at, context.leases);
  const desk = new Desk(context);
  const outcomes: Outcome[] = [];
  const unchanged: Unchanged[] = [];
  const decided: DecidedWish[] = [];
  for (const wish of wishes) {
    const key = registrationKey(wish.registrationId);
    const device = ledger.devices.get(key);
    const outcome = desk.decide(wish, key, device);
    if (outcome === null) break;
    // A device that stays moves no load, but who decides the page again must find its hub.
    if (outcome.type === 'AssignmentConfirmed') board.list(hubKey(outcome.hub));
    const authenticated = outcome.type !== 'RegistrationRejected' || outcome.authenticated;
    const standing = device && standingResult(device, outcome);
    if (standing) {
      const { at, result } = standing;
      unchanged.push({ offset: wish.offset, revision: at.revision, outcomeOffset: at.offset });
      decided.push({ wish, result, authenticated, position: at.position });
    } else {
      outcomes.push(outcome);
      if (outcome.type !== 'RegistrationRejected') desk.stateLatencies(outcome);
      recordOutcome(ledger, outcome, revision, context.at);
      moved(board, outcome);
      decided.push({ wish, result: resultOf(outcome), authenticated, position: null });
    }
    desk.text += textOf(outcome);
    if (decided.length >= pageOutcomesMax || desk.isFull) break;
  }
  const short = desk.shortOf ? board.wanted(desk.shortOf, wishes.length - decided.length) : [];
  const last = decided.at(-1);
  const { isUnasked } = desk;
  if (!last) return { page: null, short, isUnasked };
  ledger.revision = revision;
  ledger.lastOffset = last.wish.offset;
  ledger.configuration = context.configurationPosition;
  const hubs = recordedHubs(board, desk.rules);
  const data: DecisionsRecorded = {
    generation: ledger.generation,
    firstOffset: wishes[0].offset,
    lastOffset: last.wish.offset,
    at: new Date(context.at).toISOString(),
    configuration: context.configurationPosition,
    build: algorithmBuild,
    policy: configuration.policy.kind,
    hubs,
    ...(hubs.length < board.count && { hubCount: board.count }),
    ...(board.turns !== turnsAlone && { turns: board.turns }),
    rules: desk.rules,
    ...(desk.latencyTables.length > 0 && { latencyTables: desk.latencyTables }),
    outcomes,
    unchanged,
  };
  return { page: { data, decided }, short, isUnasked };
}

/** Keeps the loads in step with an outcome just made. */
function moved(board: HubBoard, outcome: Outcome): void {
  if (outcome.type !== 'DeviceAssigned' && outcome.type !== 'DeviceReassigned') return;
  board.moved(hubKey(outcome.hub), 1);
  if (outcome.type === 'DeviceReassigned') board.moved(hubKey(outcome.from), -1);
}

/** The page is stored at `position`: the ledger knows it from now on, and its answers may be given, in the order of its wishes. */
export function settlePage(ledger: Ledger, { decided }: DecidedPage, position: string): Answer[] {
  ledger.devices.settle(position);
  return decided.map(({ wish, result, position: earlier }) => answerTo(wish, result, earlier ?? position));
}

/** What stands for the device already, and where, when the outcome would only repeat it; null when it changes something. */
function standingResult(
  { assigned, refused }: DeviceState,
  outcome: Outcome,
): { at: SettledReference; result: Result } | null {
  // What a webhook said is recorded each time.
  if (outcome.webhook) return null;
  if (outcome.type === 'RegistrationRejected') {
    return refused?.said === refusalPrint(outcome) ? { at: refused.at, result: resultOf(outcome) } : null;
  }
  if (outcome.type !== 'AssignmentConfirmed' || !assigned) return null;
  const withdrawn = refused?.authenticated === true;
  if (withdrawn || assigned.deviceId !== fingerprint(outcome.deviceId)) return null;
  if (assigned.enrollmentGroup !== (outcome.enrollmentGroup ?? null)) return null;
  if (assigned.outdone !== (outcome.outdone ?? 0)) return null;
  const { at, hub, substatus } = assigned;
  return { at, result: { status: 'assigned', substatus, hub, deviceId: outcome.deviceId } };
}
