import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { type DataKeyEvent, type KeyRing, type SealedSecret, type WrappedDataKey } from '@berth/domain';

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
/** NIST SP 800-38D's recommended length; at random it is safe for 2^32 uses of one key, and a data key sees three. */
const nonceBytes = 12;
const tagBytes = 16;

/** A data key in the open, for sealing one record's secrets. It lives only as long as the command that made it. */
export interface DataKey {
  readonly keyId: string;
  /** Opaque: printing it shows no key. */
  readonly key: KeyObject;
}

/**
 * The deployment's master key, and those it had before. It wraps data keys and never leaves this object: neither printing nor JSON
 * shows it. Every record's secrets are sealed under a data key of their own, so that deleting the data key destroys them.
 */
export class MasterKey {
  /** Tells master keys apart without saying anything about them. */
  readonly id: string;
  /** Ids of the keys before it. */
  readonly formerIds: readonly string[];
  /** By id. */
  readonly #keys: ReadonlyMap<string, KeyObject>;
  /** The current key's first. */
  readonly #fingerprintKeys: readonly [KeyObject, ...KeyObject[]];
  /** A record's two secrets are opened one after the other, with the same data key. */
  #lastUnwrapped: { wrapped: WrappedDataKey; key: KeyObject } | null = null;

  /**
   * @param key 32 bytes; the caller may overwrite them afterwards. @param former open what they have wrapped, and wrap nothing.
   * @throws RangeError for another length.
   */
  constructor(key: Buffer, former: readonly Buffer[] = []) {
    for (const { length } of [key, ...former]) {
      if (length !== keyBytes) throw new RangeError(`A master key has ${keyBytes} bytes, not ${length}`);
    }
    this.id = idOf(key);
    this.#keys = new Map([...former, key].map((one) => [idOf(one), createSecretKey(one)]));
    this.formerIds = [...this.#keys.keys()].filter((id) => id !== this.id);
    this.#fingerprintKeys = [fingerprintKey(key), ...former.map(fingerprintKey)];
  }

  /** The ids of all keys here. */
  get ring(): KeyRing {
    return { current: this.id, former: this.formerIds };
  }

  /** Whether it may open what the key of that id has wrapped. */
  holds(masterKeyId: string): boolean {
    return this.#keys.has(masterKeyId);
  }

  /** A fresh data key, and the event that keeps it: store that before any event whose secrets are sealed with it. */
  newDataKey(): { event: DataKeyEvent; key: DataKey } {
    const keyId = randomUUID();
    const key = randomBytes(keyBytes);
    return {
      event: { type: 'DataKeyCreated', v: 1, data: this.#wrap(key, keyId) },
      key: { keyId, key: createSecretKey(key) },
    };
  }

  /** The same data key wrapped by the current master key; null when no key here opens it. */
  rewrap(wrapped: WrappedDataKey): DataKeyEvent | null {
    const key = this.#bytesOf(wrapped);
    if (!key) return null;
    const data = this.#wrap(key, wrapped.keyId);
    key.fill(0);
    return { type: 'DataKeyRewrapped', v: 1, data };
  }

  seal(secret: Buffer, { keyId, key }: DataKey): SealedSecret {
    return { keyId, ...encrypt(secret, key, keyId) };
  }

  /** Null when it was sealed with another data key, that one is wrapped by another master key, or either was altered. */
  open(sealed: SealedSecret, wrapped: WrappedDataKey): Buffer | null {
    if (sealed.keyId !== wrapped.keyId) return null;
    const key = this.#unwrap(wrapped);
    return key ? decrypt(sealed, key, sealed.keyId) : null;
  }

  /**
   * Seals some bytes as bytes: nonce, ciphertext, tag.
   * @param place what they are, and the how manieth: they open in that place only.
   */
  sealBytes(bytes: Uint8Array, { keyId, key }: DataKey, place: string): Buffer {
    const nonce = randomBytes(nonceBytes);
    const aad = Buffer.from(`${keyId}/${place}`);
    const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(aad);
    return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  /** Null as with `open`, or when the place is another. */
  openBytes(sealed: Buffer, wrapped: WrappedDataKey, place: string): Buffer | null {
    if (sealed.length < nonceBytes + tagBytes) return null;
    const key = this.#unwrap(wrapped);
    const parts = { nonce: sealed.subarray(0, nonceBytes), ciphertext: sealed.subarray(nonceBytes) };
    return key && decryptBytes(parts, key, `${wrapped.keyId}/${place}`);
  }

  #unwrap(wrapped: WrappedDataKey): KeyObject | null {
    if (this.#lastUnwrapped?.wrapped === wrapped) return this.#lastUnwrapped.key;
    const bytes = this.#bytesOf(wrapped);
    if (!bytes) return null;
    // A KeyObject, for node throws and catches two errors in finding out that bytes are none.
    const key = createSecretKey(bytes);
    bytes.fill(0);
    this.#lastUnwrapped = { wrapped, key };
    return key;
  }

  #bytesOf({ keyId, masterKeyId, nonce, wrapped: ciphertext }: WrappedDataKey): Buffer | null {
    const masterKey = this.#keys.get(masterKeyId);
    const bytes = masterKey ? decrypt({ nonce, ciphertext }, masterKey, keyId) : null;
    return bytes?.length === keyBytes ? bytes : null;
  }

  #wrap(key: Buffer, keyId: string): WrappedDataKey {
    const { nonce, ciphertext: wrapped } = encrypt(key, this.#keys.get(this.id) as KeyObject, keyId);
    return { keyId, masterKeyId: this.id, nonce, wrapped };
  }

  /** Equal for equal texts, and without this key nobody can test a guess at the text. Base64. */
  fingerprint(text: string): string {
    return fingerprintBy(this.#fingerprintKeys[0], text);
  }

  /** Whether it is the text's, by this key or one before it. */
  isFingerprint(fingerprint: string, text: string): boolean {
    return this.#fingerprintKeys.some((key) => fingerprintBy(key, text) === fingerprint);
  }
}

function fingerprintKey(masterKey: Buffer): KeyObject {
  return createSecretKey(derived(masterKey, 'berth fingerprints'));
}

function fingerprintBy(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64');
}

interface Encrypted {
  nonce: string;
  ciphertext: string;
}

/** The key's id is authenticated with the ciphertext, so that neither can be put in another's place. */
function encrypt(plain: Buffer, key: KeyObject, keyId: string): Encrypted {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(keyId));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
}

function decrypt({ nonce, ciphertext }: Encrypted, key: KeyObject, keyId: string): Buffer | null {
  const parts = { nonce: Buffer.from(nonce, 'base64'), ciphertext: Buffer.from(ciphertext, 'base64') };
  return decryptBytes(parts, key, keyId);
}

function decryptBytes(
  { nonce, ciphertext: bytes }: { nonce: Buffer; ciphertext: Buffer },
  key: KeyObject,
  aad: string,
): Buffer | null {
  if (bytes.length < tagBytes) return null;
  try {
    const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
      .setAAD(Buffer.from(aad))
      .setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]);
  } catch {
    // OpenSSL's error says only that authentication failed, and its text is of no use to anybody.
    return null;
  }
}

function idOf(key: Buffer): string {
  return derived(key, 'berth master key id').subarray(0, 8).toString('hex');
}

function derived(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, keyBytes));
}
