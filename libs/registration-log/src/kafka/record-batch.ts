import { crc32c } from '@node-rs/crc32';

/** What is to be published, as kafkajs's producers take it; its time is that of its batch. */
export interface BatchMessage {
  key?: Buffer | string | null;
  value: Buffer | string | null;
  headers?: Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>;
}

type HeaderValue = Buffer | string;

export interface BatchStamp {
  /** Milliseconds since 1970. */
  at: number;
  /** -1, -1 and -1 for a producer that isn't idempotent. */
  producerId: bigint;
  producerEpoch: number;
  firstSequence: number;
}

export interface BatchCompression {
  /** The codec's number, in the lowest three bits of a batch's attributes. */
  codec: number;
  compress(records: Buffer): Promise<Buffer>;
}

// Record batch, message format 2 (Kafka protocol guide, "Record Batch"): big-endian, offsets in bytes.
const lengthAt = 8;
const magicAt = 16;
const checksumAt = 17;
const attributesAt = 21;
const recordsAt = 61;
const magic = 2;

/** Some messages as one record batch of Kafka's message format 2, in as few steps as it takes: see `installLeanProduce`. */
export async function recordBatch(
  messages: readonly BatchMessage[],
  stamp: BatchStamp,
  compression: BatchCompression | null,
): Promise<Buffer> {
  const plain = withRecords(messages);
  if (!compression) return finished(plain, messages.length, stamp, 0);
  const compressed = await compression.compress(plain.subarray(recordsAt));
  const batch = Buffer.concat([plain.subarray(0, recordsAt), compressed]);
  return finished(batch, messages.length, stamp, compression.codec);
}

/** Room for the batch's own fields, and the records after it. */
function withRecords(messages: readonly BatchMessage[]): Buffer {
  let size = recordsAt;
  const records = messages.map(({ key, value, headers }, index) => {
    const fields = { key: bytesOf(key), value: bytesOf(value), headers: headerBytes(headers) };
    // Besides: attributes and the difference in time, both 0.
    const body = 2 + varIntSize(index) + fieldSize(fields.key) + fieldSize(fields.value) + fields.headers.length;
    size += varIntSize(body) + body;
    return { ...fields, body };
  });
  const batch = Buffer.allocUnsafe(size);
  let at = recordsAt;
  for (const [index, { key, value, headers, body }] of records.entries()) {
    at = writeVarInt(batch, at, body);
    batch[at] = 0;
    batch[at + 1] = 0;
    at = writeVarInt(batch, at + 2, index);
    at = writeField(batch, at, key);
    at = writeField(batch, at, value);
    at += headers.copy(batch, at);
  }
  return batch;
}

function finished(batch: Buffer, count: number, stamp: BatchStamp, codec: number): Buffer {
  batch.fill(0, 0, recordsAt);
  batch.writeInt32BE(batch.length - lengthAt - 4, lengthAt);
  batch.writeInt8(magic, magicAt);
  batch.writeInt16BE(codec, attributesAt);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(stamp.at), 27);
  batch.writeBigInt64BE(BigInt(stamp.at), 35);
  batch.writeBigInt64BE(stamp.producerId, 43);
  batch.writeInt16BE(stamp.producerEpoch, 51);
  batch.writeInt32BE(stamp.firstSequence, 53);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(attributesAt)), checksumAt);
  return batch;
}

let lastHeaders: BatchMessage['headers'];
let lastHeaderBytes = Buffer.alloc(0);

/** Many messages have the very same headers. */
function headerBytes(headers: BatchMessage['headers']): Buffer {
  if (headers !== undefined && headers === lastHeaders) return lastHeaderBytes;
  const fields = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [Buffer.from(name), bytesOf(one)] as const),
  );
  const size = fields.reduce(
    (sum, [name, value]) => sum + fieldSize(name) + fieldSize(value),
    varIntSize(fields.length),
  );
  const bytes = Buffer.allocUnsafe(size);
  let at = writeVarInt(bytes, 0, fields.length);
  for (const [name, value] of fields) at = writeField(bytes, writeField(bytes, at, name), value);
  // Whoever can't change them won't have others next time.
  if (Object.isFrozen(headers)) {
    lastHeaders = headers;
    lastHeaderBytes = bytes;
  }
  return bytes;
}

function bytesOf(field: Buffer | string | null | undefined): Buffer | null {
  if (field === null || field === undefined) return null;
  return typeof field === 'string' ? Buffer.from(field) : field;
}

function fieldSize(field: Buffer | null): number {
  return field ? varIntSize(field.length) + field.length : 1;
}

function writeField(into: Buffer, at: number, field: Buffer | null): number {
  const from = writeVarInt(into, at, field ? field.length : -1);
  return field ? from + field.copy(into, from) : from;
}

/** Zigzag, then seven bits a byte: what Kafka took over from Protocol Buffers. */
function writeVarInt(into: Buffer, at: number, value: number): number {
  let rest = zigZag(value);
  let to = at;
  for (; rest > 0x7f; rest >>>= 7) into[to++] = (rest & 0x7f) | 0x80;
  into[to] = rest;
  return to + 1;
}

function varIntSize(value: number): number {
  let size = 1;
  for (let rest = zigZag(value); rest > 0x7f; rest >>>= 7) size += 1;
  return size;
}

function zigZag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
