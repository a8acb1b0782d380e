import { timingSafeEqual } from 'node:crypto';
import { hmacSha256 } from './hmac.js';

/** A shared access signature as a device presents it (device protocol, section 3). */
export interface SasToken {
  /** The resource exactly as it stands in the token, for the signature covers that spelling. */
  signedResource: string;
  /** The resource percent-decoded and in lower case. */
  resource: string;
  signature: Buffer;
  /** Seconds since 1970 as they stand in the token, for the signature covers that spelling too. */
  signedExpiry: string;
  expiresAtMs: number;
  keyName: string | null;
}

/** How long after its expiry a token is still taken: clocks differ, five minutes is usual. */
export const expirySkewMs = 5 * 60 * 1000;
/** Longest token looked at, in characters; the longest honest one has about 500. */
export const tokenLengthMax = 2048;
/** The policy name that a device's token carries. */
export const deviceKeyName = 'registration';

const prefix = 'SharedAccessSignature ';
const macBytes = 32;

/** Null when the text isn't a token. Fields come in any order; one given twice makes no token. */
export function parseSasToken(text: string): SasToken | null {
  if (text.length > tokenLengthMax || !text.startsWith(prefix)) return null;
  const fields = fieldsOf(text);
  if (!fields) return null;
  const { sr: signedResource, sig: encodedSignature, se: signedExpiry, skn } = fields;
  if (!signedResource || !encodedSignature || !signedExpiry || !/^\d{1,12}$/.test(signedExpiry)) return null;
  const resource = percentDecoded(signedResource);
  const signatureText = percentDecoded(encodedSignature);
  if (resource === null || signatureText === null) return null;
  const signature = Buffer.from(signatureText, 'base64');
  if (signature.length !== macBytes) return null;
  return {
    signedResource,
    resource: resource.toLowerCase(),
    signature,
    signedExpiry,
    expiresAtMs: Number(signedExpiry) * 1000,
    keyName: skn ?? null,
  };
}

/** Null when a field is given twice or has no name. Written without collections: it runs at every registration. */
function fieldsOf(text: string) {
  let sr: string | undefined;
  let sig: string | undefined;
  let se: string | undefined;
  let skn: string | undefined;
  let others: Set<string> | undefined;
  for (let start = prefix.length; start <= text.length;) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand < 0 ? text.length : ampersand;
    const equals = text.indexOf('=', start);
    if (equals <= start || equals >= end) return null;
    const name = text.slice(start, equals);
    const value = text.slice(equals + 1, end);
    if (name === 'sr' && sr === undefined) sr = value;
    else if (name === 'sig' && sig === undefined) sig = value;
    else if (name === 'se' && se === undefined) se = value;
    else if (name === 'skn' && skn === undefined) skn = value;
    else if (isKnownField(name) || others?.has(name)) return null;
    else (others ??= new Set()).add(name);
    start = end + 1;
  }
  return { sr, sig, se, skn };
}

function isKnownField(name: string): boolean {
  return name === 'sr' || name === 'sig' || name === 'se' || name === 'skn';
}

const mac = Buffer.alloc(macBytes);

/** Whether `key` signed the token; compared in constant time. */
export function isSignedBy(token: SasToken, key: Uint8Array): boolean {
  hmacSha256(key, `${token.signedResource}\n${token.signedExpiry}`, mac);
  return timingSafeEqual(mac, token.signature);
}

function percentDecoded(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
