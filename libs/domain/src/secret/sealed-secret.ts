/**
 * A secret as events hold it: AES-256-GCM ciphertext under the data key `keyId` of its record. Without that data key,
 * which is destroyed with the record, it can never be read again. All strings but `keyId` are base64.
 */
export interface SealedSecret {
  keyId: string;
  nonce: string;
  /** Ciphertext followed by the 16-byte authentication tag. */
  ciphertext: string;
}

/** A data key as the master key of that id has wrapped it; nonce and wrapped bytes in base64. */
export interface WrappedDataKey {
  keyId: string;
  masterKeyId: string;
  nonce: string;
  wrapped: string;
}

/** A record's data key: wrapped once when it is made, and again by each new master key. Stream `dataKey-<keyId>`, deleted with the record. */
export type DataKeyEvent =
  { type: 'DataKeyCreated'; v: 1; data: WrappedDataKey } | { type: 'DataKeyRewrapped'; v: 1; data: WrappedDataKey };

/** Opens a sealed secret; null when it wasn't sealed with that data key, or that one can't be unwrapped here. */
export type OpenSecret = (sealed: SealedSecret, dataKey: WrappedDataKey) => Uint8Array | null;
