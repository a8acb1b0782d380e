import { type JsonObject } from '../webhook/webhook-answer.js';
import { type Outcome, substatusOf } from './ledger.js';

/** What a device's gateway is told, on `berth.assignments`. Absent fields don't apply. */
export interface Answer extends Result {
  /** As spelled in the message. */
  registrationId: string;
  requestId: string;
  /** Place of the decision that stands in the order of all events, a decimal string. */
  position: string;
}

/** What a decision comes to for the device, whoever asks and whenever. */
export interface Result {
  /** `unassigned` answers a release. */
  status: 'assigned' | 'failed' | 'disabled' | 'unassigned';
  substatus?: string;
  hub?: string;
  deviceId?: string;
  errorCode?: number;
  reason?: string;
  /** What a webhook has to say to the device. */
  payload?: JsonObject;
}

interface Asker {
  registrationId: string;
  requestId: string;
}

/** The answer that a result gives to a message that came to it, be it the first or a repeat. */
export function answerTo({ registrationId, requestId }: Asker, result: Result, position: string): Answer {
  return { registrationId, requestId, ...result, position };
}

/**
 * What an outcome comes to for a later message that changed nothing. What a webhook said then was for the device that asked then: a
 * message about which one is asked always has an outcome of its own.
 */
export function standingResultOf(outcome: Outcome): Result {
  const { payload: _, ...result } = resultOf(outcome);
  return result;
}

export function resultOf(outcome: Outcome): Result {
  if (outcome.type === 'RegistrationRejected') {
    const { status, errorCode, reason } = outcome;
    return errorCode === null ? { status, reason } : { status, errorCode, reason };
  }
  const { hub, deviceId, webhook } = outcome;
  const result: Result = { status: 'assigned', substatus: substatusOf(outcome), hub, deviceId };
  if (webhook && 'hub' in webhook && webhook.payload) result.payload = webhook.payload;
  return result;
}
