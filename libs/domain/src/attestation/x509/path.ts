import { type Certificate } from './certificate.js';

/** Certificates of one path, leaf included: what the registration message's schema takes, and ten times an honest one's. */
export const pathLengthMax = 10;

/**
 * Null when each certificate was issued by the next and all of them hold at that time, after RFC 5280, section 6.1. Whether
 * anybody trusts the last one, and who the leaf is, are questions of their own.
 * @param path leaf first, at least one, `pathLengthMax` at most.
 * @param at milliseconds since 1970.
 */
export function faultInPath(path: readonly Certificate[], at: number): string | null {
  let below = 0;
  for (const [index, certificate] of path.entries()) {
    const name = nameOf(certificate, index);
    const fault = faultInCertificate(certificate, at) ?? (index > 0 ? faultInIssuer(certificate, below) : null);
    if (fault !== null) return `${name} ${fault}`;
    // Certificates by which a CA vouches for itself don't count towards path lengths.
    if (index > 0 && certificate.subject !== certificate.issuer) below += 1;
  }
  for (const [index, certificate] of path.entries()) {
    const issuer = path[index + 1];
    if (issuer && !isIssuedBy(certificate, issuer)) {
      return `${nameOf(certificate, index)} was not issued by ${nameOf(issuer, index + 1)}`;
    }
  }
  return null;
}

/** How a refusal speaks of a certificate: by its place, counted from the leaf, and its name. */
export function nameOf({ commonNames }: Certificate, index: number): string {
  const name = commonNames[0] ?? 'no common name';
  return `certificate ${index + 1} (${name.length > 64 ? `${name.slice(0, 64)}…` : name})`;
}

/** What must hold for any certificate, alone. @param dates `notAfter`: also one that is only going to be valid. */
export function faultInCertificate(
  certificate: Certificate,
  at: number,
  dates: 'both' | 'notAfter' = 'both',
): string | null {
  const { notBefore, notAfter, unknownCritical, repeatedExtension } = certificate;
  if (at < notBefore && dates === 'both') return `is not valid before ${new Date(notBefore).toISOString()}`;
  if (at > notAfter) return `expired at ${new Date(notAfter).toISOString()}`;
  if (repeatedExtension !== null) return `has extension ${repeatedExtension} twice`;
  if (unknownCritical.length > 0) return `has a critical extension that Berth does not know: ${unknownCritical[0]}`;
  return faultInKey(certificate) ?? faultInAlgorithm(certificate);
}

/** What must hold for a certificate that issues others. @param below certificates between it and the leaf that are not self-issued. */
export function faultInIssuer({ basicConstraints, keyUsage }: Certificate, below: number): string | null {
  if (!basicConstraints?.isCa) return 'is no CA (basic constraints)';
  if (keyUsage && !keyUsage.keyCertSign) return 'may not sign certificates (key usage)';
  const { pathLengthMax: allowed } = basicConstraints;
  if (allowed !== null && below > allowed) return `allows ${allowed} CAs below it, the chain has ${below}`;
  return null;
}

/** Smallest RSA modulus taken, in bits (NIST SP 800-57, part 1: what has 112 bits of strength). */
const rsaBitsMin = 2048;
const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];

function faultInKey({ x509 }: Certificate): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = x509.publicKey;
  if (type === 'ed25519' || type === 'ed448') return null;
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0;
    return bits < rsaBitsMin ? `has an RSA key of ${bits} bits, ${rsaBitsMin} at least` : null;
  }
  if (type !== 'ec') return 'has a key of another kind than RSA, EC and EdDSA';
  const curve = details?.namedCurve ?? 'a curve without a name';
  return curves.includes(curve) ? null : `has a key on ${curve}, which is none of ${curves.join(', ')}`;
}

/** RSA and ECDSA with SHA-256, 384 and 512, and EdDSA. */
const algorithms: readonly string[] = [
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
  '1.3.101.113',
];

/** Nobody relies on the signature by which a root vouches for itself, so an old one may be weak. */
function faultInAlgorithm({ x509, subject, issuer }: Certificate): string | null {
  const { signatureAlgorithmOid: algorithm } = x509;
  if (algorithms.includes(algorithm ?? '') || subject === issuer) return null;
  return `is signed by ${x509.signatureAlgorithm ?? algorithm}, which is not taken`;
}

/** Signatures found good or bad, as long as the certificates are remembered: those of CAs come with every device. */
const known = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/** Whether the key of `issuer` signed it, under that name. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  const results = known.get(certificate) ?? new WeakMap<Certificate, boolean>();
  let result = results.get(issuer);
  if (result === undefined) {
    result = certificate.x509.checkIssued(issuer.x509) && certificate.x509.verify(issuer.x509.publicKey);
    results.set(issuer, result);
    known.set(certificate, results);
  }
  return result;
}
