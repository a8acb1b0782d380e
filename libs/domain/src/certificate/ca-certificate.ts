import { type KeptCertificate } from '../attestation/attestation.js';
import { readCertificate } from '../attestation/x509/certificate.js';
import { faultInKeptCa } from '../attestation/x509/kept-certificate.js';
import { faultInCertificate, isIssuedBy } from '../attestation/x509/path.js';
import { accepted, type Decision, rejected, unreachable } from '../decision.js';
import { type Limit } from '../limit.js';
import { isRegistrationId } from '../registration/registration-id.js';

/** A CA certificate that groups may refer to, and that chains must reach. Stream `caCertificate-<name>`. */
export type CaCertificateEvent =
  | { type: 'CaCertificateUploaded'; v: 1; data: CaCertificateData }
  /** Proof of possession was asked for: a certificate with this code as common name, issued by the CA, proves it. */
  | { type: 'CaCertificateVerificationBegun'; v: 1; data: { name: string; code: string } }
  | { type: 'CaCertificateVerified'; v: 1; data: { name: string; by: 'operator' | 'proofOfPossession' } }
  | { type: 'CaCertificateDeleted'; v: 1; data: { name: string } };

export interface CaCertificateData extends KeptCertificate {
  /** As the operator spelled it. */
  name: string;
  /** Whether the operator vouched for it at once. */
  verified: boolean;
}

export type CaCertificate =
  | { status: 'none' }
  | ({
      status: 'uploaded';
      /** The latest verification code; null before the first and once it is verified. */
      code: string | null;
    } & CaCertificateData);

export const noCaCertificate: CaCertificate = { status: 'none' };

export type CaCertificateRejection =
  | { kind: 'invalidCaCertificateName'; name: string }
  | { kind: 'invalidCertificate'; slot: null; reason: string }
  | { kind: 'caCertificateExists'; name: string }
  | { kind: 'caCertificateNotFound'; name: string }
  | { kind: 'tooManyCaCertificates'; max: number }
  | { kind: 'verificationNotBegun'; name: string }
  | { kind: 'verificationFailed'; reason: string };

export function evolveCaCertificate(ca: CaCertificate, event: CaCertificateEvent): CaCertificate {
  if (event.type === 'CaCertificateUploaded') return { status: 'uploaded', code: null, ...event.data };
  if (ca.status === 'none') return ca;
  switch (event.type) {
    case 'CaCertificateVerificationBegun':
      return { ...ca, code: event.data.code };
    case 'CaCertificateVerified':
      return { ...ca, verified: true, code: null };
    case 'CaCertificateDeleted':
      return noCaCertificate;
    default:
      return unreachable(event);
  }
}

type CaCertificateDecision = Decision<CaCertificateEvent, CaCertificateRejection>;

/** @param command.at milliseconds since 1970. */
export function uploadCaCertificate(
  { limit, at, ...data }: CaCertificateData & { at: number; limit: Limit },
  ca: CaCertificate,
): CaCertificateDecision {
  if (!isRegistrationId(data.name)) return rejected({ kind: 'invalidCaCertificateName', name: data.name });
  const reason = faultInKeptCa(data, at);
  if (reason !== null) return rejected({ kind: 'invalidCertificate', slot: null, reason });
  if (ca.status === 'uploaded') {
    const isSameUpload = ca.thumbprint === data.thumbprint && (ca.verified || !data.verified);
    return isSameUpload ? accepted() : rejected({ kind: 'caCertificateExists', name: ca.name });
  }
  if (limit.count >= limit.max) return rejected({ kind: 'tooManyCaCertificates', max: limit.max });
  return accepted({ type: 'CaCertificateUploaded', v: 1, data });
}

/** @param command.code fresh and not to be guessed: whoever can have it signed has the CA's key. */
export function beginVerification(
  { name, code }: { name: string; code: string },
  ca: CaCertificate,
): CaCertificateDecision {
  if (ca.status === 'none') return rejected({ kind: 'caCertificateNotFound', name });
  if (ca.verified || ca.code === code) return accepted();
  return accepted({ type: 'CaCertificateVerificationBegun', v: 1, data: { name: ca.name, code } });
}

/** @param proof a certificate, base64 DER, with the code as common name; null: the operator vouches. @param at milliseconds since 1970. */
export function verifyCaCertificate(
  { name, proof, at }: { name: string; proof: string | null; at: number },
  ca: CaCertificate,
): CaCertificateDecision {
  if (ca.status === 'none') return rejected({ kind: 'caCertificateNotFound', name });
  if (ca.verified) return accepted();
  if (proof !== null) {
    if (ca.code === null) return rejected({ kind: 'verificationNotBegun', name: ca.name });
    const reason = faultInProof(proof, ca.code, ca, at);
    if (reason !== null) return rejected({ kind: 'verificationFailed', reason });
  }
  const by = proof === null ? 'operator' : 'proofOfPossession';
  return accepted({ type: 'CaCertificateVerified', v: 1, data: { name: ca.name, by } });
}

export function deleteCaCertificate({ name }: { name: string }, ca: CaCertificate): CaCertificateDecision {
  if (ca.status === 'none') return rejected({ kind: 'caCertificateNotFound', name });
  return accepted({ type: 'CaCertificateDeleted', v: 1, data: { name: ca.name } });
}

function faultInProof(proof: string, code: string, { certificate }: KeptCertificate, at: number): string | null {
  const shown = readCertificate(proof);
  const ca = readCertificate(certificate);
  if (!shown || !ca) return 'it is no X.509 certificate';
  if (shown.commonNames.length !== 1 || shown.commonNames[0] !== code) return 'its common name is not the code';
  const fault = faultInCertificate(shown, at);
  if (fault !== null) return `it ${fault}`;
  return isIssuedBy(shown, ca) ? null : 'it was not issued by the CA';
}
