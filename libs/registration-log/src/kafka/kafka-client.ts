import { Kafka, logLevel } from 'kafkajs';
import type { ConnectionOptions } from 'node:tls';
import { installCodecs } from './compression/codecs.js';
import { installLeanFetch } from './lean-fetch.js';
import { installLeanProduce } from './lean-produce.js';

export interface KafkaConnectionOptions {
  /** `host:port` of some brokers; the others are learnt from them. */
  brokers: readonly string[];
  /** How the brokers' logs and metrics call us; default `berth`. */
  clientId?: string;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string };
  /** `true` trusts the machine's certificate authorities; otherwise see `tls.connect` (`ca`, `cert`, `key`, `servername`). */
  tls?: boolean | ConnectionOptions;
}

/** Gives up after about six seconds; every caller then hears `log-away` and decides. Stated in full: kafkajs's defaults hang on NODE_ENV. */
export const driverRetry = { initialRetryTime: 100, maxRetryTime: 5_000, factor: 0.2, multiplier: 2, retries: 6 };

/**
 * A kafkajs client. Each consumer needs one of its own: members of one group made by one client share a cache of committed
 * offsets, and disturb each other. Its logger is silent, for what it has to say reaches us as errors and events.
 *
 * On Node 24 kafkajs 2.2.4 causes one `TimeoutNegativeWarning` a process, when it asks for a timer in the past; harmless
 * (`--disable-warning=TimeoutNegativeWarning`).
 */
export function kafkaClient({ brokers, clientId = 'berth', sasl, tls = false }: KafkaConnectionOptions): Kafka {
  installCodecs();
  installLeanFetch();
  installLeanProduce();
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ssl: tls,
    sasl: saslOf(sasl),
    connectionTimeout: 3_000,
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    retry: driverRetry,
    logLevel: logLevel.NOTHING,
  });
}

function saslOf(sasl: KafkaConnectionOptions['sasl']) {
  if (!sasl) return undefined;
  const { username, password } = sasl;
  // One union member each, or the compiler can't tell which of kafkajs's options is meant.
  switch (sasl.mechanism) {
    case 'plain':
      return { mechanism: 'plain', username, password } as const;
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username, password } as const;
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username, password } as const;
  }
}
