import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files in PEM. A store is a private key followed by its certificate, as Kafka reads `PEM` stores. */
export interface Certificates {
  ca: string;
  brokerStore: string;
  /** A client's, by the same authority. */
  clientCertificate: string;
  clientKey: string;
}

/** Makes an authority that lives for ten days, and by it a broker's certificate for loopback and a client's; by openssl. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const ca = at('ca.pem');
  const newKey = (name: string) => [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', at(`${name}.key`), '-subj', `/CN=berth test ${name}`],
  ];
  await run('openssl', ['req', '-x509', '-days', '10', ...newKey('ca'), '-out', ca]);
  const issue = async (name: string, extension: string) => {
    const request = at(`${name}.csr`);
    const certificate = at(`${name}.pem`);
    await writeFile(at(`${name}.ext`), extension);
    await run('openssl', ['req', ...newKey(name), '-out', request]);
    const signing = [
      '-CA',
      ca,
      '-CAkey',
      at('ca.key'),
      '-CAcreateserial',
      '-days',
      '10',
      '-extfile',
      at(`${name}.ext`),
    ];
    await run('openssl', ['x509', '-req', '-in', request, '-out', certificate, ...signing]);
    return { certificate, key: at(`${name}.key`) };
  };
  const broker = await issue('broker', 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n');
  const client = await issue('client', 'extendedKeyUsage=clientAuth\n');
  const brokerStore = at('broker-store.pem');
  await writeFile(brokerStore, (await readFile(broker.key, 'utf8')) + (await readFile(broker.certificate, 'utf8')));
  return { ca, brokerStore, clientCertificate: client.certificate, clientKey: client.key };
}
