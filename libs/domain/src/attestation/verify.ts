import { type OpenAttestation } from '../registration/enrollment-table.js';
import { registrationKey } from '../registration/registration-id.js';
import { deviceKeyName, expirySkewMs, isSignedBy, parseSasToken } from './sas-token.js';

/** What a device, or the gateway for it, brings to prove who it is. */
export type Proof =
  | { type: 'symmetricKey'; token: string }
  /** Base64 DER certificates, leaf first, from the TLS session that the gateway ended. */
  | { type: 'x509'; chain: readonly string[] }
  | { type: 'gateway' };

export interface Claim {
  registrationId: string;
  /** CloudEvents source of the message: the gateway that published it. */
  source: string;
  attestation: Proof;
}

export interface VerifyContext {
  idScope: string;
  /** The batch's time, milliseconds since 1970. */
  at: number;
}

/** Null when the claim holds under what the enrollment wants, else why it doesn't, in words for an operator. */
export function verify(claim: Claim, wanted: OpenAttestation, context: VerifyContext): string | null {
  const { attestation: proof, source } = claim;
  if (proof.type === 'x509') return 'x509 attestation is not supported by this version of Berth';
  if (proof.type !== wanted.type) {
    return `the enrollment wants ${wanted.type} attestation, the message brought ${proof.type}`;
  }
  if (wanted.type === 'gateway') {
    return wanted.sources.includes(source) ? null : `the enrollment does not trust source '${source}'`;
  }
  return proof.type === 'symmetricKey' ? faultInToken(proof.token, claim, wanted, context) : null;
}

function faultInToken(
  text: string,
  { registrationId }: Claim,
  { primary, secondary }: Extract<OpenAttestation, { type: 'symmetricKey' }>,
  { idScope, at }: VerifyContext,
): string | null {
  const token = parseSasToken(text);
  if (!token) return 'the token is not a shared access signature';
  const wanted = `${idScope.toLowerCase()}/registrations/${registrationKey(registrationId)}`;
  if (token.resource !== wanted)
    return `the token is for another resource, wanted sr=${idScope}/registrations/${registrationId}`;
  if (token.keyName !== deviceKeyName) return `the token's skn is not '${deviceKeyName}'`;
  if (token.expiresAtMs + expirySkewMs < at) return `the token expired (se=${token.signedExpiry})`;
  if (primary && isSignedBy(token, primary)) return null;
  if (secondary && isSignedBy(token, secondary)) return null;
  return "the token's signature matches neither key of the enrollment";
}
