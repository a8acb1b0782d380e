import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** PEM texts; whatever is absent, TLS does without: the machine's own authorities, no certificate of our own. */
export interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

/** The variables that name the files. */
interface Names {
  ca?: string;
  cert: string;
  key: string;
}

/** Reads the files that variables name, and looks at them now, not at the first connection. */
export function readTlsFiles(text: (name: string) => string | null, problems: string[], names: Names): TlsFiles {
  const tls: TlsFiles = {};
  const read = <T>(part: keyof TlsFiles, what: string, parse: (pem: string) => T): T | null => {
    const name = names[part];
    const path = name === undefined ? null : text(name);
    if (path === null) return null;
    try {
      const pem = readFileSync(path, 'utf8');
      const parsed = parse(pem);
      tls[part] = pem;
      return parsed;
    } catch (error) {
      // Of the error only its code, for OpenSSL may quote what it read.
      const code = typeof error === 'object' && error !== null && 'code' in error ? ` (${String(error.code)})` : '';
      problems.push(`${name} must name a readable file with ${what} in PEM${code}`);
      return null;
    }
  };
  read('ca', 'certificates of authorities', certificatesIn);
  const chain = read('cert', 'a certificate and those that vouch for it', certificatesIn);
  const key = read('key', 'a private key without a passphrase', (pem): KeyObject => createPrivateKey(pem));
  if ((text(names.cert) === null) !== (text(names.key) === null)) {
    problems.push(`${names.cert} and ${names.key} go together`);
  }
  if (chain && key && !chain[0].checkPrivateKey(key)) problems.push(`${names.key} is not the key of ${names.cert}`);
  return tls;
}

/** @throws when there is none, or one that is none. */
function certificatesIn(pem: string): [X509Certificate, ...X509Certificate[]] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const [first, ...others] = texts.map((one) => new X509Certificate(one));
  if (!first) throw new Error('no certificate');
  return [first, ...others];
}
