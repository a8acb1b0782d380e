import { halfSipHash } from './half-sip-hash.js';

/**
 * A number of 53 bits that stands for a text where only "the same as before?" is asked. Two texts that differ have the same
 * one with a chance of 2^-53; whoever may choose the texts could find such a pair, so it must not matter to anyone else if they do.
 */
export function fingerprint(text: string): number {
  // Fixed keys: fingerprints are kept in snapshots and compared by other processes.
  return halfSipHash(text, 0x62657274, 0x68000001) * 2 ** 21 + (halfSipHash(text, 0x68000002, 0x62657274) >>> 11);
}
