import {
  fromBER,
  Boolean as AsnBoolean,
  BitString,
  Integer,
  ObjectIdentifier,
  OctetString,
  Sequence,
  Set as AsnSet,
} from 'asn1js';
import { X509Certificate } from 'node:crypto';

/** A certificate read and taken apart as far as the checks look. It says nothing yet about trust. */
export interface Certificate {
  /** SHA-256 of its DER in lower-case hex: what names a certificate everywhere in Berth. */
  thumbprint: string;
  /** Common names of its subject in order; honest certificates have one. */
  commonNames: readonly string[];
  /** Milliseconds since 1970, both inclusive. */
  notBefore: number;
  notAfter: number;
  /** Null when it has no such extension. */
  basicConstraints: { isCa: boolean; pathLengthMax: number | null } | null;
  keyUsage: { digitalSignature: boolean; keyCertSign: boolean } | null;
  /** Purposes as object identifiers; null when it has no such extension. */
  extendedKeyUsage: readonly string[] | null;
  /** Critical extensions that nothing here knows how to honour, as object identifiers. */
  unknownCritical: readonly string[];
  /** An extension that it has twice; null when there is none. */
  repeatedExtension: string | null;
  /** Subject and issuer in one spelling, to find the issuer by; whether it signed is another matter. */
  subject: string;
  issuer: string;
  x509: X509Certificate;
}

/** Largest certificate looked at, in bytes, a multiple of three; with a 4096-bit key and many extensions an honest one has under 4 KB. */
export const certificateBytesMax = 12 * 1024;
/** Issuers kept read: a fleet has a few, and every device brings them along. Only speed hangs on it. */
const issuersKeptMax = 256;

const issuers = new Map<string, Certificate | null>();

/** Null when the text isn't base64 of exactly one certificate in DER of at most 12 KB. */
export function readCertificate(base64: string): Certificate | null {
  if (base64.length > (certificateBytesMax / 3) * 4) return null;
  const der = Buffer.from(base64, 'base64');
  if (der.toString('base64') !== base64) return null;
  try {
    const x509 = new X509Certificate(der);
    // OpenSSL also takes PEM, and ignores what follows a certificate.
    return x509.raw.equals(der) ? { ...describe(x509), ...takeApart(der) } : null;
  } catch {
    return null;
  }
}

/** The same, remembered: for certificates that come with many devices. */
export function readIssuer(base64: string): Certificate | null {
  let certificate = issuers.get(base64);
  if (certificate === undefined) {
    certificate = readCertificate(base64);
    if (issuers.size >= issuersKeptMax) issuers.clear();
    issuers.set(base64, certificate);
  }
  return certificate;
}

type Described = Pick<Certificate, 'thumbprint' | 'notBefore' | 'notAfter' | 'subject' | 'issuer' | 'x509'>;

function describe(x509: X509Certificate): Described {
  return {
    thumbprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: x509.validFromDate.getTime(),
    notAfter: x509.validToDate.getTime(),
    // Undefined for an empty name, whatever the types say.
    subject: (x509.subject ?? '').toLowerCase(),
    issuer: (x509.issuer ?? '').toLowerCase(),
    x509,
  };
}

/** RFC 5280, sections 4.1 and 4.2. */
const oid = {
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  certificatePolicies: '2.5.29.32',
} as const;
/** What may be critical: checked here, or (names, policies) without a say in whether a device is who it claims to be. */
const honoured: readonly string[] = [
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectAlternativeName,
  oid.certificatePolicies,
];

/** What node:crypto doesn't tell. @throws when the bytes don't have the shape of RFC 5280. */
function takeApart(der: Uint8Array): Omit<Certificate, keyof Described> {
  const [tbs] = partsOf(parsed(der));
  const fields = partsOf(tbs);
  const isTagged = (field: unknown, tag: number) => {
    const { tagClass, tagNumber } = (field as Sequence).idBlock;
    return tagClass === contextSpecific && tagNumber === tag;
  };
  const untagged = fields.filter((field) => ![0, 1, 2, 3].some((tag) => isTagged(field, tag)));
  const [, , , , subject] = untagged;
  const tagged = fields.find((field) => isTagged(field, 3));
  const extensions = tagged ? partsOf((tagged as Sequence).valueBlock.value[0]).map(extensionOf) : [];
  const found = (id: string) => extensions.find((extension) => extension.id === id)?.value;
  const ids = extensions.map(({ id }) => id);
  return {
    commonNames: commonNamesIn(subject),
    basicConstraints: basicConstraintsIn(found(oid.basicConstraints)),
    keyUsage: keyUsageIn(found(oid.keyUsage)),
    extendedKeyUsage: extendedKeyUsageIn(found(oid.extendedKeyUsage)),
    unknownCritical: extensions
      .filter(({ id, isCritical }) => isCritical && !honoured.includes(id))
      .map(({ id }) => id),
    repeatedExtension: ids.find((id, index) => ids.indexOf(id) !== index) ?? null,
  };
}

const contextSpecific = 3;

function parsed(der: Uint8Array): unknown {
  const { offset, result } = fromBER(der);
  if (offset !== der.length) throw new Error('not one ASN.1 value');
  return result;
}

function partsOf(value: unknown): unknown[] {
  if (value instanceof Sequence || value instanceof AsnSet) return value.valueBlock.value;
  throw new Error('not a sequence');
}

function identifier(value: unknown): string {
  if (value instanceof ObjectIdentifier) return value.getValue();
  throw new Error('not an object identifier');
}

function extensionOf(extension: unknown): { id: string; isCritical: boolean; value: Uint8Array } {
  const [id, ...rest] = partsOf(extension);
  const [flag, octets] = rest.length === 2 ? rest : [null, rest[0]];
  if (!(octets instanceof OctetString)) throw new Error('not an extension');
  const isCritical = flag instanceof AsnBoolean && flag.getValue();
  return { id: identifier(id), isCritical, value: new Uint8Array(octets.getValue()) };
}

function commonNamesIn(subject: unknown): string[] {
  const attributes = partsOf(subject).flatMap(partsOf).map(partsOf);
  return attributes
    .filter(([type]) => identifier(type) === oid.commonName)
    .map(([, text]) => String((text as { getValue(): unknown }).getValue()));
}

function basicConstraintsIn(value: Uint8Array | undefined): Certificate['basicConstraints'] {
  if (!value) return null;
  const parts = partsOf(parsed(value));
  const [first] = parts;
  const isCa = first instanceof AsnBoolean && first.getValue();
  const length = parts.find((part) => part instanceof Integer);
  return { isCa, pathLengthMax: length instanceof Integer ? length.valueBlock.valueDec : null };
}

function keyUsageIn(value: Uint8Array | undefined): Certificate['keyUsage'] {
  if (!value) return null;
  const bits = parsed(value);
  if (!(bits instanceof BitString)) throw new Error('not a bit string');
  const first = bits.valueBlock.valueHexView[0] ?? 0;
  return { digitalSignature: (first & 0x80) !== 0, keyCertSign: (first & 0x04) !== 0 };
}

function extendedKeyUsageIn(value: Uint8Array | undefined): Certificate['extendedKeyUsage'] {
  return value ? partsOf(parsed(value)).map(identifier) : null;
}
