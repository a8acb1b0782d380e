import { randomBytes } from 'node:crypto';

/** Length of a device's symmetric key in bytes, and of a generated one (section 1.3 of the reference service's feature list). */
export const symmetricKeyBytes = { min: 16, max: 64, generated: 64 } as const;

/** The two keys of an enrollment, either of which proves the device. */
export interface KeyPair<T> {
  primary: T;
  secondary: T;
}

export type KeyRejection = { kind: 'invalidSymmetricKey'; key: keyof KeyPair<unknown>; min: number; max: number };

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A key's bytes; null when the text isn't base64 of 16 to 64 bytes. */
export function parseSymmetricKey(text: string): Buffer | null {
  // Longer text can't be a key, and need not be decoded to know it.
  if (text.length > 2 * symmetricKeyBytes.max || !base64.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  const isWhole = key.toString('base64') === text;
  return isWhole && key.length >= symmetricKeyBytes.min && key.length <= symmetricKeyBytes.max ? key : null;
}

export function generateSymmetricKey(): Buffer {
  return randomBytes(symmetricKeyBytes.generated);
}

/** The wished keys, with those left out generated; or which one is no key. */
export function keysFor(wish: KeyPair<string | null>): KeyPair<Buffer> | KeyRejection {
  const primary = wish.primary === null ? generateSymmetricKey() : parseSymmetricKey(wish.primary);
  if (!primary) return keyRefusal('primary');
  const secondary = wish.secondary === null ? generateSymmetricKey() : parseSymmetricKey(wish.secondary);
  if (!secondary) return keyRefusal('secondary');
  return { primary, secondary };
}

/** The refusal of a text that is no key. */
export function keyRefusal(key: keyof KeyPair<unknown>): KeyRejection {
  const { min, max } = symmetricKeyBytes;
  return { kind: 'invalidSymmetricKey', key, min, max };
}
