import { registrationKey } from '../../registration/registration-id.js';
import { type Certificate, readCertificate, readIssuer } from './certificate.js';
import { pathLengthMax } from './path.js';

/** Longest common name of a certificate (RFC 5280, appendix A: ub-common-name), hence longest id of a device with X.509. */
export const commonNameLengthMax = 64;

/** Purposes that let a device prove itself in a TLS session: client authentication, and any. */
const clientPurposes: readonly string[] = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];

/** Null when the certificate names that device and may be used to prove so. Its dates are not looked at. */
export function faultInLeaf(
  { commonNames, keyUsage, extendedKeyUsage }: Certificate,
  registrationId: string,
): string | null {
  if (registrationId.length > commonNameLengthMax) {
    return `a registration id has at most ${commonNameLengthMax} characters with x509, for it is the certificate's common name`;
  }
  if (commonNames.length !== 1) return `the device's certificate has ${commonNames.length} common names, wanted one`;
  const [name = ''] = commonNames;
  if (registrationKey(name) !== registrationKey(registrationId)) {
    return `the device's certificate has the common name '${name.slice(0, commonNameLengthMax)}', which is not the registration id`;
  }
  if (keyUsage && !keyUsage.digitalSignature) return "the device's certificate may not sign (key usage)";
  if (extendedKeyUsage && !extendedKeyUsage.some((purpose) => clientPurposes.includes(purpose))) {
    return "the device's certificate is not for TLS clients (extended key usage)";
  }
  return null;
}

/** The certificates of a message, leaf first; or why they can't be read. */
export function readChain(chain: readonly string[]): [Certificate, ...Certificate[]] | string {
  if (chain.length === 0) return 'the chain is empty';
  if (chain.length > pathLengthMax) return `the chain has ${chain.length} certificates, ${pathLengthMax} at most`;
  const certificates: Certificate[] = [];
  for (const [index, text] of chain.entries()) {
    const certificate = index === 0 ? readCertificate(text) : readIssuer(text);
    if (!certificate) return `certificate ${index + 1} of the chain is no X.509 certificate in DER and base64`;
    certificates.push(certificate);
  }
  return certificates as [Certificate, ...Certificate[]];
}
