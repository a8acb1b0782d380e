import { type Answer, registrationKey } from '@berth/domain';
import type { LogRecord, Receipt } from '../registration-log.js';
import { cloudEventType, readCloudEvent } from './cloud-event.js';
import { compileSchema } from './event-schema.js';
import type { Refusal } from './refusal.js';

export interface Assignment {
  /** The same whenever the same answer is published again: drop what was seen. */
  id: string;
  /** RFC 3339 instant of the decision. */
  at: string;
  answer: Answer;
}

export const registrationCompletedType = 'io.berth.registration.completed.v1';
const allocatorSource = '/berth/allocator';

const fitsSchema = compileSchema('registration-completed.v1.schema.json');

/**
 * The message for `berth.assignments`. Its id is made of where the request stands (`origin`), so that an answer published again
 * after a crash is byte for byte the same.
 */
export function assignmentRecord(answer: Answer, at: string, { topic, partition, offset }: Receipt): LogRecord {
  const { registrationId } = answer;
  // The event is written around its data: as one object it would cost twice as much.
  const value =
    `{"specversion":"1.0","type":"${registrationCompletedType}","source":"${allocatorSource}",` +
    `"id":"${topic}/${partition}/${offset}","time":"${at}","subject":${JSON.stringify(registrationId)},` +
    `"datacontenttype":"application/json","data":${JSON.stringify(answerOf(answer))}}`;
  return { key: registrationKey(registrationId), value: Buffer.from(value), headers };
}

const headers = Object.freeze({ 'content-type': cloudEventType });

/** Reads a message of `berth.assignments`, in structured or binary mode. Never throws. */
export function parseAssignment(record: LogRecord): { ok: true; assignment: Assignment } | Refusal {
  const read = readCloudEvent(record.value, record.headers);
  if (!read.ok) return read;
  const misfit = fitsSchema(read.event);
  if (misfit) return misfit;
  const { id, time, data } = read.event as { id: string; time: string; data: Answer };
  return { ok: true, assignment: { id, at: time, answer: answerOf(data) } };
}

/** The known fields in a fixed order, so that equal answers are equal bytes; JSON leaves out the undefined ones. */
function answerOf(answer: Answer): Answer {
  const { registrationId, requestId, status, substatus, hub, deviceId, errorCode, reason, position, payload } = answer;
  const known = { registrationId, requestId, status, substatus, hub, deviceId, errorCode, reason, position };
  return payload === undefined ? known : { ...known, payload };
}
