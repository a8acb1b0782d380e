import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { type Certificates, makeCertificates } from '../../../tools/kafka/certificates.js';
import { readSettings } from './settings.js';

const brokers = { BERTH_KAFKA_BROKERS: 'kafka-1.example.test:9093,[::1]:9093' };
const read = (env: Record<string, string>) => {
  const result = readSettings({ ...brokers, ...env });
  return result.ok ? result.settings.kafka : result.problems;
};

let folder: string;
let certificates: Certificates;
let rubbish: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-tls-'));
  certificates = await makeCertificates(folder);
  rubbish = join(folder, 'rubbish.pem');
  await writeFile(rubbish, '-----BEGIN CERTIFICATE-----\nhush-hush\n-----END CERTIFICATE-----\n');
}, 30_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the settings of Kafka', () => {
  it('are brokers alone by default', () => {
    const brokersNamed = ['kafka-1.example.test:9093', '[::1]:9093'];
    expect(read({})).toEqual({ brokers: brokersNamed, sasl: null, tls: null, compression: 'none' });
  });

  it('take a user with any mechanism, in whatever case it is written', () => {
    const user = { BERTH_KAFKA_SASL_USERNAME: 'berth', BERTH_KAFKA_SASL_PASSWORD: 'secret' };
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512']) {
      expect(read({ ...user, BERTH_KAFKA_SASL_MECHANISM: mechanism.toUpperCase() })).toMatchObject({
        sasl: { mechanism, username: 'berth', password: 'secret' },
      });
    }
  });

  it('take a compression', () => {
    expect(read({ BERTH_KAFKA_COMPRESSION: 'zstd' })).toMatchObject({ compression: 'zstd' });
  });

  it("take TLS by the machine's authorities, by named ones, and with a certificate of our own", async () => {
    const on = { BERTH_KAFKA_TLS: 'true' };
    expect(read(on)).toMatchObject({ tls: {} });
    const { ca, clientCertificate, clientKey } = certificates;
    const [caText, cert, key] = await Promise.all(
      [ca, clientCertificate, clientKey].map((file) => readFile(file, 'utf8')),
    );
    expect(read({ ...on, BERTH_KAFKA_TLS_CA: ca })).toMatchObject({ tls: { ca: caText } });
    const own = { BERTH_KAFKA_TLS_CERT: clientCertificate, BERTH_KAFKA_TLS_KEY: clientKey };
    expect(read({ ...on, BERTH_KAFKA_TLS_CA: ca, ...own })).toMatchObject({ tls: { ca: caText, cert, key } });
  });

  it('report everything that is wrong at once, and quote no secret and no file', () => {
    const problems = read({
      BERTH_KAFKA_BROKERS: 'nowhere',
      BERTH_KAFKA_SASL_MECHANISM: 'kerberos',
      BERTH_KAFKA_SASL_PASSWORD: 'hush-hush',
      BERTH_KAFKA_TLS: 'true',
      BERTH_KAFKA_TLS_CA: rubbish,
      BERTH_KAFKA_TLS_CERT: join(folder, 'not-there.pem'),
      BERTH_KAFKA_TLS_KEY: rubbish,
      BERTH_KAFKA_COMPRESSION: 'lz4',
    });
    expect(problems).toEqual([
      expect.stringContaining('BERTH_KAFKA_BROKERS'),
      expect.stringContaining('BERTH_KAFKA_SASL_MECHANISM must be one of'),
      expect.stringContaining('BERTH_KAFKA_SASL_USERNAME and BERTH_KAFKA_SASL_PASSWORD are required'),
      expect.stringContaining('BERTH_KAFKA_TLS_CA must name a readable file'),
      expect.stringMatching(/BERTH_KAFKA_TLS_CERT must name .*\(ENOENT\)/),
      expect.stringContaining('BERTH_KAFKA_TLS_KEY must name a readable file'),
      'BERTH_KAFKA_COMPRESSION must be one of none, gzip, zstd',
    ]);
    expect(JSON.stringify(problems)).not.toMatch(/hush/);
  });

  it('refuse halves: a key without its certificate, files without TLS, a user without a mechanism, all without brokers', () => {
    const on = { BERTH_KAFKA_TLS: 'true' };
    const { ca, clientCertificate, clientKey, brokerStore } = certificates;
    expect(read({ ...on, BERTH_KAFKA_TLS_KEY: clientKey })).toEqual([expect.stringContaining('go together')]);
    expect(read({ ...on, BERTH_KAFKA_TLS_CERT: clientCertificate, BERTH_KAFKA_TLS_KEY: brokerStore })).toEqual([
      'BERTH_KAFKA_TLS_KEY is not the key of BERTH_KAFKA_TLS_CERT',
    ]);
    expect(read({ BERTH_KAFKA_TLS_CA: ca })).toEqual(['BERTH_KAFKA_TLS_CA wants BERTH_KAFKA_TLS=true']);
    expect(read({ BERTH_KAFKA_TLS: 'yes' })).toEqual(['BERTH_KAFKA_TLS must be true or false']);
    expect(read({ BERTH_KAFKA_SASL_USERNAME: 'berth' })).toEqual([expect.stringContaining('MECHANISM is required')]);
    expect(read({ ...on, BERTH_KAFKA_BROKERS: '' })).toEqual([expect.stringContaining('of no use')]);
  });
});
