import { createHash } from 'node:crypto';

const bytes = 6;
/** Hubs whose number is kept at hand; there are hardly more. */
const knownMax = 100_000;
const known = new Map<string, number>();

/**
 * A hub's key as a number of 48 bits, to be indexed in place of the name: with names, the indexes of a million
 * registrations are a third larger and that much slower to write. Two of a thousand hubs share a number with a
 * probability of 2 in 10^9.
 */
export function hubNumber(key: string): number {
  let number = known.get(key);
  if (number === undefined) {
    number = createHash('sha256').update(key).digest().readUIntBE(0, bytes);
    if (known.size >= knownMax) known.clear();
    known.set(key, number);
  }
  return number;
}
