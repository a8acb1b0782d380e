import { hash } from 'node:crypto';

const blockBytes = 64;
const macBytes = 32;
/** Longest message, in bytes; a token has at most 2048 characters. */
const messageBytesMax = 8192;

const inner = Buffer.alloc(blockBytes + messageBytesMax);
const outer = Buffer.alloc(blockBytes + macBytes);

/**
 * HMAC-SHA-256 (RFC 2104) of a text in UTF-8, 32 bytes into `mac`, as two one-shot hashes: node's own Hmac makes several native
 * objects for each, which at one MAC a registration cost more than everything else in a decision (docs/performance.md).
 * @param key at most 64 bytes; longer ones would have to be hashed first, and no device has them.
 */
export function hmacSha256(key: Uint8Array, message: string, mac: Buffer): void {
  const { length } = key;
  if (length > blockBytes) throw new RangeError(`A key of ${length} bytes; HMAC takes up to ${blockBytes} as they are`);
  if (3 * message.length > messageBytesMax) throw new RangeError(`A message of ${message.length} characters`);
  for (let index = 0; index < blockBytes; index += 1) {
    const byte = index < length ? (key[index] as number) : 0;
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  const end = blockBytes + inner.write(message, blockBytes, 'utf8');
  // Texts cost node a third of what buffers do.
  outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockBytes, 'latin1');
  mac.write(hash('sha256', outer, 'binary'), 'latin1');
}
