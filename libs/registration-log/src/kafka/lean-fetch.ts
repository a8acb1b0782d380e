import kafkajs from 'kafkajs';
import { createRequire } from 'node:module';
import { LogFault } from '../log-fault.js';
import { fetchedRecords, isBatch } from './fetched-batches.js';

// Not by name: Node doesn't see that kafkajs, which is CommonJS, exports it.
const { CompressionCodecs } = kafkajs;

interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(length: number): Buffer;
  canReadBytes(length: number): boolean;
  readArray<T>(read: (decoder: Decoder) => T): T[];
  readArrayAsync<T>(read: (decoder: Decoder) => Promise<T>): Promise<T[]>;
}

interface FetchResponse {
  decode(bytes: Buffer): Promise<unknown>;
}

/** Of kafkajs 2.2.4. */
interface Fetch {
  protocol(of: { version: number }): (options: object) => { response: FetchResponse };
}

type MessageSets = (decoder: Decoder, size: number) => Promise<object[]>;

/** Versions 8 to 11 of the response have one layout, but for its last field. Brokers speak 8 since Kafka 2.0, of 2018. */
const firstVersion = 8;
const firstVersionWithReplica = 11;

let isInstalled = false;

/**
 * Makes kafkajs take fetched records out of their batches in few steps, and look at their checksums, which it doesn't by itself. It makes
 * six buffers and four 64-bit numbers for each, and copies a record's headers for each further one: a message of a megabyte of
 * tiny headers would take it minutes, in which nothing else happened in this process.
 */
export function installLeanFetch(): void {
  if (isInstalled) return;
  isInstalled = true;
  const require = createRequire(import.meta.url);
  const fetch = require('kafkajs/src/protocol/requests/fetch') as Fetch;
  const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
  const messageSets = require('kafkajs/src/protocol/messageSet/decoder') as MessageSets;
  const protocol = fetch.protocol;
  fetch.protocol = ({ version }) => {
    const original = protocol({ version });
    if (version < firstVersion) return original;
    const decode = (bytes: Buffer) => decodeResponse(new Decoder(bytes), version, recordSet);
    return (options) => {
      const made = original(options);
      return { ...made, response: { ...made.response, decode } };
    };
  };

  /** What an old broker has of a format before batches is left to kafkajs. */
  async function recordSet(decoder: Decoder): Promise<readonly object[]> {
    const size = decoder.readInt32();
    if (size <= 0 || !decoder.canReadBytes(size)) return [];
    const bytes = decoder.readBytes(size);
    return isBatch(bytes, 0) ? fetchedRecords(bytes, decompress) : messageSets(new Decoder(bytes), size);
  }
}

/** Fetch response, version 8 to 11 (Kafka protocol guide), as kafkajs names its fields. */
async function decodeResponse(
  decoder: Decoder,
  version: number,
  recordSet: (decoder: Decoder) => Promise<readonly object[]>,
): Promise<object> {
  return {
    clientSideThrottleTime: decoder.readInt32(),
    // Brokers of these versions leave waiting to the client instead of having waited.
    throttleTime: 0,
    errorCode: decoder.readInt16(),
    sessionId: decoder.readInt32(),
    responses: await decoder.readArrayAsync(async (topic) => ({
      topicName: topic.readString(),
      partitions: await topic.readArrayAsync(async (partition) => ({
        partition: partition.readInt32(),
        errorCode: partition.readInt16(),
        highWatermark: String(partition.readInt64()),
        lastStableOffset: String(partition.readInt64()),
        lastStartOffset: String(partition.readInt64()),
        abortedTransactions: partition.readArray((aborted) => ({
          producerId: String(aborted.readInt64()),
          firstOffset: String(aborted.readInt64()),
        })),
        ...(version < firstVersionWithReplica ? {} : { preferredReadReplica: partition.readInt32() }),
        messages: await recordSet(partition),
      })),
    })),
  };
}

interface Codec {
  decompress(bytes: Buffer): Promise<Buffer>;
}

async function decompress(type: number, records: Buffer): Promise<Buffer> {
  const codec = (CompressionCodecs as unknown as Readonly<Record<number, (() => Codec) | undefined>>)[type];
  if (!codec) throw new LogFault('refused', `a batch is compressed by codec ${type}, which is not known here`);
  return codec().decompress(records);
}
