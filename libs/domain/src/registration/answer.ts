import { type Outcome } from './ledger.js';

/** What a device's gateway is told, on `berth.assignments`. Absent fields don't apply. */
export interface Answer {
  /** As spelled in the message. */
  registrationId: string;
  requestId: string;
  status: 'assigned' | 'failed' | 'disabled';
  substatus?: string;
  hub?: string;
  deviceId?: string;
  errorCode?: number;
  reason?: string;
  /** Place of the decision that stands in the order of all events, a decimal string. */
  position: string;
}

/** The answer that a recorded outcome gives to a message that came to it, be it the first or a repeat. */
export function answerOf(
  outcome: Outcome,
  request: { registrationId: string; requestId: string },
  position: string,
): Answer {
  const { registrationId, requestId } = request;
  if (outcome.type === 'RegistrationRejected') {
    const { status, errorCode, reason } = outcome;
    return { registrationId, requestId, status, ...(errorCode !== null && { errorCode }), reason, position };
  }
  const { hub, deviceId } = outcome;
  return { registrationId, requestId, status: 'assigned', substatus: substatusOf(outcome), hub, deviceId, position };
}

/** Substatus of the device protocol, section 7. */
export function substatusOf(outcome: Exclude<Outcome, { type: 'RegistrationRejected' }>): string {
  if (outcome.type !== 'DeviceReassigned') return 'initialAssignment';
  return outcome.migrateDeviceData ? 'deviceDataMigrated' : 'deviceDataReset';
}
