import type { LogRecord, Receipt, ReceivedRecord } from '../registration-log.js';

const reasonCharactersMax = 1000;

/**
 * The message for `berth.registrations.rejected`: key, bytes and headers as they came, and beside them what was wrong
 * (`berth-reason`, `berth-path` as a JSON pointer) and where the message stood (`berth-topic`, `berth-partition`, `berth-offset`,
 * `berth-timestamp` in milliseconds).
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
      'berth-reason': reason.slice(0, reasonCharactersMax),
      'berth-path': pointer.slice(0, reasonCharactersMax),
      'berth-topic': origin.topic,
      'berth-partition': String(origin.partition),
      'berth-offset': String(origin.offset),
      'berth-timestamp': String(record.timestamp),
    },
  };
}
