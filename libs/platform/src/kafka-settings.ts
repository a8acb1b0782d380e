import { readTlsFiles, type TlsFiles } from './tls-files.js';

export interface KafkaSettings {
  brokers: readonly string[];
  sasl: { mechanism: (typeof saslMechanisms)[number]; username: string; password: string } | null;
  /** Null: no TLS. */
  tls: TlsFiles | null;
  /** Of what Berth publishes. */
  compression: (typeof compressions)[number];
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

function readTls(text: Text, problems: string[]): TlsFiles | null {
  const wanted = text('BERTH_KAFKA_TLS') ?? 'false';
  if (wanted !== 'true' && wanted !== 'false') problems.push('BERTH_KAFKA_TLS must be true or false');
  const named = Object.values(files).filter((name) => text(name) !== null);
  if (wanted === 'false' && named.length > 0) problems.push(`${named.join(' and ')} wants BERTH_KAFKA_TLS=true`);
  if (wanted !== 'true') return null;
  return readTlsFiles(text, problems, files);
}
