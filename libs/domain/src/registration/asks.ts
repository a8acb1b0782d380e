import { choicesIn } from '../allocation/custom.js';
import { type HubBoard } from '../allocation/hub-board.js';
import { fingerprint } from '../packed/fingerprint.js';
import { type CustomAllocation } from '../policy/custom-allocation.js';
import { admit, type AdmitContext } from './admit.js';
import { allocationRule, customOf } from './allocation-rule.js';
import { type AnswerOf, type Wish } from './decide.js';
import { type Ledger } from './ledger.js';
import { registrationKey } from './registration-id.js';

/** A webhook that is to be asked about a wish before that can be decided. */
export interface Ask<W extends Wish = Wish> {
  wish: W;
  custom: CustomAllocation;
  /** The individual enrollment or group that the device comes through, by name. */
  entrance: { enrollment: string } | { enrollmentGroup: string };
  /** Names of the hubs to choose from. */
  choices: readonly string[];
  /** The hub that the device is on, and its device id there, null when that has changed since; null: on none. */
  present: { hub: string; deviceId: string | null } | null;
}

/** As many are asked at once for a page: it waits for one deadline then, and not for several in a row. */
export const asksMax = 32;

export interface AskContext extends AdmitContext {
  ledger: Ledger;
  board: HubBoard;
  answerOf: AnswerOf;
}

/**
 * Who is to be asked about these wishes, which come to be decided in this order. Only about devices that have proved who they are. A
 * device that comes twice ends the list: what is asked about it then hangs on what became of it before.
 */
export function asksAmong<W extends Wish>(wishes: readonly W[], context: AskContext): Ask<W>[] {
  const { ledger, board, configuration, answerOf } = context;
  const asks: Ask<W>[] = [];
  const seen = new Set<string>();
  for (const wish of wishes) {
    const key = registrationKey(wish.registrationId);
    const assigned = ledger.devices.get(key)?.assigned ?? null;
    const admission = admit(wish, key, assigned, context);
    if ('reason' in admission) continue;
    const rule = allocationRule(admission.terms, configuration);
    if (rule.policy !== 'custom') continue;
    if (seen.has(key)) break;
    seen.add(key);
    const custom = customOf(admission.terms, configuration);
    if (answerOf(wish.offset, custom)) continue;
    const { enrollment, enrollmentGroup, deviceId } = admission;
    asks.push({
      wish,
      custom,
      entrance: enrollment === null ? { enrollmentGroup: enrollmentGroup as string } : { enrollment },
      choices: choicesIn(rule, board, assigned?.hub ?? null),
      present: assigned && {
        hub: assigned.hub,
        deviceId: assigned.deviceId === fingerprint(deviceId) ? deviceId : null,
      },
    });
    if (asks.length === asksMax) break;
  }
  return asks;
}
