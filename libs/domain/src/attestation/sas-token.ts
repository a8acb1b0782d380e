import { createHmac, timingSafeEqual } from 'node:crypto';

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
  const fields = new Map<string, string>();
  for (const part of text.slice(prefix.length).split('&')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, equals);
    if (equals <= 0 || fields.has(name)) return null;
    fields.set(name, part.slice(equals + 1));
  }
  const signedResource = fields.get('sr');
  const encodedSignature = fields.get('sig');
  const signedExpiry = fields.get('se');
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
    keyName: fields.get('skn') ?? null,
  };
}

/** Whether `key` signed the token; compared in constant time. */
export function isSignedBy(token: SasToken, key: Buffer): boolean {
  const mac = createHmac('sha256', key).update(`${token.signedResource}\n${token.signedExpiry}`).digest();
  return timingSafeEqual(mac, token.signature);
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
