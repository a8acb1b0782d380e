import { createRequire } from 'node:module';

interface Decoder {
  readVarInt(): number;
}

interface Header {
  key: string;
  value: Buffer | null;
}

/** By name; an array where a name stands more than once. */
type Headers = Record<string, Header['value'] | Header['value'][]>;

/** Of kafkajs 2.2.4, where a record's headers are read by `readVarIntArray(…).reduce(…)`, and nothing else is. */
interface DecoderClass {
  prototype: { readVarIntArray(this: Decoder, readOne: (decoder: Decoder) => Header): { reduce(): Headers } };
}

/**
 * Makes kafkajs look at each header of a record once. It copies all that it has so far for every further one: a message of a
 * megabyte of tiny headers would take it minutes, in which nothing else happened in this process.
 */
export function installLinearHeaders(): void {
  const decoder = createRequire(import.meta.url)('kafkajs/src/protocol/decoder') as DecoderClass;
  decoder.prototype.readVarIntArray = function (readOne) {
    const count = this.readVarInt();
    // No prototype, so that a header called __proto__ is just a header.
    const headers = Object.create(null) as Headers;
    for (let at = 0; at < count; at += 1) {
      const { key, value } = readOne(this);
      const before = headers[key];
      if (before === undefined) headers[key] = value;
      else if (Array.isArray(before)) before.push(value);
      else headers[key] = [before, value];
    }
    return { reduce: () => headers };
  };
}
