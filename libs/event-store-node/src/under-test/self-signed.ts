import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate for localhost, made on the spot. Undefined where there is no openssl. */
export function selfSigned(): { certificate: Buffer; privateKey: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'event-store-tls-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    const extensions = ['subjectAltName=DNS:localhost', 'basicConstraints=critical,CA:FALSE'];
    const subject = ['-subj', '/CN=localhost', ...extensions.flatMap((extension) => ['-addext', extension])];
    const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...how, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    return { certificate: readFileSync(certificate), privateKey: readFileSync(key) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
