import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isLoopback, type EventStoreNodeOptions } from '@berth/event-store-node';

export type ParsedConfiguration =
  | { readonly ok: true; readonly options: EventStoreNodeOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

const PORT_MAX = 65_535;

/**
 * Reads the environment once, and says everything that is wrong with it at once, without repeating a value that could be a
 * secret. Beyond the loopback addresses the node wants to know who asks, and the published client says so over TLS only.
 */
export function parseConfiguration(env: Readonly<Record<string, string | undefined>>): ParsedConfiguration {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;

  const host = text('BERTH_HOST') ?? '127.0.0.1';
  if (/[\s/]/.test(host)) problems.push('BERTH_HOST must be an address or a host name');
  const portText = text('BERTH_EVENTSTORE_PORT') ?? '0';
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port > PORT_MAX) {
    problems.push(`BERTH_EVENTSTORE_PORT must be a whole number from 0 to ${PORT_MAX}`);
  }
  const admin = readAdmin(text('BERTH_EVENTSTORE_ADMIN'), problems);
  const tls = readTls(text('BERTH_EVENTSTORE_TLS_CERT'), text('BERTH_EVENTSTORE_TLS_KEY'), problems);
  if (!isLoopback(host) && !(admin && tls)) {
    problems.push(
      'BERTH_HOST is not a loopback address, so BERTH_EVENTSTORE_ADMIN, BERTH_EVENTSTORE_TLS_CERT and BERTH_EVENTSTORE_TLS_KEY must be set',
    );
  }
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    options: { dataFolder: resolve(text('BERTH_DATA') ?? './.berth', 'event-store'), host, port, admin, tls },
  };
}

function readAdmin(text: string | undefined, problems: string[]): EventStoreNodeOptions['admin'] {
  if (text === undefined) return undefined;
  const [, username, password] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (username !== undefined && password !== undefined) return { username, password };
  problems.push('BERTH_EVENTSTORE_ADMIN must look like name:password');
  return undefined;
}

function readTls(
  certificateFile: string | undefined,
  keyFile: string | undefined,
  problems: string[],
): EventStoreNodeOptions['tls'] {
  if (certificateFile === undefined && keyFile === undefined) return undefined;
  const certificate = readPem('BERTH_EVENTSTORE_TLS_CERT', certificateFile, problems);
  const privateKey = readPem('BERTH_EVENTSTORE_TLS_KEY', keyFile, problems);
  return certificate && privateKey && { certificate, privateKey };
}

function readPem(name: string, file: string | undefined, problems: string[]): Buffer | undefined {
  try {
    const pem = readFileSync(file ?? '');
    if (pem.includes('-----BEGIN ')) return pem;
  } catch {
    // reported below, like a file that holds something else
  }
  problems.push(`${name} must name a readable PEM file`);
  return undefined;
}
