import { isUtf8 } from 'node:buffer';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { LogFault } from '../log-fault.js';
import type { ReceivedRecord } from '../registration-log.js';

/** A message as kafkajs hands it over, as a record. Key and header values that are no UTF-8 come with replacement characters. */
export function receivedRecord({ key, value, headers, offset, timestamp }: KafkaMessage): ReceivedRecord {
  const notText: Record<string, string> = {};
  const textOf = (bytes: Buffer | string, of: string): string => {
    const text = typeof bytes === 'string' ? bytes : bytes.toString('utf8');
    // One that stands for itself is rare; everything else needs no second look.
    if (typeof bytes !== 'string' && text.includes('\ufffd') && !isUtf8(bytes)) notText[of] = bytes.toString('base64');
    return text;
  };
  const record: ReceivedRecord = {
    key: key === null ? null : textOf(key, 'key'),
    // A tombstone has no value; nothing of ours has a use for the difference.
    value: value ?? Buffer.alloc(0),
    headers: headers ? headersOf(headers, textOf) : {},
    offset: offsetOf(offset),
    timestamp: Number(timestamp),
  };
  if (Object.keys(notText).length > 0) record.notText = notText;
  return record;
}

export function offsetOf(text: string): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset)) return offset;
  throw new LogFault('refused', `offset ${text} is beyond what can be counted`);
}

function headersOf(headers: IHeaders, textOf: (bytes: Buffer | string, of: string) => string): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined || last === null ? [] : [[name, textOf(last, name)] as const];
  });
  return Object.fromEntries(entries);
}
