import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface KafkaSettings {
  brokers: readonly string[];
  sasl: { mechanism: (typeof saslMechanisms)[number]; username: string; password: string } | null;
  /** Null: no TLS. */
  tls: KafkaTls | null;
  /** Of what Berth publishes. */
  compression: (typeof compressions)[number];
}

/** PEM texts; whatever is absent, TLS does without: the machine's own authorities, no certificate of our own. */
export interface KafkaTls {
  ca?: string;
  cert?: string;
  key?: string;
}

const compressions = ['none', 'gzip', 'zstd'] as const;
const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

type Text = (name: string) => string | null;

/** Reads `BERTH_KAFKA_*`; null without brokers. Files named there are read and looked at now, not at the first connection. */
export function readKafka(text: Text, problems: string[]): KafkaSettings | null {
  const brokers = (text('BERTH_KAFKA_BROKERS') ?? '').split(',').flatMap((broker) => broker.trim() || []);
  for (const broker of brokers) {
    if (!/^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(broker)) {
      problems.push(`BERTH_KAFKA_BROKERS: '${broker}' is not host:port`);
    }
  }
  const sasl = readSasl(text, problems);
  const tls = readTls(text, problems);
  const named = text('BERTH_KAFKA_COMPRESSION');
  const compression = named === null ? 'none' : compressions.find((it) => it === named);
  if (!compression) problems.push(`BERTH_KAFKA_COMPRESSION must be one of ${compressions.join(', ')}`);
  if (brokers.length > 0) return { brokers, sasl, tls, compression: compression ?? 'none' };
  if (sasl || tls) problems.push('BERTH_KAFKA_SASL_… and BERTH_KAFKA_TLS… are of no use without BERTH_KAFKA_BROKERS');
  return null;
}

function readSasl(text: Text, problems: string[]): KafkaSettings['sasl'] {
  const named = text('BERTH_KAFKA_SASL_MECHANISM')?.toLowerCase() ?? null;
  const username = text('BERTH_KAFKA_SASL_USERNAME');
  const password = text('BERTH_KAFKA_SASL_PASSWORD');
  if (named === null) {
    if (username !== null || password !== null) {
      problems.push('BERTH_KAFKA_SASL_MECHANISM is required with BERTH_KAFKA_SASL_USERNAME and …_PASSWORD');
    }
    return null;
  }
  const mechanism = saslMechanisms.find((it) => it === named);
  if (!mechanism) problems.push(`BERTH_KAFKA_SASL_MECHANISM must be one of ${saslMechanisms.join(', ')}`);
  if (username === null || password === null) {
    problems.push(
      'BERTH_KAFKA_SASL_USERNAME and BERTH_KAFKA_SASL_PASSWORD are required with BERTH_KAFKA_SASL_MECHANISM',
    );
  }
  return mechanism && username !== null && password !== null ? { mechanism, username, password } : null;
}

const files = { ca: 'BERTH_KAFKA_TLS_CA', cert: 'BERTH_KAFKA_TLS_CERT', key: 'BERTH_KAFKA_TLS_KEY' } as const;

function readTls(text: Text, problems: string[]): KafkaTls | null {
  const wanted = text('BERTH_KAFKA_TLS') ?? 'false';
  if (wanted !== 'true' && wanted !== 'false') problems.push('BERTH_KAFKA_TLS must be true or false');
  const named = Object.values(files).filter((name) => text(name) !== null);
  if (wanted === 'false' && named.length > 0) problems.push(`${named.join(' and ')} wants BERTH_KAFKA_TLS=true`);
  if (wanted !== 'true') return null;
  const tls: KafkaTls = {};
  const read = <T>(part: keyof KafkaTls, what: string, parse: (pem: string) => T): T | null => {
    const name = files[part];
    const path = text(name);
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
  if ((text(files.cert) === null) !== (text(files.key) === null)) {
    problems.push(`${files.cert} and ${files.key} go together`);
  }
  if (chain && key && !chain[0].checkPrivateKey(key)) problems.push(`${files.key} is not the key of ${files.cert}`);
  return tls;
}

/** @throws when there is none, or one that is none. */
function certificatesIn(pem: string): [X509Certificate, ...X509Certificate[]] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const [first, ...others] = texts.map((one) => new X509Certificate(one));
  if (!first) throw new Error('no certificate');
  return [first, ...others];
}
