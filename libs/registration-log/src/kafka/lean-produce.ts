import kafkajs, { type CompressionTypes as Compression } from 'kafkajs';
import { createRequire } from 'node:module';
import { type BatchCompression, type BatchMessage, recordBatch } from './record-batch.js';

// Not by name: Node doesn't see that kafkajs, which is CommonJS, exports them.
const { CompressionCodecs, CompressionTypes } = kafkajs;

interface PartitionData {
  partition: number;
  messages: readonly (BatchMessage & { timestamp?: string | null })[];
  firstSequence?: number;
}

interface ProduceOptions {
  acks: number;
  timeout: number;
  transactionalId?: string | null;
  /** However kafkajs holds a number of 64 bits; absent when the producer isn't idempotent. */
  producerId?: unknown;
  producerEpoch?: number;
  compression?: Compression;
  topicData: readonly { topic: string; partitions: readonly PartitionData[] }[];
}

interface Encoder {
  writeString(text: string | null): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeBytes(bytes: Buffer): Encoder;
}

/** Of kafkajs 2.2.4. */
interface Produce {
  protocol(of: { version: number }): (options: ProduceOptions) => { request: { encode: () => Promise<Encoder> } };
}

/** From here on records travel in batches of message format 2, and the request is the same in every later version. */
const firstVersionWithBatches = 3;

let isInstalled = false;

/**
 * Makes kafkajs write what it publishes straight into one piece of memory. By itself it makes three for each record and one for
 * each header, of half a kilobyte at least, and takes the checksum byte by byte in JavaScript: a quarter of all that an allocator's
 * thread did (docs/performance.md).
 */
export function installLeanProduce(): void {
  if (isInstalled) return;
  isInstalled = true;
  const require = createRequire(import.meta.url);
  const produce = require('kafkajs/src/protocol/requests/produce') as Produce;
  const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  const protocol = produce.protocol;
  produce.protocol = ({ version }) => {
    const original = protocol({ version });
    if (version < firstVersionWithBatches) return original;
    return (options) => {
      const made = original(options);
      // Nothing of ours has times of its own or takes part in a transaction.
      if ((options.transactionalId ?? null) === null && !hasOwnTimes(options)) {
        made.request.encode = () => encodeRequest(new Encoder(), options);
      }
      return made;
    };
  };
}

function hasOwnTimes({ topicData }: ProduceOptions): boolean {
  return topicData.some(({ partitions }) =>
    partitions.some(({ messages }) => messages.some(({ timestamp }) => (timestamp ?? null) !== null)),
  );
}

async function encodeRequest(request: Encoder, options: ProduceOptions): Promise<Encoder> {
  const { acks, timeout, producerId = -1, producerEpoch = 0, topicData } = options;
  const compression = compressionOf(options.compression ?? CompressionTypes.None);
  const stamp = { at: Date.now(), producerId: BigInt(String(producerId)), producerEpoch };
  request.writeString(null).writeInt16(acks).writeInt32(timeout).writeInt32(topicData.length);
  for (const { topic, partitions } of topicData) {
    request.writeString(topic).writeInt32(partitions.length);
    for (const { partition, messages, firstSequence = 0 } of partitions) {
      const batch = await recordBatch(messages, { ...stamp, firstSequence }, compression);
      request.writeInt32(partition).writeBytes(batch);
    }
  }
  return request;
}

function compressionOf(type: Compression): BatchCompression | null {
  if (type === CompressionTypes.None) return null;
  const codec = CompressionCodecs[type]() as { compress(encoder: { buffer: Buffer }): Promise<Buffer> };
  return { codec: type, compress: (buffer) => codec.compress({ buffer }) };
}

/**
 * The same messages; and when kafkajs groups them by partition with `reduce`, which it does once, they are grouped already. It
 * copies what it has of a partition for every further message: for a thousand messages, half a million.
 */
export function grouped<M extends { partition: number }>(messages: readonly M[]): M[] {
  const byPartition: Record<number, M[]> = {};
  for (const message of messages) (byPartition[message.partition] ??= []).push(message);
  return Object.assign([...messages], { reduce: () => byPartition });
}
