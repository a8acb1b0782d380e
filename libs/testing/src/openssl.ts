import { afterAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type KeyKind = 'ec' | 'ed25519' | 'ed448' | 'secp256k1' | 'rsa' | 'rsa1024';

/** What a certificate shall be like; fields left out give an honest one. */
export interface CertificateWish {
  /** Subject as openssl takes it; `/CN=name` by default. */
  subject?: string;
  /** Null signs itself. */
  issuer?: IssuedCertificate | null;
  key?: KeyKind;
  /** The key of another certificate instead of a fresh one. */
  keyOf?: IssuedCertificate;
  days?: number;
  /** Extensions as openssl's `-addext` takes them. */
  extensions?: readonly string[];
  digest?: string;
  signing?: readonly string[];
}

export interface IssuedCertificate {
  /** Base64 DER. */
  base64: string;
  keyFile: string;
  certificateFile: string;
}

const keyTypes: Record<KeyKind, () => KeyObject> = {
  ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  secp256k1: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey,
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
  ed448: () => generateKeyPairSync('ed448').privateKey,
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  rsa1024: () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
};

export const caExtensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] as const;
export const leafExtensions = ['keyUsage=critical,digitalSignature', 'extendedKeyUsage=clientAuth'] as const;

/** Makes real certificates with the openssl program, in a folder of its own. Keys are node's, for starting a program costs more. */
export class OpenSsl {
  private readonly folder = mkdtempSync(join(tmpdir(), 'berth-openssl-'));
  private count = 0;

  constructor() {
    // Nothing of the machine's own configuration: what isn't asked for isn't in a certificate.
    writeFileSync(join(this.folder, 'empty.cnf'), '[req]\ndistinguished_name = none\n[none]\n');
  }

  root(name: string, wish: CertificateWish = {}): IssuedCertificate {
    return this.issue(name, { issuer: null, extensions: caExtensions, ...wish });
  }

  ca(name: string, issuer: IssuedCertificate, wish: CertificateWish = {}): IssuedCertificate {
    return this.issue(name, { issuer, extensions: caExtensions, ...wish });
  }

  leaf(name: string, issuer: IssuedCertificate | null, wish: CertificateWish = {}): IssuedCertificate {
    return this.issue(name, { issuer, extensions: leafExtensions, ...wish });
  }

  issue(name: string, wish: CertificateWish): IssuedCertificate {
    const { subject = `/CN=${name}`, issuer, key = 'ec', days = 30, extensions = [], digest = 'sha256' } = wish;
    this.count += 1;
    const keyFile = wish.keyOf?.keyFile ?? this.newKey(key);
    const certificateFile = join(this.folder, `certificate-${this.count}.pem`);
    this.run([
      ...['req', '-x509', '-new', '-config', join(this.folder, 'empty.cnf'), '-utf8', '-key', keyFile],
      ...['-out', certificateFile, '-subj', subject, '-days', String(days)],
      ...(issuer ? ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile] : []),
      ...(key === 'ed25519' || key === 'ed448' ? [] : [`-${digest}`]),
      ...(wish.signing ?? []),
      ...extensions.flatMap((extension) => ['-addext', extension]),
    ]);
    const { raw } = new X509Certificate(readFileSync(certificateFile));
    return { base64: raw.toString('base64'), keyFile, certificateFile };
  }

  pem({ certificateFile }: IssuedCertificate): string {
    return readFileSync(certificateFile, 'utf8');
  }

  /** SHA-256 of the certificate's DER, lower-case hex. */
  thumbprint(base64: string): string {
    return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex');
  }

  run(args: readonly string[]): Buffer {
    return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private newKey(kind: KeyKind): string {
    const file = join(this.folder, `key-${this.count}.pem`);
    writeFileSync(file, keyTypes[kind]().export({ type: 'pkcs8', format: 'pem' }));
    return file;
  }
}

/** A suite with certificates made by openssl, which is given to it. Where there is none it says so, and in CI that is a failure. */
export function describeWithOpenSsl(name: string, suite: (openssl: OpenSsl) => void): void {
  describe(name, () => {
    if (isInstalled()) {
      const openssl = new OpenSsl();
      afterAll(() => openssl.remove());
      suite(openssl);
      return;
    }
    const title = 'did not run: there is no openssl on the path';
    if (process.env['CI'] === 'true') it(title, () => expect('openssl').toBe('there'));
    else it.skip(title, () => undefined);
  });
}

function isInstalled(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
