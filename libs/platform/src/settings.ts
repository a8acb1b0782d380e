import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type Auth, type Right, rights } from './auth.js';
import { type KafkaSettings, readKafka } from './kafka-settings.js';
import { type Rates } from './rate-limits.js';
import { readTlsFiles } from './tls-files.js';
import { readWebhooks, type WebhookSettings } from './webhook-settings.js';

/** Everything a Berth process takes from its environment, checked. The table in the README says what each means. */
export interface Settings {
  /** Absolute path of the folder for embedded data. */
  dataFolder: string;
  host: string;
  httpPort: number;
  /** PEM texts of what the HTTP listener shows of itself; null: no TLS. */
  tls: { cert: string; key: string } | null;
  /** Null: founded once and kept in the event store. */
  idScope: string | null;
  /** Null: the embedded node is started. */
  eventStoreUrl: string | null;
  /** Of the embedded node; 0 is a free one. */
  eventStorePort: number;
  /** Null: the embedded log. */
  kafka: KafkaSettings | null;
  /** Null: the embedded read model, of this process alone. */
  databaseUrl: string | null;
  /** Partitions of a newly made registration topic, fixed for its life. */
  partitions: number;
  /** Null: generated once into the data folder (embedded only). 32 bytes. */
  masterKey: Buffer | null;
  /** Keys before it, 32 bytes each: they open what they have wrapped until a rotation is over. */
  formerMasterKeys: readonly Buffer[];
  auth: Auth;
  /** Whether each operation leaves a line on standard output. */
  logsOperations: boolean;
  webhooks: WebhookSettings;
  /** Most enrollment groups and CA certificates, the reference service's quotas by default; most rows of a bulk mutation. */
  limits: {
    groupsWithKeysMax: number;
    groupsWithCertificatesMax: number;
    caCertificatesMax: number;
    bulkRowsMax: number;
  };
  rates: Rates;
}

/** What a service of its own can't do without, embedded or not: there is nothing in its process to fall back on. */
const shared = {
  eventStoreUrl: 'BERTH_EVENTSTORE_URL',
  kafka: 'BERTH_KAFKA_BROKERS',
  databaseUrl: 'BERTH_DATABASE_URL',
  masterKey: 'BERTH_MASTER_KEY',
} as const;

export type Shared = keyof typeof shared;

/** Settings in which some are sure to be there. */
export type SettingsWith<Needed extends Shared> = Settings & { [K in Needed]: NonNullable<Settings[K]> };

/** Exit code for a configuration that can't be used: EX_CONFIG of sysexits.h. */
export const exitBadSettings = 78;

/** Settings that can't be used, as shows only when something is opened by them. The process ends with that exit code. */
export class UnusableSettings extends Error {}

export type SettingsResult<S = Settings> = { ok: true; settings: S } | { ok: false; problems: readonly string[] };

const partitionsEmbedded = 8;
const partitionsMax = 1024;
/** Every token of a device without an enrollment of its own is tried with every group that has keys. */
const groupsMax = 1000;
/** More fit an import: a mutation is answered when all its rows are done. */
const bulkRowsMax = 1000;
/** One is usual, and it goes once the rotation is over. */
const formerMasterKeysMax = 10;
/** More is no limit on any machine. */
const perMinuteMax = 100_000_000;

/** Reads all variables and reports every bad one at once, never with its value if that could be a secret. */
export function readSettings<Needed extends Shared = never>(
  env: Readonly<Record<string, string | undefined>>,
  needed: readonly Needed[] = [],
): SettingsResult<SettingsWith<Needed>> {
  const problems: string[] = [];
  const text = (name: string) => env[name]?.trim() || null;

  const integer = (name: string, byDefault: number, min: number, max: number): number => {
    const given = text(name);
    if (given === null) return byDefault;
    const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
    if (value >= min && value <= max) return value;
    problems.push(`${name} must be a whole number from ${min} to ${max}`);
    return byDefault;
  };

  const flag = (name: string): boolean => {
    const given = text(name) ?? 'off';
    if (given !== 'on' && given !== 'off') problems.push(`${name} must be on or off`);
    return given === 'on';
  };

  const host = text('BERTH_HOST') ?? '127.0.0.1';
  const auth = readAuth(text, problems);
  if (!isLoopback(host) && auth.mode === 'none') {
    problems.push(
      `BERTH_HOST is not a loopback address, so BERTH_AUTH must not be none: set BERTH_AUTH=apikey and BERTH_API_KEYS=name:key`,
    );
  }

  const eventStoreUrl = text('BERTH_EVENTSTORE_URL');
  if (eventStoreUrl !== null && !/^(esdb|kurrentdb)(\+discover)?:\/\/\S+$/.test(eventStoreUrl)) {
    problems.push('BERTH_EVENTSTORE_URL must look like esdb://host:2113?tls=false or esdb+discover://host:2113');
  }

  const masterKeyText = text('BERTH_MASTER_KEY');
  const masterKey = masterKeyText === null ? null : Buffer.from(masterKeyText, 'base64');
  if (masterKeyText !== null && !isKey(masterKeyText)) {
    problems.push('BERTH_MASTER_KEY must be 32 bytes in base64: make one with `openssl rand -base64 32`');
  }
  const formerTexts = (text('BERTH_FORMER_MASTER_KEYS') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const formerMasterKeys = formerTexts.map((one) => Buffer.from(one, 'base64'));
  if (formerTexts.length > formerMasterKeysMax || !formerTexts.every(isKey)) {
    problems.push(
      `BERTH_FORMER_MASTER_KEYS must be up to ${formerMasterKeysMax} times 32 bytes in base64, with commas`,
    );
  }
  // A service of its own names what it needs; the whole of Berth needs the key as soon as it shares the secrets.
  if (needed.length === 0 && eventStoreUrl !== null && masterKeyText === null) {
    problems.push('BERTH_MASTER_KEY is required with BERTH_EVENTSTORE_URL: every process must open the same secrets');
  }

  const idScope = text('BERTH_ID_SCOPE');
  if (idScope !== null && !/^[0-9A-Za-z-]{3,32}$/.test(idScope)) {
    problems.push('BERTH_ID_SCOPE must be 3 to 32 letters, digits and dashes, such as 0ne0012ABCD');
  }

  const databaseUrl = text('BERTH_DATABASE_URL');
  if (databaseUrl !== null && !(/^postgres(ql)?:\/\/\S+$/.test(databaseUrl) && URL.canParse(databaseUrl))) {
    problems.push('BERTH_DATABASE_URL must look like postgres://user:password@host:5432/database');
  }

  const settings: Settings = {
    dataFolder: resolve(text('BERTH_DATA') ?? './.berth'),
    host,
    httpPort: integer('BERTH_HTTP_PORT', 4000, 0, 65_535),
    tls: readTls(text, problems),
    idScope,
    eventStoreUrl,
    eventStorePort: integer('BERTH_EVENTSTORE_PORT', 0, 0, 65_535),
    kafka: readKafka(text, problems),
    databaseUrl,
    partitions: integer('BERTH_PARTITIONS', partitionsEmbedded, 1, partitionsMax),
    masterKey,
    formerMasterKeys,
    auth,
    logsOperations: flag('BERTH_LOG_OPERATIONS'),
    webhooks: readWebhooks(text, problems),
    limits: {
      groupsWithKeysMax: integer('BERTH_KEY_GROUPS_MAX', 100, 0, groupsMax),
      groupsWithCertificatesMax: integer('BERTH_CERTIFICATE_GROUPS_MAX', 100, 0, groupsMax),
      caCertificatesMax: integer('BERTH_CA_CERTIFICATES_MAX', 25, 0, groupsMax),
      bulkRowsMax: integer('BERTH_BULK_ROWS_MAX', 250, 1, bulkRowsMax),
    },
    rates: {
      operationsPerMinute: integer('BERTH_OPERATIONS_PER_MINUTE', 0, 0, perMinuteMax),
      registrationsPerMinute: integer('BERTH_REGISTRATIONS_PER_MINUTE', 0, 0, perMinuteMax),
    },
  };
  for (const name of needed) {
    if (text(shared[name]) === null)
      problems.push(`${shared[name]} is required: this service shares it with the others`);
  }
  return problems.length === 0 ? { ok: true, settings: settings as SettingsWith<Needed> } : { ok: false, problems };
}

/** 32 bytes, in the one way that base64 has for them. */
function isKey(text: string): boolean {
  const key = Buffer.from(text, 'base64');
  return key.length === 32 && key.toString('base64') === text;
}

/** The settings of this process; ends it with exit code 78 and one line a problem when they can't be used. */
export function settingsOrExit<Needed extends Shared = never>(...needed: Needed[]): SettingsWith<Needed> {
  const result = readSettings(process.env, needed);
  if (result.ok) return result.settings;
  console.error('Berth cannot start, its configuration has to be mended first:');
  for (const problem of result.problems) console.error(`  - ${problem}`);
  process.exit(exitBadSettings);
}

type Text = (name: string) => string | null;

function readTls(text: Text, problems: string[]): Settings['tls'] {
  const { cert, key } = readTlsFiles(text, problems, { cert: 'BERTH_TLS_CERT', key: 'BERTH_TLS_KEY' });
  return cert !== undefined && key !== undefined ? { cert, key } : null;
}

function readAuth(text: Text, problems: string[]): Auth {
  const mode = text('BERTH_AUTH') ?? 'none';
  if (mode === 'none') {
    if (text('BERTH_API_KEY_RIGHTS') !== null) {
      problems.push('BERTH_API_KEY_RIGHTS binds nobody while BERTH_AUTH is none: set BERTH_AUTH=apikey');
    }
    return { mode };
  }
  if (mode !== 'apikey') {
    problems.push('BERTH_AUTH must be none or apikey');
    return { mode: 'none' };
  }
  const keys = new Map<string, string>();
  for (const entry of (text('BERTH_API_KEYS') ?? '').split(',')) {
    const [, name, key] = /^\s*([A-Za-z0-9._-]{1,64}):(\S+)\s*$/.exec(entry) ?? [];
    if (name && key && !keys.has(name)) keys.set(name, key);
    else if (entry.trim() !== '')
      problems.push(`BERTH_API_KEYS: entry ${keys.size + 1} is not name:key, or its name stands twice`);
  }
  if (keys.size === 0) problems.push('BERTH_API_KEYS must name at least one key as name:key when BERTH_AUTH=apikey');
  return { mode, keys, rights: readRights(text, keys, problems) };
}

function readRights(text: Text, keys: ReadonlyMap<string, string>, problems: string[]): Map<string, Set<Right>> {
  const byKey = new Map<string, Set<Right>>();
  for (const entry of (text('BERTH_API_KEY_RIGHTS') ?? '').split(',').filter((it) => it.trim() !== '')) {
    const [name = '', ...listed] = entry.split(':').map((it) => it.trim());
    const wanted = listed
      .join(':')
      .split('+')
      .map((it) => it.trim());
    const known = wanted.flatMap((it) => rights.find((right) => right.toLowerCase() === it.toLowerCase()) ?? []);
    if (!keys.has(name) || byKey.has(name)) {
      problems.push(
        `BERTH_API_KEY_RIGHTS: entry ${byKey.size + 1} names no key of BERTH_API_KEYS, or one a second time`,
      );
    } else if (known.length < wanted.length) {
      problems.push(`BERTH_API_KEY_RIGHTS: the rights of ${name} must be some of ${rights.join('+')}`);
    }
    byKey.set(name, new Set(known));
  }
  return byKey;
}

/** 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
