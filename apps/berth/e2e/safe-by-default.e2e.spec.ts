import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent } from './registration-event.js';
import { exitOf, RunningBerth, spawnBerth } from './running-berth.js';

let dataFolder: string;
beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-safe-'));
});
afterAll(() => rm(dataFolder, { recursive: true, force: true }));

describe('a start with bad settings', () => {
  it.each([
    ['an open host without authentication', { BERTH_HOST: '0.0.0.0' }, /BERTH_AUTH/],
    [
      'several bad variables',
      { BERTH_HTTP_PORT: 'x', BERTH_PARTITIONS: '0' },
      /BERTH_HTTP_PORT[\s\S]*BERTH_PARTITIONS/,
    ],
  ])('is refused for %s with exit code 78', async (_what, env, said) => {
    const { child, output } = spawnBerth({ BERTH_DATA: join(dataFolder, 'refused'), ...env });
    expect(await exitOf(child)).toBe(78);
    expect(output()).toMatch(said);
    expect(await readdir(dataFolder)).not.toContain('refused');
  });
});

describe('with API keys', () => {
  let berth: RunningBerth;
  beforeAll(async () => {
    berth = await RunningBerth.start({
      BERTH_DATA: join(dataFolder, 'keys'),
      BERTH_AUTH: 'apikey',
      BERTH_LOG_OPERATIONS: 'on',
      BERTH_API_KEYS: 'ops:k-ops,ci:k-ci,gateway-1:k-gateway,dashboard:k-dashboard',
      BERTH_API_KEY_RIGHTS: 'gateway-1:DeviceConnect,dashboard:EnrollmentRead+RegistrationStatusRead',
    });
  });
  afterAll(() => berth?.end('SIGTERM'));

  const query = JSON.stringify({ query: '{ hubLoads { hub } }' });
  const ask = (headers: Record<string, string>) =>
    fetch(`${berth.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: query,
    });

  it.each([{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic k-ops' }])(
    'GraphQL and the intake refuse %j without a hint',
    async (headers) => {
      const response = await ask(headers as Record<string, string>);
      expect(response.status).toBe(401);
      expect(await response.text()).not.toMatch(/k-|ops|ci\b|key/i);
      expect(
        (await berth.post(registrationEvent('x', { type: 'gateway' }), headers as Record<string, string>)).status,
      ).toBe(401);
    },
  );

  it.each(['k-ops', 'k-ci'])('both take %s', async (key) => {
    const headers = { authorization: `Bearer ${key}` };
    expect((await ask(headers)).status).toBe(200);
    expect((await berth.post(registrationEvent('x', { type: 'gateway' }), headers)).status).toBe(202);
  });

  it.each([
    ['k-gateway', 403, 202],
    ['k-dashboard', 200, 403],
  ])('each takes of %s what its rights allow', async (key, graphql, intake) => {
    const headers = { authorization: `Bearer ${key}` };
    expect((await ask(headers)).status).toBe(graphql);
    expect((await berth.post(registrationEvent('x', { type: 'gateway' }), headers)).status).toBe(intake);
  });

  it('each operation leaves a line, also a refused one, and without its key', async () => {
    const ask = (query: string, key: string) =>
      fetch(`${berth.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, 'x-correlation-id': 'line-1' },
        body: JSON.stringify({ query }),
      });
    await ask('mutation { it: hubCordon(input: { name: "nowhere" }) { userErrors { code } } }', 'k-ops');
    await ask('mutation { hubCordon(input: { name: "nowhere" }) { userErrors { code } } }', 'k-dashboard');
    await ask('{ hubs(first: 1) { ...', 'k-ops');
    const lines = () =>
      berth
        .output()
        .split('\n')
        .filter((line) => line.includes('"correlationId":"line-1"'))
        .map((line) => JSON.parse(line) as object);
    await eventually('three lines', async () => lines().length === 3);
    expect(lines()).toMatchObject([
      { operationName: 'hubCordon', actor: 'ops', resultSignature: 200, resultDescription: 'HUB_NOT_LINKED' },
      { operationName: 'hubCordon', actor: 'dashboard', resultSignature: 403, resultDescription: 'FORBIDDEN' },
      { operationName: 'graphql', actor: 'ops', resultSignature: 200, resultDescription: 'GRAPHQL_PARSE_FAILED' },
    ]);
    expect(berth.output()).not.toMatch(/k-ops|k-dashboard/);
  });

  it('health needs no key', async () => {
    expect((await fetch(`${berth.url}/health/live`)).status).toBe(200);
  });
});

describe('a stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('by %s ends everything cleanly', async (signal) => {
    const berth = await RunningBerth.start({ BERTH_DATA: join(dataFolder, 'stop') });
    const [, eventStore = ''] = /event store +esdb:\/\/([^?]+)/.exec(berth.output()) ?? [];
    expect(await berth.end(signal)).toBe(0);
    expect(berth.output()).toMatch(/Stopped/);
    await eventually('the event store to be gone', async () => {
      const [host, port] = eventStore.split(':');
      return fetch(`http://${host}:${port}`).then(
        () => false,
        (error: { cause?: { code?: string } }) => error.cause?.code === 'ECONNREFUSED',
      );
    });
  });

  it('the embedded event store follows a killed Berth', async () => {
    const berth = await RunningBerth.start({ BERTH_DATA: join(dataFolder, 'stop') });
    const [, port] = /event store +esdb:\/\/[^:]+:(\d+)/.exec(berth.output()) ?? [];
    await berth.end('SIGKILL');
    await eventually('the event store to be gone', () =>
      fetch(`http://127.0.0.1:${port}`).then(
        () => false,
        (error: { cause?: { code?: string } }) => error.cause?.code === 'ECONNREFUSED',
      ),
    );
  });
});
