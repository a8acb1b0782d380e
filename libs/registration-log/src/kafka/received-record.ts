import type { IHeaders, KafkaMessage } from 'kafkajs';
import { LogFault } from '../log-fault.js';
import type { ReceivedRecord } from '../registration-log.js';

/** A message as kafkajs hands it over, as a record. Key and header values that are no UTF-8 come with replacement characters. */
export function receivedRecord({ key, value, headers, offset, timestamp }: KafkaMessage): ReceivedRecord {
  return {
    key: key === null ? null : key.toString('utf8'),
    // A tombstone has no value; nothing of ours has a use for the difference.
    value: value ?? Buffer.alloc(0),
    headers: headers ? headersOf(headers) : {},
    offset: offsetOf(offset),
    timestamp: Number(timestamp),
  };
}

export function offsetOf(text: string): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset)) return offset;
  throw new LogFault('refused', `offset ${text} is beyond what can be counted`);
}

function headersOf(headers: IHeaders): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined ? [] : [[name, last.toString('utf8')] as const];
  });
  return Object.fromEntries(entries);
}
