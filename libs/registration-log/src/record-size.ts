import type { LogRecord } from './registration-log.js';

/** Lengths, deltas and header counts around key, headers and value, at most. */
const framingBytes = 64;
const framingOfHeaderBytes = 10;

/** Bytes a record takes in a batch of Kafka's, at most. */
export function recordSize({ key, value, headers }: LogRecord): number {
  let size = framingBytes + value.length + (key === null ? 0 : Buffer.byteLength(key));
  for (const name of Object.keys(headers)) {
    size += framingOfHeaderBytes + Buffer.byteLength(name) + Buffer.byteLength(headers[name]!);
  }
  return size;
}
