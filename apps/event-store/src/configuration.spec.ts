import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseConfiguration } from './configuration.js';

let folder: string;
let pem: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  pem = join(folder, 'some.pem');
  writeFileSync(pem, '-----BEGIN SOMETHING-----');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function problemsOf(env: Record<string, string>): readonly string[] {
  const parsed = parseConfiguration(env);
  return parsed.ok ? [] : parsed.problems;
}

describe('the configuration', () => {
  it('needs nothing: a free port on loopback, data in ./.berth, nobody is asked who they are', () => {
    expect(parseConfiguration({})).toEqual({
      ok: true,
      options: { dataFolder: resolve('.berth/event-store'), host: '127.0.0.1', port: 0 },
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(parseConfiguration({ BERTH_EVENTSTORE_PORT: '', BERTH_HOST: ' ' })).toMatchObject({ ok: true });
  });

  it.each(['-1', '1.5', '65536', 'x', '0x10'])('refuses port %s', (port) => {
    expect(problemsOf({ BERTH_EVENTSTORE_PORT: port })).toEqual([expect.stringContaining('BERTH_EVENTSTORE_PORT')]);
  });

  it('reports every problem at once, and no password', () => {
    const problems = problemsOf({
      BERTH_HOST: '0.0.0.0',
      BERTH_EVENTSTORE_PORT: 'x',
      BERTH_EVENTSTORE_ADMIN: ':hunter2',
      BERTH_EVENTSTORE_TLS_CERT: join(folder, 'missing.pem'),
    });
    expect(problems).toHaveLength(5);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('serves beyond loopback with an admin user and TLS only', () => {
    const tls = { BERTH_EVENTSTORE_TLS_CERT: pem, BERTH_EVENTSTORE_TLS_KEY: pem };
    expect(problemsOf({ BERTH_HOST: '0.0.0.0', ...tls })).toHaveLength(1);
    expect(problemsOf({ BERTH_HOST: '0.0.0.0', BERTH_EVENTSTORE_ADMIN: 'a:b' })).toHaveLength(1);
    const parsed = parseConfiguration({ BERTH_HOST: '0.0.0.0', BERTH_EVENTSTORE_ADMIN: 'a:b:c', ...tls });
    expect(parsed).toMatchObject({ ok: true, options: { admin: { username: 'a', password: 'b:c' } } });
  });
});
