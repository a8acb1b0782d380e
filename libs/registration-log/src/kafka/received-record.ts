import { isUtf8 } from 'node:buffer';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import { LogFault } from '../log-fault.js';
import type { ReceivedRecord } from '../registration-log.js';

/** A message as kafkajs hands it over, as a record. Key and header values that are no UTF-8 come with replacement characters. */
export function receivedRecord({ key, value, headers, offset, timestamp }: KafkaMessage): ReceivedRecord {
  const { texts, notText } = headersOf(headers);
  const text = key === null ? null : key.toString();
  const record: ReceivedRecord = {
    key: text,
    // A tombstone has no value; nothing of ours has a use for the difference.
    value: value ?? Buffer.alloc(0),
    headers: texts,
    offset: offsetOf(offset),
    timestamp: Number(timestamp),
  };
  const keyIsNoText = key !== null && !isText(key, text as string);
  if (keyIsNoText || notText) record.notText = { ...(keyIsNoText && { key: key.toString('base64') }), ...notText };
  return record;
}

export function offsetOf(text: string): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset)) return offset;
  throw new LogFault('refused', `offset ${text} is beyond what can be counted`);
}

interface HeaderTexts {
  texts: Readonly<Record<string, string>>;
  /** The base64 of those that are no UTF-8; null when there are none. */
  notText: Readonly<Record<string, string>> | null;
}

const none: HeaderTexts = { texts: Object.freeze({}), notText: null };
let lastHeaders: IHeaders | undefined;
let lastTexts = none;

/** Records in a row mostly have the very same headers (`FetchedRecord`). */
function headersOf(headers: IHeaders | undefined): HeaderTexts {
  if (!headers) return none;
  if (headers === lastHeaders) return lastTexts;
  const read = readHeaders(headers);
  // Whoever can't change them won't have others next time.
  if (Object.isFrozen(headers)) {
    lastHeaders = headers;
    lastTexts = read;
  }
  return read;
}

function readHeaders(headers: IHeaders): HeaderTexts {
  const texts: [string, string][] = [];
  const notText: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last === undefined || last === null) continue;
    const text = last.toString();
    texts.push([name, text]);
    if (typeof last !== 'string' && !isText(last, text)) notText.push([name, last.toString('base64')]);
  }
  return {
    texts: Object.freeze(Object.fromEntries(texts)),
    notText: notText.length > 0 ? Object.fromEntries(notText) : null,
  };
}

/** A replacement character that stands for itself is rare; everything else needs no second look. */
function isText(bytes: Buffer, text: string): boolean {
  return !text.includes('\ufffd') || isUtf8(bytes);
}
