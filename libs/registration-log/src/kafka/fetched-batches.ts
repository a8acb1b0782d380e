import { crc32c } from '@node-rs/crc32';
import { LogFault } from '../log-fault.js';

/** A record as kafkajs's consumers give it to whoever runs them. */
export interface FetchedRecord {
  attributes: number;
  /** Milliseconds since 1970. */
  timestamp: string;
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  /** The very same object, frozen, for records in a row that have the same headers. */
  headers: FetchedHeaders;
  isControlRecord: boolean;
  /** By which kafkajs leaves out what a transaction took back. */
  batchContext: { producerId: string; inTransaction: boolean };
}

/** By name; an array where a name stands more than once. */
export type FetchedHeaders = Readonly<Record<string, Buffer | null | (Buffer | null)[]>>;

/** Takes a batch's records apart that were compressed by the codec that its attributes name. */
export type Decompress = (codec: number, records: Buffer) => Promise<Buffer>;

// Record batch, message format 2 (Kafka protocol guide, "Record Batch"): big-endian, offsets in bytes.
const lengthAt = 8;
const headBytes = 12;
const magicAt = 16;
const magic = 2;
const checksumAt = 17;
const attributesAt = 21;
const firstTimestampAt = 27;
const maxTimestampAt = 35;
const producerIdAt = 43;
const countAt = 57;
const recordsAt = 61;
const codecMask = 0x07;
const appendTimeFlag = 0x08;
const transactionFlag = 0x10;
const controlFlag = 0x20;

/**
 * The records of some record batches in a row, of message format 2. Stops before a batch that is cut off, as brokers cut the last one,
 * or of an older format.
 * @throws LogFault `log-away` (retriable): a batch isn't what its checksum says; `refused`: its records are none.
 */
export async function fetchedRecords(batches: Buffer, decompress: Decompress): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = [];
  for (let at = 0; isBatch(batches, at);) {
    const end = at + headBytes + batches.readInt32BE(at + lengthAt);
    if (end > batches.length) break;
    const batch = batches.subarray(at, end);
    if (batch.length < recordsAt || batch.readUInt32BE(checksumAt) !== crc32c(batch.subarray(attributesAt))) {
      throw new LogFault('log-away', 'a batch of records came otherwise than its checksum says');
    }
    const codec = batch.readInt16BE(attributesAt) & codecMask;
    const bytes = batch.subarray(recordsAt);
    readRecords(batch, codec === 0 ? bytes : await decompress(codec, bytes), records);
    at = end;
  }
  return records;
}

/** Whether a batch of this format begins there, or so much of one that it shows. */
export function isBatch(bytes: Buffer, at: number): boolean {
  return bytes[at + magicAt] === magic;
}

/** Appends what is in `bytes`, the records of `batch`, to `records`. */
function readRecords(batch: Buffer, bytes: Buffer, records: FetchedRecord[]): void {
  const attributes = batch.readInt16BE(attributesAt);
  const isAppendTime = (attributes & appendTimeFlag) !== 0;
  const isControlRecord = (attributes & controlFlag) !== 0;
  const firstOffset = Number(batch.readBigInt64BE(0));
  const firstTimestamp = Number(batch.readBigInt64BE(isAppendTime ? maxTimestampAt : firstTimestampAt));
  const producerId = String(batch.readBigInt64BE(producerIdAt));
  const batchContext = { producerId, inTransaction: (attributes & transactionFlag) !== 0 };
  const cursor = new RecordCursor(bytes);
  for (let left = batch.readInt32BE(countAt); left > 0; left -= 1) {
    const size = cursor.varInt();
    const end = cursor.at + size;
    const attributes = cursor.byte();
    const sinceFirst = cursor.varInt();
    const timestamp = String(isAppendTime ? firstTimestamp : firstTimestamp + sinceFirst);
    const offset = String(firstOffset + cursor.varInt());
    const key = cursor.field();
    const value = cursor.field();
    const headers = cursor.headers(end);
    if (cursor.at !== end) throw malformed();
    records.push({ attributes, timestamp, offset, key, value, headers, isControlRecord, batchContext });
  }
}

const noHeaders: FetchedHeaders = Object.freeze(Object.create(null) as FetchedHeaders);

/** Reads the fields of records one after the other. */
class RecordCursor {
  at = 0;
  private lastHeaders = noHeaders;
  /** Where those stand. */
  private lastFrom = 0;
  private lastTo = 0;

  constructor(private readonly bytes: Buffer) {}

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw malformed();
    this.at += 1;
    return byte;
  }

  /** Zigzag, seven bits a byte, the lowest first. Exact as far as numbers are: differences of times and offsets are. */
  varInt(): number {
    let byte = this.byte();
    let zigZag = byte & 0x7f;
    for (let scale = 0x80; byte > 0x7f; scale *= 0x80) {
      byte = this.byte();
      zigZag += (byte & 0x7f) * scale;
    }
    return zigZag % 2 === 0 ? zigZag / 2 : -(zigZag + 1) / 2;
  }

  field(): Buffer | null {
    const length = this.varInt();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw malformed();
    return this.bytes.subarray(from, this.at);
  }

  /** Up to `end`, the end of their record. Each is looked at once, however many there are. */
  headers(end: number): FetchedHeaders {
    const { bytes, at, lastFrom, lastTo } = this;
    if (end > bytes.length || end < at) throw malformed();
    if (lastTo > lastFrom && bytes.compare(bytes, lastFrom, lastTo, at, end) === 0) {
      this.at = end;
      return this.lastHeaders;
    }
    // No prototype, so that a header called __proto__ is just a header.
    const headers = Object.create(null) as Record<string, Buffer | null | (Buffer | null)[]>;
    for (let left = this.varInt(); left > 0; left -= 1) {
      const name = this.field()?.toString() ?? '';
      const value = this.field();
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else headers[name] = [before, value];
    }
    this.lastHeaders = Object.freeze(headers);
    this.lastFrom = at;
    this.lastTo = end;
    return headers;
  }
}

function malformed(): LogFault {
  return new LogFault(
    'refused',
    "a batch of records can't be read: a record's length and its fields contradict each other",
  );
}
