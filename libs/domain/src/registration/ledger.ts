import { type AllocationRule } from '../allocation/allocate.js';
import { type Turns } from '../allocation/hub-board.js';
import { hubKey } from '../hub/hub-name.js';
import { fingerprint } from '../packed/fingerprint.js';
import { unreachable } from '../decision.js';
import { type RecordedLatency } from '../latency/known-latencies.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { DeviceTable, type Substatus } from './device-table.js';
import { type RecordedHub } from './page-hubs.js';
import { evolveRelease, type ReleaseEvent } from './release.js';
import { registrationKey } from './registration-id.js';

/**
 * The authority on who is where: one stream `ledger-<partition>` for each partition of the registration topic, written
 * by the one allocator that claimed it last.
 */
export type LedgerEvent =
  | { type: 'PartitionClaimed'; v: 1; data: PartitionClaimed }
  | ReleaseEvent
  | { type: 'DecisionsRecorded'; v: 1; data: DecisionsRecorded }
  | { type: 'ConfigurationNoted'; v: 1; data: ConfigurationNoted };

export interface PartitionClaimed {
  partition: number;
  /** One more than the claim before it, from 1. */
  generation: number;
  /** Which process claimed it, for an operator's eyes. */
  allocator: string;
  at: string;
}

/** From here on the partition decides by this configuration or a newer one, as after a page. */
export interface ConfigurationNoted {
  generation: number;
  /** Position of the newest configuration event known. */
  configuration: string;
  at: string;
}

/** A page: the outcomes of one batch of registration messages in offset order, and what they share, stated once. */
export interface DecisionsRecorded {
  generation: number;
  /** Offsets of the messages the page covers, both inclusive, < 2^53. */
  firstOffset: number;
  lastOffset: number;
  /** The batch's time, ISO 8601: the only clock a decision knows. */
  at: string;
  /** Position of the newest configuration event the page was decided with; null before the first. */
  configuration: string | null;
  /** Raised when the algorithm changes, so that a replay knows what to expect. */
  build: number;
  /** The default policy then. */
  policy: AllocationPolicyKind;
  /**
   * The linked hubs and their loads when the page's first decision was made, in key order: of up to a hundred all, of more
   * those that the decisions depend on and some to compare with.
   */
  hubs: readonly RecordedHub[];
  /** How many hubs were linked; absent when all are listed. */
  hubCount?: number;
  /** How passes count; absent while one allocator decides everything. */
  turns?: Turns;
  /** Distinct rules of the page; outcomes name theirs by index. */
  rules: readonly AllocationRule[];
  /** What gateways and regions' tables say of latencies, each with the hubs of a rule; outcomes name theirs by index. Absent: nobody went by any. */
  latencyTables?: readonly (readonly RecordedLatency[])[];
  outcomes: readonly Outcome[];
  /** Messages whose wish changed nothing, with the outcome that stands for each. */
  unchanged: readonly Unchanged[];
}

interface OutcomeOf<T extends string> {
  type: T;
  offset: number;
  /** As spelled in the message. */
  registrationId: string;
  requestId: string;
}

/** What a registration message came to. */
export type Outcome = DeviceAssigned | DeviceReassigned | AssignmentConfirmed | RegistrationRejected;

/** Through what a device came in: an individual enrollment or a group, by name. */
interface CameThrough {
  /** Null: through a group. */
  enrollment: string | null;
  /** Absent: through an individual enrollment. */
  enrollmentGroup?: string;
  /** Whether it may come in but once. */
  singleUse?: true;
  /**
   * What its message said of hubs the device could go to, by key, microseconds: under a rule that goes by latencies. Up to build 5 also what
   * was known otherwise.
   */
  latencies?: readonly RecordedLatency[];
  /** What was known otherwise: one of the page's `latencyTables`, of which the message's own go before. */
  latencyTable?: number;
  /** What the webhook answered, under a rule by `custom`. Recorded every time: a replay asks nobody. */
  webhook?: WebhookAnswer;
}

/** A device without a hub got one. */
export interface DeviceAssigned extends OutcomeOf<'DeviceAssigned'>, CameThrough {
  deviceId: string;
  hub: string;
  rule: number;
}
/** A device left the hub `from` for `hub`. */
export interface DeviceReassigned extends OutcomeOf<'DeviceReassigned'>, CameThrough {
  deviceId: string;
  hub: string;
  from: string;
  /** Whether the device's data moves with it or starts anew, as its enrollment says. */
  migrateDeviceData: boolean;
  rule: number;
}
/** A device that had been refused may use the hub it is on again, or what is known of the device there has changed. */
export interface AssignmentConfirmed extends OutcomeOf<'AssignmentConfirmed'>, CameThrough {
  deviceId: string;
  hub: string;
  rule: number;
  /** Evaluations in a row in which another hub was nearer by the margin; absent: none. */
  outdone?: number;
  /** How the device came to the hub; absent: by its initial assignment. */
  substatus?: Substatus;
}
/** A refusal. The device's hub, if it has one, stays. */
export interface RegistrationRejected extends OutcomeOf<'RegistrationRejected'> {
  status: 'failed' | 'disabled';
  /** False: nobody proved to be the device, so its registration's status is not touched. */
  authenticated: boolean;
  /** The individual enrollment it failed at; null when it was none. */
  enrollment: string | null;
  /** The group it failed at; absent when it was none. */
  enrollmentGroup?: string;
  /** Status and detail as the device protocol has them (its section 8); null when its own enrollment is disabled. */
  errorCode: number | null;
  reason: string;
  /** The rule that found no hub; null when it didn't come so far. */
  rule: number | null;
  /** What the webhook answered, under a rule by `custom`. */
  webhook?: WebhookAnswer;
}

export interface Unchanged {
  offset: number;
  /** Where the outcome that stands was recorded: revision of its page in this ledger, and its message's offset. */
  revision: number;
  outcomeOffset: number;
}

/** Where a page stands: its revision in the ledger, and its place in the order of all events, a decimal string. */
export interface StoredPage {
  revision: number;
  position: string;
}

/** The fold of one partition's ledger. Owned by one worker, which changes it in place and discards it when fenced. */
export interface Ledger {
  partition: number;
  generation: number;
  /** Highest offset decided; -1 before the first. */
  lastOffset: number;
  /** Revision of the last event; -1 for an empty stream. */
  revision: number;
  /** Configuration, by position, that nobody may decide without any more; null before the first. */
  configuration: string | null;
  /** By registration key. */
  devices: DeviceTable;
  /** Devices by hub key. */
  loads: Map<string, number>;
}

/** @param hashKey for the device table: two numbers of 32 bits that nobody outside knows. */
export function emptyLedger(partition: number, hashKey?: readonly [number, number]): Ledger {
  return {
    partition,
    generation: 0,
    lastOffset: -1,
    revision: -1,
    configuration: null,
    devices: new DeviceTable(hashKey),
    loads: new Map(),
  };
}

/** Folds one stored event into the ledger, in place. */
export function evolveLedger(ledger: Ledger, event: LedgerEvent, page: StoredPage): void {
  switch (event.type) {
    case 'PartitionClaimed':
      ledger.generation = event.data.generation;
      break;
    case 'ConfigurationNoted':
      ledger.configuration = event.data.configuration;
      break;
    case 'RegistrationReleased':
    case 'ReleaseRefused':
      evolveRelease(ledger, event, page.revision);
      ledger.devices.settle(page.position);
      break;
    case 'DecisionsRecorded':
      for (const outcome of event.data.outcomes) {
        recordOutcome(ledger, outcome, page.revision, Date.parse(event.data.at));
      }
      ledger.devices.settle(page.position);
      ledger.lastOffset = event.data.lastOffset;
      ledger.configuration = event.data.configuration;
      break;
    default:
      unreachable(event);
  }
  ledger.revision = page.revision;
}

/**
 * Folds one outcome of the page at `revision`, in place: the same step while deciding as while reading back. Once the page is
 * stored, the ledger's devices want to be settled.
 * @param decidedAt the page's time, milliseconds since 1970.
 */
export function recordOutcome(ledger: Ledger, outcome: Outcome, revision: number, decidedAt: number): void {
  const key = registrationKey(outcome.registrationId);
  const at = { revision, offset: outcome.offset };
  if (outcome.type === 'RegistrationRejected') {
    ledger.devices.refuse(key, { at, authenticated: outcome.authenticated, said: refusalPrint(outcome) });
    return;
  }
  if (outcome.type === 'DeviceReassigned') addLoad(ledger.loads, outcome.from, -1);
  if (outcome.type !== 'AssignmentConfirmed') addLoad(ledger.loads, outcome.hub, 1);
  const { hub, deviceId, enrollmentGroup = null } = outcome;
  const isConfirmed = outcome.type === 'AssignmentConfirmed';
  const outdone = (isConfirmed && outcome.outdone) || 0;
  const request = outcome.singleUse || outdone > 0 ? fingerprint(outcome.requestId) : null;
  const since = (isConfirmed && ledger.devices.get(key)?.assigned?.since) || decidedAt;
  const substatus = substatusOf(outcome);
  const placed = { at, hub, substatus, deviceId: fingerprint(deviceId), since };
  ledger.devices.assign(key, { ...placed, enrollmentGroup, request, outdone });
}

/** Stands for what the device is told, and the way it came: refusals that agree in both are the same. */
export function refusalPrint(refusal: RegistrationRejected): number {
  const { status, errorCode, reason, enrollment, enrollmentGroup = null } = refusal;
  return fingerprint(JSON.stringify([status, errorCode, reason, enrollment, enrollmentGroup]));
}

/** Substatus of the device protocol, section 7. */
export function substatusOf(outcome: Exclude<Outcome, RegistrationRejected>): Substatus {
  if (outcome.type === 'DeviceAssigned') return 'initialAssignment';
  if (outcome.type === 'AssignmentConfirmed') return outcome.substatus ?? 'initialAssignment';
  return outcome.migrateDeviceData ? 'deviceDataMigrated' : 'deviceDataReset';
}

function addLoad(loads: Map<string, number>, hub: string, change: number): void {
  const key = hubKey(hub);
  loads.set(key, (loads.get(key) ?? 0) + change);
}
