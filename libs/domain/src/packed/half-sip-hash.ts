/**
 * HalfSipHash-1-3 (Aumasson and Bernstein's SipHash for 32-bit machines, the variant that hash tables use) of a text's
 * UTF-16LE bytes: 0 to 2^32 - 1. Keyed, so that who doesn't know the key can't send ids that all fall into one place.
 * @param key0 @param key1 32 bits each.
 */
export function halfSipHash(text: string, key0: number, key1: number): number {
  const { length } = text;
  let v0 = key0 | 0;
  let v1 = key1 | 0;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  // The last word holds what is left of the text, one unit or none, and the length in bytes.
  for (let at = 0; at <= length; at += 2) {
    const low = at < length ? text.charCodeAt(at) : 0;
    const word = low | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : length << 25);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  v2 ^= 0xff;
  // The same round again, written out twice because a call would cost as much as the round.
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return (v1 ^ v3) >>> 0;
}
