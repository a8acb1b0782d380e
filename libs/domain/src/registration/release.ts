import { type HubBoard } from '../allocation/hub-board.js';
import { hubKey } from '../hub/hub-name.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type Result } from './answer.js';
import { type DeviceState } from './device-table.js';
import { type Ledger } from './ledger.js';
import { registrationKey } from './registration-id.js';

/**
 * What an operator's wish to release a device came to. An event of its own in the ledger, between pages: it is rare, and needs
 * nothing of what the decisions of a page share.
 */
export type ReleaseEvent =
  | { type: 'RegistrationReleased'; v: 1; data: RegistrationReleased }
  | { type: 'ReleaseRefused'; v: 1; data: ReleaseRefused };

interface ReleaseDecided {
  generation: number;
  /** Of the message, < 2^53. */
  offset: number;
  /** The batch's time, ISO 8601. */
  at: string;
  /** As spelled in the message. */
  registrationId: string;
  requestId: string;
  /** Who asked: name of the API key, or `anonymous`. */
  actor: string;
}

/** The device's record is gone: its next registration is an initial assignment. */
export interface RegistrationReleased extends ReleaseDecided {
  /** The hub it was on; null when it was on none. */
  hub: string | null;
  /** Offset of the same wish when it came first: this time nothing has changed. Absent when it hadn't come before. */
  repeats?: number;
}

/** There is no record of the device. */
export type ReleaseRefused = ReleaseDecided;

/** An operator's wish to release a device, as one message states it. */
export interface ReleaseWish {
  offset: number;
  registrationId: string;
  /** CloudEvents id: the same wish again has the same. */
  requestId: string;
  actor: string;
}

export interface ReleaseContext {
  /** Changed as storing the event will change it; worthless if that fails. */
  ledger: Ledger;
  /** Where the hub has one device less from now on. */
  board: HubBoard;
  /** The batch's time, milliseconds since 1970. */
  at: number;
}

/** Decides the release of a device. The same inputs give the same event for ever. */
export function decideRelease(wish: ReleaseWish, { ledger, board, at }: ReleaseContext): ReleaseEvent {
  const { offset, registrationId, requestId, actor } = wish;
  const { generation } = ledger;
  const said = { generation, offset, at: new Date(at).toISOString(), registrationId, requestId, actor };
  const event = releaseOf(said, ledger.devices.get(registrationKey(registrationId)));
  ledger.revision += 1;
  evolveRelease(ledger, event, ledger.revision);
  const left = hubLeft(event);
  if (left !== null) board.moved(hubKey(left), -1);
  return event;
}

function releaseOf(said: ReleaseDecided, device: DeviceState | undefined): ReleaseEvent {
  const { assigned = null, refused = null, released = null } = device ?? {};
  if (released?.request === fingerprint(said.requestId)) {
    return { type: 'RegistrationReleased', v: 1, data: { ...said, hub: released.hub, repeats: released.at.offset } };
  }
  if (!assigned && !refused) return { type: 'ReleaseRefused', v: 1, data: said };
  return { type: 'RegistrationReleased', v: 1, data: { ...said, hub: assigned?.hub ?? null } };
}

/** Folds a stored release, in place. Once it is stored the ledger's devices want to be settled. */
export function evolveRelease(ledger: Ledger, event: ReleaseEvent, revision: number): void {
  const { offset, registrationId, requestId } = event.data;
  ledger.lastOffset = offset;
  if (!hasReleased(event)) return;
  const { hub } = event.data;
  const left = hubLeft(event);
  if (left !== null) ledger.loads.set(hubKey(left), (ledger.loads.get(hubKey(left)) ?? 0) - 1);
  const release = { at: { revision, offset }, hub, request: fingerprint(requestId) };
  ledger.devices.release(registrationKey(registrationId), release);
}

/** Whether the device's record went with this event. */
export function hasReleased(event: ReleaseEvent): event is Extract<ReleaseEvent, { type: 'RegistrationReleased' }> {
  return event.type === 'RegistrationReleased' && event.data.repeats === undefined;
}

/** The hub that has one device less by this event; null when none has. */
export function hubLeft(event: ReleaseEvent): string | null {
  return hasReleased(event) ? event.data.hub : null;
}

/** What those who watch `berth.assignments` are told of a release. */
export function releaseResult({ type, data: { actor, registrationId } }: ReleaseEvent): Result {
  if (type === 'RegistrationReleased') return { status: 'unassigned', reason: `released by ${actor}` };
  return { status: 'failed', errorCode: 404202, reason: `there is no registration '${registrationId}'` };
}
