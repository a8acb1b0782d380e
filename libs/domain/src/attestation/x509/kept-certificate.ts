import { type KeptCertificate } from '../attestation.js';
import { type Certificate, certificateBytesMax, readCertificate } from './certificate.js';
import { faultInLeaf } from './leaf.js';
import { faultInCertificate, faultInIssuer } from './path.js';

const pem = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

/** One certificate as an operator hands it in, PEM or base64 DER; null when it is neither. */
export function keepCertificate(text: string): KeptCertificate | null {
  if (text.length > 2 * certificateBytesMax) return null;
  const base64 = (pem.exec(text)?.[1] ?? text).replace(/\s/g, '');
  const certificate = readCertificate(base64);
  return certificate && { certificate: base64, thumbprint: certificate.thumbprint };
}

/** Why that can't be a device's own certificate; null when it can. @param at milliseconds since 1970. */
export function faultInKeptLeaf({ certificate }: KeptCertificate, registrationId: string, at: number): string | null {
  const leaf = readKept(certificate);
  const fault = faultInCertificate(leaf, at, 'notAfter');
  return faultInLeaf(leaf, registrationId) ?? (fault && `the certificate ${fault}`);
}

/** Why that can't issue certificates; null when it can. @param at milliseconds since 1970. */
export function faultInKeptCa({ certificate }: KeptCertificate, at: number): string | null {
  const ca = readKept(certificate);
  const fault = faultInCertificate(ca, at, 'notAfter') ?? faultInIssuer(ca, 0);
  return fault && `the certificate ${fault}`;
}

/** What people want to know of a certificate; the names are those of the device protocol, section 7. */
export interface CertificateInfo {
  subjectName: string;
  issuerName: string;
  /** Hex, upper case. */
  sha1Thumbprint: string;
  sha256Thumbprint: string;
  serialNumber: string;
  /** ISO 8601. */
  notBefore: string;
  notAfter: string;
}

export function certificateInfo({ certificate }: KeptCertificate): CertificateInfo {
  const { x509, notBefore, notAfter } = readKept(certificate);
  const oneLine = (name: string | undefined) => (name ?? '').split('\n').join(', ');
  return {
    subjectName: oneLine(x509.subject),
    issuerName: oneLine(x509.issuer),
    sha1Thumbprint: x509.fingerprint.replaceAll(':', ''),
    sha256Thumbprint: x509.fingerprint256.replaceAll(':', ''),
    serialNumber: x509.serialNumber,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
  };
}

function readKept(base64: string): Certificate {
  const certificate = readCertificate(base64);
  // What is kept was read once already.
  if (!certificate) throw new Error('A kept certificate can not be read');
  return certificate;
}
