import { HubBoard, type HubSnapshot } from '../allocation/hub-board.js';
import { slowStarters } from '../allocation/slow-start.js';
import { hubKey } from '../hub/hub-name.js';
import { type Configuration } from './configuration.js';
import { type AttestationVerdict } from './admit.js';
import { decidePage, type Wish } from './decide.js';
import { type DecisionsRecorded, type Ledger, type Outcome } from './ledger.js';
import { type RecordedHub } from './page-hubs.js';
import { knownFor, latencyTablesOf } from './page-latencies.js';
import { registrationKey } from './registration-id.js';

/** A message that a page covers, and the outcome that stands for it, in this page or an earlier one. */
export interface CoveredMessage {
  offset: number;
  outcome: Outcome;
}

/**
 * The messages that a page covers, in order.
 * @param cited finds an outcome of an earlier page by the page's revision and its message's offset.
 */
export function coveredBy(
  { outcomes, unchanged }: DecisionsRecorded,
  revision: number,
  cited: (revision: number, outcomeOffset: number) => Outcome,
): CoveredMessage[] {
  const own = new Map(outcomes.map((outcome) => [outcome.offset, outcome]));
  const covered = outcomes.map((outcome): CoveredMessage => ({ offset: outcome.offset, outcome }));
  for (const { offset, revision: at, outcomeOffset } of unchanged) {
    const outcome = at === revision ? own.get(outcomeOffset) : undefined;
    covered.push({ offset, outcome: outcome ?? cited(at, outcomeOffset) });
  }
  return covered.sort((a, b) => a.offset - b.offset);
}

/** The wish as far as its outcome tells, for when the message is gone: all but the proof, for which `verdictOn` stands. */
export function recordedWish({ offset, outcome }: CoveredMessage): Wish {
  const { registrationId, requestId } = outcome;
  return { offset, registrationId, requestId, source: '', attestation: { type: 'gateway' } };
}

/** What the page found of the attestation. */
export function verdictOn({ outcome }: CoveredMessage): AttestationVerdict {
  const { enrollment, enrollmentGroup = null } = outcome;
  if (outcome.type !== 'RegistrationRejected' || outcome.authenticated) return { enrollmentGroup };
  const { status, authenticated, errorCode, reason } = outcome;
  return { enrollment, enrollmentGroup, status, authenticated, errorCode, reason };
}

/**
 * Whether the keys that a device's token was checked with are gone: its enrollment or group was deleted or got other keys,
 * and with the former ones went their data key.
 */
export function areKeysGone(
  { enrollments, groups }: Configuration,
  { outcome: { registrationId, enrollmentGroup } }: CoveredMessage,
): boolean {
  const enrolled = enrollments.get(registrationKey(registrationId));
  const group = enrollmentGroup === undefined ? undefined : groups.get(registrationKey(enrollmentGroup));
  const attestation = (enrolled ?? group)?.attestation;
  return attestation?.type === 'symmetricKey' && !attestation.primary && !attestation.secondary;
}

/** What a page is decided again with, besides what the page itself keeps: loads, turns, places in hand, webhooks' answers and the time. */
export interface ReplayContext {
  /** The fold of everything before the page. Changed in place, as by deciding. */
  ledger: Ledger;
  /** As of the position that the page cites. */
  configuration: Configuration;
  idScope: string;
  /** By offset; all other attestations are verified. */
  verdicts: ReadonlyMap<number, AttestationVerdict>;
}

/**
 * Decides a stored page again, from what it was decided with. Byte for byte it is the stored one, or the code decides otherwise
 * than it did; null when not even the first wish can be decided.
 * @param wishes those that the page covers.
 */
export function replayPage(
  stored: DecisionsRecorded,
  wishes: readonly [Wish, ...Wish[]],
  { ledger, configuration, idScope, verdicts }: ReplayContext,
): DecisionsRecorded | null {
  const recorded = new Map(stored.hubs.map((hub) => [hubKey(hub.name), hub]));
  // Of a gateway's reports only the newest is kept: what was known then is in the page. What changed nothing isn't, and without it
  // nothing changes either.
  const tables = latencyTablesOf(stored);
  const latencies = new Map(stored.outcomes.map((outcome) => [outcome.offset, knownFor(outcome, tables)]));
  const answers = new Map(stored.outcomes.map(({ offset, webhook }) => [offset, webhook]));
  const { page } = decidePage(wishes, {
    ledger,
    configuration,
    configurationPosition: stored.configuration,
    board: boardOf(stored, recorded, configuration),
    leases: { places: ({ key }) => recorded.get(key)?.places ?? null, filled: () => undefined },
    idScope,
    at: Date.parse(stored.at),
    verdicts,
    latencies,
    answerOf: (offset) => answers.get(offset),
  });
  return page?.data ?? null;
}

/** The hubs as configured, with the loads and passes that the page states. Of very many it lists those that it depends on. */
function boardOf(
  { turns, hubCount }: DecisionsRecorded,
  recorded: ReadonlyMap<string, RecordedHub>,
  { hubs }: Configuration,
): HubBoard {
  const snapshots: HubSnapshot[] = [];
  const open = new Map<string, number>();
  for (const [key, { name, state, weight, capacity, labels, openedAt }] of [...hubs].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    if (state === 'open') open.set(key, openedAt);
    const known = recorded.get(key);
    if (!known && hubCount !== undefined) continue;
    const { load = 0, pass } = known ?? {};
    snapshots.push({
      name,
      state,
      weight,
      capacity,
      load,
      ...(pass !== undefined && { pass }),
      ...(labels && { labels }),
    });
  }
  const listed = new Set(snapshots.map(({ name }) => hubKey(name)));
  const starters = new Map([...slowStarters(open)].filter(([key]) => listed.has(key)));
  return new HubBoard(snapshots, { turns, count: hubs.size, starters });
}
