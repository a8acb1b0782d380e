import { resolve } from 'node:path';

export interface Configuration {
  readonly dataFolder: string;
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
}

export type ParsedConfiguration =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly problems: readonly string[] };

const PORT_MAX = 65_535;

/** Reads the environment once, and says everything that is wrong with it at once. */
export function parseConfiguration(env: Readonly<Record<string, string | undefined>>): ParsedConfiguration {
  const problems: string[] = [];
  const data = valueOf(env, 'BERTH_DATA') ?? './.berth';
  const host = valueOf(env, 'BERTH_HOST') ?? '127.0.0.1';
  if (/[\s/]/.test(host)) problems.push('BERTH_HOST must be an address or a host name.');
  const portText = valueOf(env, 'BERTH_EVENTSTORE_PORT') ?? '0';
  const port = Number(portText);
  if (!/^\d+$/.test(portText) || port > PORT_MAX) {
    problems.push(`BERTH_EVENTSTORE_PORT must be a number from 0 to ${PORT_MAX}.`);
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, configuration: { dataFolder: resolve(data, 'event-store'), host, port } };
}

function valueOf(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}
