import { createHash } from 'node:crypto';
import { LogFault } from '../log-fault.js';
import { recordSize } from '../record-size.js';
import type { LogRecord, Receipt, ReceivedRecord, RegistrationLog } from '../registration-log.js';
import { topics } from '../topics.js';

const reasonCharactersMax = 1000;
/** A record that the rejected topic won't take is cut to about this, which any broker takes. */
const cutBytesMax = 500_000;
const cutKeyBytesMax = 10_000;

const ownHeaders = [
  'berth-reason',
  'berth-path',
  'berth-topic',
  'berth-partition',
  'berth-offset',
  'berth-timestamp',
] as const;

/**
 * The message for `berth.registrations.rejected`: key, bytes and headers as they came, and beside them what was wrong
 * (`berth-reason`, `berth-path` as a JSON pointer) and where the message stood (`berth-topic`, `berth-partition`, `berth-offset`,
 * `berth-timestamp` in milliseconds). A key or header values that are no UTF-8 stand in `berth-not-text` as they came: JSON,
 * base64 by `key` or the header's name.
 */
export function rejectedRecord(
  record: ReceivedRecord,
  origin: Receipt,
  reason: string,
  path: readonly string[],
): LogRecord {
  const pointer = path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return {
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      ...(record.notText && { 'berth-not-text': JSON.stringify(record.notText) }),
      'berth-reason': reason.slice(0, reasonCharactersMax),
      'berth-path': pointer.slice(0, reasonCharactersMax),
      'berth-topic': origin.topic,
      'berth-partition': String(origin.partition),
      'berth-offset': String(origin.offset),
      'berth-timestamp': String(record.timestamp),
    },
  };
}

/**
 * Publishes messages by `rejectedRecord`. What is too large for the topic (a broker may take larger messages on one topic than
 * on another) goes there cut, and says so in `berth-cut`: a message that can't be kept whole must not stop its partition.
 */
export async function publishRejected(log: RegistrationLog, records: readonly LogRecord[]): Promise<void> {
  try {
    await log.publish(topics.rejected, records);
  } catch (fault) {
    if (!(fault instanceof LogFault) || fault.code !== 'record-too-large') throw fault;
    await log.publish(topics.rejected, records.map(cut));
  }
}

function cut(record: LogRecord): LogRecord {
  const size = recordSize(record);
  if (size <= cutBytesMax) return record;
  const { key, value, headers } = record;
  const kept = Object.fromEntries(ownHeaders.map((name) => [name, headers[name]!]));
  const hash = createHash('sha256').update(value).digest('hex');
  kept['berth-cut'] = `of ${size} bytes the headers and what follows; the value's ${value.length} had SHA-256 ${hash}`;
  return {
    key: key !== null && Buffer.byteLength(key) <= cutKeyBytesMax ? key : null,
    value: value.subarray(0, cutBytesMax),
    headers: kept,
  };
}
