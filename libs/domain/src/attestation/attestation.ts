import { type SealedSecret } from '../secret/sealed-secret.js';

/** How the device of an individual enrollment proves who it is. */
export type Attestation =
  | SymmetricKeys
  /** The device's own certificate, exactly; either of the two. At least one is there. */
  | { type: 'x509'; primary: KeptCertificate | null; secondary: KeptCertificate | null }
  /** Modelled, and refused at registration: nothing here can challenge a TPM. Both keys are public, base64. */
  | { type: 'tpm'; endorsementKey: string; storageRootKey: string | null }
  /** A trusted edge gateway vouches: `sources` are the CloudEvents sources that may. */
  | { type: 'gateway'; sources: readonly string[] };

/** How the devices of a group prove who they are. */
export type GroupAttestation =
  /** A device's key is HMAC-SHA256 of its registration id under a key of the group. */
  | SymmetricKeys
  /** The device's chain goes through this CA and on to a verified one. At least one is there. */
  | { type: 'x509'; primary: KeptCertificate | null; secondary: KeptCertificate | null }
  /** The device's chain goes through a CA certificate that was uploaded and verified. At least one is there. */
  | { type: 'caReference'; primary: CaReference | null; secondary: CaReference | null };

export interface SymmetricKeys {
  type: 'symmetricKey';
  primary: SealedSecret;
  secondary: SealedSecret;
}

/** A certificate as events keep it; certificates are no secrets. */
export interface KeptCertificate {
  /** Base64 DER. */
  certificate: string;
  /** SHA-256 of the DER, lower-case hex. */
  thumbprint: string;
}

/** An uploaded CA certificate by its name, and what it was when it was referred to: it can't be replaced meanwhile. */
export interface CaReference {
  name: string;
  thumbprint: string;
}

export const slots = ['primary', 'secondary'] as const;
export type Slot = (typeof slots)[number];

/** Thumbprints of the certificates that belong to whoever has this attestation, and to nobody else. */
export function thumbprintsOf(attestation: Attestation | GroupAttestation): readonly string[] {
  if (attestation.type !== 'x509' && attestation.type !== 'caReference') return [];
  const { primary, secondary } = attestation;
  return [...new Set([primary, secondary].flatMap((it) => it?.thumbprint ?? []))];
}

/** Ids of the data keys under which the attestation's secrets are sealed. */
export function keyIdsOf(attestation: Attestation | GroupAttestation): readonly string[] {
  if (attestation.type !== 'symmetricKey') return [];
  return [...new Set([attestation.primary.keyId, attestation.secondary.keyId])];
}
