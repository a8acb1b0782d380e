/**
 * Kafka's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`): a 32-bit signed result, seed 0x9747b28c, bytes as the Java
 * client reads them. Every client that places a registration must agree on it, or a device would have two ledgers.
 */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    hash = Math.imul(hash, m) ^ k;
  }
  const rest = length - at;
  if (rest >= 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among `partitions`, as Kafka's Java client and kafkajs 2 place it. */
export function partitionOf(key: string | Uint8Array, partitions: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'utf8') : key;
  return (murmur2(bytes) & 0x7fffffff) % partitions;
}

/** Places records: by key, or in turn when there is none. */
export class Partitioner {
  private turn = 0;

  place(key: Uint8Array | null, partitions: number): number {
    if (key !== null) return partitionOf(key, partitions);
    const partition = this.turn % partitions;
    this.turn = (this.turn + 1) % Number.MAX_SAFE_INTEGER;
    return partition;
  }
}
