import type { LogRecord, ReceivedRecord } from '../registration-log.js';
import type { StoredSegment } from './store-protocol.js';

// A record in a segment: three little-endian 32-bit lengths (key, headers, value), then the three as bytes. Headers are JSON.
const prefixBytes = 12;
const nullKey = 0xffffffff;

/** A record made ready to be stored. */
export interface PackedRecord {
  key: Uint8Array | null;
  headers: Uint8Array;
  value: Uint8Array;
  /** Bytes it takes in a segment. */
  size: number;
}

/** Packs the records of one publish; most share one headers object, which is then written as JSON once. */
export function packRecords(records: readonly LogRecord[]): PackedRecord[] {
  let lastHeaders: Readonly<Record<string, string>> | undefined;
  let headers: Uint8Array = Buffer.alloc(0);
  return records.map((record) => {
    const key = record.key === null ? null : Buffer.from(record.key, 'utf8');
    if (record.headers !== lastHeaders) {
      headers = Buffer.from(JSON.stringify(record.headers), 'utf8');
      lastHeaders = record.headers;
    }
    const size = prefixBytes + (key?.length ?? 0) + headers.length + record.value.length;
    return { key, headers, value: record.value, size };
  });
}

export function packSegment(records: readonly PackedRecord[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const record of records) size += record.size;
  // Its own memory, not a slice of the pool: it is handed over to the store thread.
  const bytes = Buffer.from(new ArrayBuffer(size));
  let at = 0;
  for (const { key, headers, value } of records) {
    bytes.writeUInt32LE(key === null ? nullKey : key.length, at);
    bytes.writeUInt32LE(headers.length, at + 4);
    bytes.writeUInt32LE(value.length, at + 8);
    at += prefixBytes;
    if (key !== null) {
      bytes.set(key, at);
      at += key.length;
    }
    bytes.set(headers, at);
    at += headers.length;
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** Unpacks the records from offset `from` on. Values share the segment's memory. */
export function unpackSegment({ base, at: timestamp, count, bytes }: StoredSegment, from: number): ReceivedRecord[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: ReceivedRecord[] = [];
  let packedHeaders: Buffer = Buffer.alloc(0);
  let headers: Readonly<Record<string, string>> = {};
  let at = 0;
  for (let offset = base; offset < base + count; offset += 1) {
    const keyLength = buffer.readUInt32LE(at);
    const headersLength = buffer.readUInt32LE(at + 4);
    const valueLength = buffer.readUInt32LE(at + 8);
    const keyAt = at + prefixBytes;
    const headersAt = keyAt + (keyLength === nullKey ? 0 : keyLength);
    const valueAt = headersAt + headersLength;
    at = valueAt + valueLength;
    if (offset < from) continue;
    const here = buffer.subarray(headersAt, valueAt);
    if (!here.equals(packedHeaders)) {
      packedHeaders = here;
      headers = Object.freeze(JSON.parse(here.toString('utf8')) as Record<string, string>);
    }
    const key = keyLength === nullKey ? null : buffer.toString('utf8', keyAt, headersAt);
    records.push({ key, headers, value: buffer.subarray(valueAt, at), offset, timestamp });
  }
  return records;
}
