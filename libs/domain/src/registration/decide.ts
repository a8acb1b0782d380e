import { allocate, type AllocationRule, type HubSnapshot, obstacles } from '../allocation/allocate.js';
import { type Proof, verify } from '../attestation/verify.js';
import { hubKey } from '../hub/hub-name.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type Answer, type Result, resultOf } from './answer.js';
import { type Configuration } from './configuration.js';
import { type DeviceState, type SettledReference } from './device-table.js';
import { type EnrollmentTerms } from './enrollment-table.js';
import {
  type DecisionsRecorded,
  type Ledger,
  type Outcome,
  recordOutcome,
  refusalPrint,
  type Unchanged,
} from './ledger.js';
import { registrationKey } from './registration-id.js';

/** Raise it with every change after which the same inputs may give other events. */
export const algorithmBuild = 1;

/** A device's wish to be provisioned, as one registration message states it. */
export interface Wish {
  offset: number;
  registrationId: string;
  /** CloudEvents id and source. */
  requestId: string;
  source: string;
  attestation: Proof;
}

export interface PageContext {
  /** Changed in place as the page is decided; worthless if the page can't be stored. */
  ledger: Ledger;
  configuration: Configuration;
  /** Position of the newest configuration event; null before the first. */
  configurationPosition: string | null;
  /** Devices on a hub over all partitions this allocator decides, this ledger's own included. */
  loadOf(hubKey: string): number;
  idScope: string;
  /** The batch's time, milliseconds since 1970. */
  at: number;
}

/** What a wish came to, in this page or, when it changed nothing, in an earlier one. */
export interface DecidedWish {
  wish: Wish;
  result: Result;
  /** Of the page where it stands; null for this page, which has none before it is stored. */
  position: string | null;
}

export interface DecidedPage {
  data: DecisionsRecorded;
  decided: readonly DecidedWish[];
}

/** Most outcomes of one page. */
export const pageOutcomesMax = 1000;
/**
 * Where a page is closed, in characters of its texts: well under the 512 KiB that a stored page may have, even when each
 * outcome adds its field names (under 200 characters) and some characters take several bytes.
 */
const pageTextMax = 128 * 1024;

/**
 * Decides as many wishes as fit one page, in order, at least one. Reads no clock and no random source: the same inputs
 * give the same page for ever.
 */
export function decidePage(wishes: readonly [Wish, ...Wish[]], context: PageContext): DecidedPage {
  const { ledger, configuration } = context;
  const revision = ledger.revision + 1;
  const desk = new Desk(context);
  const hubs = [...desk.hubs.values()].map((hub) => ({ ...hub }));
  const outcomes: Outcome[] = [];
  const unchanged: Unchanged[] = [];
  const decided: DecidedWish[] = [];
  let text = 0;
  for (const wish of wishes) {
    const device = ledger.devices.get(registrationKey(wish.registrationId));
    const outcome = desk.decide(wish, device);
    const standing = device && standingResult(device, outcome);
    if (standing) {
      const { at, result } = standing;
      unchanged.push({ offset: wish.offset, revision: at.revision, outcomeOffset: at.offset });
      decided.push({ wish, result, position: at.position });
    } else {
      outcomes.push(outcome);
      recordOutcome(ledger, outcome, revision);
      desk.moved(outcome);
      decided.push({ wish, result: resultOf(outcome), position: null });
    }
    text += textOf(outcome);
    if (decided.length >= pageOutcomesMax || text >= pageTextMax) break;
  }
  const lastOffset = (decided.at(-1) as DecidedWish).wish.offset;
  ledger.revision = revision;
  ledger.lastOffset = lastOffset;
  const data: DecisionsRecorded = {
    generation: ledger.generation,
    firstOffset: wishes[0].offset,
    lastOffset,
    at: new Date(context.at).toISOString(),
    configuration: context.configurationPosition,
    build: algorithmBuild,
    policy: configuration.policy.kind,
    hubs,
    rules: desk.rules,
    outcomes,
    unchanged,
  };
  return { data, decided };
}

/** The page is stored at `position`: the ledger knows it from now on, and its answers may be given, in the order of its wishes. */
export function settlePage(ledger: Ledger, { decided }: DecidedPage, position: string): Answer[] {
  ledger.devices.settle(position);
  return decided.map(({ wish: { registrationId, requestId }, result, position: earlier }) => {
    return { registrationId, requestId, ...result, position: earlier ?? position };
  });
}

function textOf(outcome: Outcome): number {
  const { registrationId, requestId } = outcome;
  const identity = registrationId.length + requestId.length;
  if (outcome.type === 'RegistrationRejected')
    return identity + (outcome.enrollment?.length ?? 0) + outcome.reason.length;
  const from = outcome.type === 'DeviceReassigned' ? outcome.from.length : 0;
  return identity + outcome.enrollment.length + outcome.deviceId.length + outcome.hub.length + from;
}

/** What a batch is decided on: the hubs with their loads as they change, and the rules met so far. */
class Desk {
  readonly hubs: Map<string, HubSnapshot>;
  readonly rules: AllocationRule[] = [];
  /** By terms, which are shared, and by text, for different terms may come to the same rule. */
  private readonly ruleIndexes = new Map<EnrollmentTerms | string, number>();

  constructor(private readonly context: PageContext) {
    this.hubs = new Map();
    for (const [key, { name, state, weight, capacity }] of context.configuration.hubs) {
      this.hubs.set(key, { name, state, weight, capacity, load: context.loadOf(key) });
    }
  }

  decide(wish: Wish, device: DeviceState | undefined): Outcome {
    const { offset, registrationId, requestId } = wish;
    const identity = { offset, registrationId, requestId };
    const refusal = { type: 'RegistrationRejected', ...identity, rule: null } as const;
    const enrollment = this.context.configuration.enrollments.get(registrationKey(registrationId));
    if (!enrollment) {
      const reason = `there is no enrollment for registration id '${registrationId}'`;
      return { ...refusal, status: 'failed', authenticated: false, enrollment: null, errorCode: 404201, reason };
    }
    const named = enrollment.registrationId;
    const fault = verify(
      { registrationId, source: wish.source, proof: wish.attestation },
      enrollment.attestation,
      this.context,
    );
    if (fault !== null) {
      return {
        ...refusal,
        status: 'failed',
        authenticated: false,
        enrollment: named,
        errorCode: 401002,
        reason: fault,
      };
    }
    if (!enrollment.terms.enabled) {
      const reason = `the enrollment '${named}' is disabled`;
      return { ...refusal, status: 'disabled', authenticated: true, enrollment: named, errorCode: null, reason };
    }
    const rule = this.ruleFor(enrollment.terms);
    const from = device?.assigned?.hub ?? null;
    const chosen = allocate(this.rules[rule] as AllocationRule, this.hubs, from);
    if (!chosen) {
      const reason = obstacles(this.rules[rule] as AllocationRule, this.hubs);
      return { ...refusal, status: 'failed', authenticated: true, enrollment: named, errorCode: 503000, reason, rule };
    }
    const placed = { ...identity, enrollment: named, deviceId: enrollment.deviceId ?? named, hub: chosen.name, rule };
    if (from === null) return { type: 'DeviceAssigned', ...placed };
    if (hubKey(from) === hubKey(chosen.name)) return { type: 'AssignmentConfirmed', ...placed };
    const { migrateDeviceData } = enrollment.terms.reprovision;
    return { type: 'DeviceReassigned', ...placed, from, migrateDeviceData };
  }

  /** Keeps the loads in step with an outcome just made. */
  moved(outcome: Outcome): void {
    if (outcome.type !== 'DeviceAssigned' && outcome.type !== 'DeviceReassigned') return;
    this.addLoad(outcome.hub, 1);
    if (outcome.type === 'DeviceReassigned') this.addLoad(outcome.from, -1);
  }

  private addLoad(hub: string, change: number): void {
    const snapshot = this.hubs.get(hubKey(hub));
    if (snapshot) snapshot.load += change;
  }

  private ruleFor(terms: EnrollmentTerms): number {
    const known = this.ruleIndexes.get(terms);
    if (known !== undefined) return known;
    const rule = allocationRule(terms, this.context.configuration);
    const text = JSON.stringify(rule);
    const index = this.ruleIndexes.get(text) ?? this.rules.push(rule) - 1;
    this.ruleIndexes.set(text, index).set(terms, index);
    return index;
  }
}

/** The rule under an enrollment's terms: its own policy and list, else the default ones, as they stand now. */
export function allocationRule(terms: EnrollmentTerms, { policy: byDefault }: Configuration): AllocationRule {
  const { updateHubAssignment } = terms.reprovision;
  const own = terms.hubs.length > 0 ? terms.hubs : null;
  if (terms.policy !== null) {
    return { policy: terms.policy, source: 'enrollment', hubs: own, updateHubAssignment };
  }
  if (byDefault.kind !== 'static') return { policy: byDefault.kind, source: 'default', hubs: own, updateHubAssignment };
  const allowed = own && new Set(own.map(hubKey));
  const hubs = allowed ? byDefault.hubs.filter((hub) => allowed.has(hubKey(hub))) : byDefault.hubs;
  return { policy: 'static', source: 'default', hubs, updateHubAssignment };
}

/** What stands for the device already, and where, when the outcome would only repeat it; null when it changes something. */
function standingResult(
  { assigned, refused }: DeviceState,
  outcome: Outcome,
): { at: SettledReference; result: Result } | null {
  if (outcome.type === 'RegistrationRejected') {
    return refused?.said === refusalPrint(outcome) ? { at: refused.at, result: resultOf(outcome) } : null;
  }
  if (outcome.type !== 'AssignmentConfirmed' || !assigned) return null;
  const withdrawn = refused?.authenticated === true;
  if (withdrawn || assigned.deviceId !== fingerprint(outcome.deviceId)) return null;
  const { at, hub, substatus } = assigned;
  return { at, result: { status: 'assigned', substatus, hub, deviceId: outcome.deviceId } };
}
