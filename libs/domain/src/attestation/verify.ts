import { type OpenAttestation } from '../registration/enrollment-table.js';
import { registrationKey } from '../registration/registration-id.js';
import { deviceKeyName, expirySkewMs, isSignedBy, parseSasToken, type SasToken } from './sas-token.js';
import { faultInLeaf, readChain } from './x509/leaf.js';
import { faultInPath } from './x509/path.js';

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

/** Null when the claim holds under what an individual enrollment wants, else why it doesn't, in words for an operator. */
export function verify(claim: Claim, wanted: OpenAttestation, context: VerifyContext): string | null {
  const { attestation: proof, source } = claim;
  if (wanted.type === 'tpm') return 'TPM attestation is not supported by this version of Berth';
  if (proof.type === 'symmetricKey' && wanted.type === 'symmetricKey') {
    const token = checkedToken(proof.token, claim, context);
    if (typeof token === 'string') return token;
    const { primary, secondary } = wanted;
    if (primary && isSignedBy(token, primary)) return null;
    if (secondary && isSignedBy(token, secondary)) return null;
    return "the token's signature matches neither key of the enrollment";
  }
  if (proof.type === 'x509' && wanted.type === 'x509') return faultInOwnChain(proof.chain, claim, wanted, context);
  if (proof.type === 'gateway' && wanted.type === 'gateway') {
    return wanted.sources.includes(source) ? null : `the enrollment does not trust source '${source}'`;
  }
  return `the enrollment wants ${wanted.type} attestation, the message brought ${proof.type}`;
}

/** The token when it is meant for this device and time, else why not; who signed it is still to be seen. */
export function checkedToken(
  text: string,
  { registrationId }: Pick<Claim, 'registrationId'>,
  { idScope, at }: VerifyContext,
): SasToken | string {
  const token = parseSasToken(text);
  if (!token) return 'the token is not a shared access signature';
  const wanted = `${idScope.toLowerCase()}/registrations/${registrationKey(registrationId)}`;
  if (token.resource !== wanted)
    return `the token is for another resource, wanted sr=${idScope}/registrations/${registrationId}`;
  if (token.keyName !== deviceKeyName) return `the token's skn is not '${deviceKeyName}'`;
  if (token.expiresAtMs + expirySkewMs < at) return `the token expired (se=${token.signedExpiry})`;
  return token;
}

/** The device's certificate is known exactly, so nobody above it has a say: what else the device sent isn't looked at. */
function faultInOwnChain(
  chain: readonly string[],
  { registrationId }: Claim,
  { primary, secondary }: Extract<OpenAttestation, { type: 'x509' }>,
  { at }: VerifyContext,
): string | null {
  const certificates = readChain(chain.slice(0, 1));
  if (typeof certificates === 'string') return certificates;
  const [leaf] = certificates;
  const thumbprint = Buffer.from(leaf.thumbprint, 'hex');
  if (![primary, secondary].some((it) => it && thumbprint.equals(it))) {
    return "the device's certificate is neither of the enrollment's";
  }
  return faultInLeaf(leaf, registrationId) ?? faultInPath([leaf], at);
}
