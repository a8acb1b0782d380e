import {
  type Attestation,
  type CertificateRejection,
  type DataKeyEvent,
  type GroupAttestation,
  keepCertificate,
  type KeptCertificate,
  type ReserveCertificate,
  type Slot,
  slots,
  type SymmetricKeys,
  thumbprintsOf,
} from '@berth/domain';
import { type MasterKey } from '@berth/secrets';
import { type KeyPair, type KeyRejection, keysFor } from './symmetric-keys.js';

/** How a device shall prove who it is, as an operator says it: keys and certificates as texts. */
export type AttestationWish =
  | KeysWish
  | CertificatesWish
  | { type: 'tpm'; endorsementKey: string; storageRootKey: string | null }
  | { type: 'gateway'; sources: readonly string[] };

export type GroupAttestationWish =
  | KeysWish
  | CertificatesWish
  /** Names of uploaded CA certificates. */
  | { type: 'caReference'; primary: string | null; secondary: string | null };

/** Base64, 16–64 bytes each; null has one generated. */
export type KeysWish = { type: 'symmetricKey' } & KeyPair<string | null>;
/** PEM or base64 DER; null leaves the slot empty. */
export type CertificatesWish = { type: 'x509' } & KeyPair<string | null>;

export type WishRejection = KeyRejection | CertificateRejection;

/** A wish made ready to be recorded: keys sealed under a data key, which is to be stored before, and certificates to be reserved. */
export interface Prepared<A> {
  attestation: A;
  dataKey: DataKeyEvent | null;
  certificates: readonly Omit<ReserveCertificate, 'holder'>[];
}

export function prepareKeys(wish: KeysWish, masterKey: MasterKey): Prepared<SymmetricKeys> | KeyRejection {
  const keys = keysFor(wish);
  return 'kind' in keys ? keys : sealKeys(keys, masterKey);
}

/** Seals both keys under a fresh data key, so that the one before can be destroyed with all that was sealed under it. */
export function sealKeys({ primary, secondary }: KeyPair<Buffer>, masterKey: MasterKey): Prepared<SymmetricKeys> {
  const { key, event } = masterKey.newDataKey();
  return {
    attestation: {
      type: 'symmetricKey',
      primary: masterKey.seal(primary, key),
      secondary: masterKey.seal(secondary, key),
    },
    dataKey: event,
    certificates: [],
  };
}

export function prepareCertificates(
  wish: CertificatesWish,
): Prepared<Extract<Attestation & GroupAttestation, { type: 'x509' }>> | CertificateRejection {
  const kept: Record<Slot, KeptCertificate | null> = { primary: null, secondary: null };
  for (const slot of slots) {
    const text = wish[slot];
    if (text === null) continue;
    kept[slot] = keepCertificate(text);
    if (!kept[slot]) return unreadableCertificate(slot);
  }
  const attestation = { type: 'x509', ...kept } as const;
  const certificates = thumbprintsOf(attestation).map((thumbprint) => ({ thumbprint, caCertificate: null }));
  return { attestation, dataKey: null, certificates };
}

export function unreadableCertificate(slot: Slot): CertificateRejection {
  return { kind: 'invalidCertificate', slot, reason: 'it is no X.509 certificate in PEM or base64 DER' };
}

export function prepareAttestation(wish: AttestationWish, masterKey: MasterKey): Prepared<Attestation> | WishRejection {
  switch (wish.type) {
    case 'symmetricKey':
      return prepareKeys(wish, masterKey);
    case 'x509':
      return prepareCertificates(wish);
    default:
      return { attestation: wish, dataKey: null, certificates: [] };
  }
}
