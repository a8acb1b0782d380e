import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWithOpenSsl } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { ServedGraphql } from '../under-test/served-graphql.js';

const fileOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

async function importInto(berth: ServedGraphql, file: string, mode = 'create'): Promise<Record<string, unknown>> {
  const response = await fetch(new URL(`/imports?mode=${mode}`, berth.url), { method: 'POST', body: file });
  return (await response.json()) as Record<string, unknown>;
}

async function exportOf(berth: ServedGraphql, query = ''): Promise<string> {
  const position = berth.store.newestAppended(['enrollment-']);
  const headers = { 'berth-min-position': String(position) };
  const response = await fetch(new URL(`/exports/enrollments${query}`, berth.url), { headers });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  expect(BigInt(response.headers.get('berth-position')!)).toBeGreaterThanOrEqual(position!);
  return response.text();
}

describeWithOpenSsl('an export', (openssl) => {
  let berth: ServedGraphql;
  const certificate = openssl.issue('drill-1', { issuer: null }).base64;
  const key = randomBytes(32).toString('base64');
  const rows: { registrationId: string; attestation: object }[] = [
    { registrationId: 'drill-1', attestation: { x509: { secondary: certificate } } },
    { registrationId: 'Press-1', attestation: { symmetricKey: { primary: key } } },
    { registrationId: 'press-2', attestation: { tpm: { endorsementKey: 'AAAA', storageRootKey: 'BBBB' } } },
    {
      registrationId: 'press-3',
      deviceId: 'Device:3',
      attestation: { gateway: { sources: ['/gateways/a', '/gateways/b'] } },
      policy: 'STATIC',
      hubs: ['hub-a'],
      require: [{ key: 'site', value: 'x' }],
      reprovision: { updateHubAssignment: false, migrateDeviceData: false },
      initialTwin: { tags: { ü: [1, null] } },
      capabilities: { iotEdge: true },
      validity: { notBefore: '2026-01-01T00:00:00.000Z', notAfter: null },
      singleUse: true,
      optionalDeviceInformation: { serial: 7 },
      enabled: false,
    },
    {
      registrationId: 'press-4',
      attestation: { gateway: { sources: ['/gateways/a'] } },
      policy: 'CUSTOM',
      custom: {
        webhookUrl: 'https://hooks.example.com/allocate',
        apiVersion: '2019-03-31',
        fallback: 'STATIC',
        deadlineMs: 800,
      },
      hubs: ['hub-a'],
      reprovision: { updateHubAssignment: true, migrateDeviceData: true },
      capabilities: { iotEdge: false },
      enabled: true,
    },
  ] as never;

  beforeAll(async () => {
    berth = await ServedGraphql.start();
    await berth.ask('mutation { hubLink(input: { name: "hub-a" }) { position } }');
    expect(await importInto(berth, fileOf(rows))).toMatchObject({ created: 5, refused: 0 });
  });
  afterAll(async () => {
    await berth?.stop();
  });

  it('has every enrollment whole, as rows that an import takes, without a symmetric key', async () => {
    const file = await exportOf(berth);
    const found = file.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as (typeof rows)[number]]));
    expect(found.map(({ registrationId }) => registrationId)).toEqual([
      'drill-1',
      'Press-1',
      ...['press-2', 'press-3', 'press-4'],
    ]);
    expect(found[0]!.attestation).toEqual({ x509: { primary: null, secondary: certificate } });
    expect(found[1]!.attestation).toEqual({ symmetricKey: {} });
    expect(found[2]).toMatchObject(rows[2]!);
    expect(found.slice(3)).toEqual(rows.slice(3));
    expect(file).not.toContain(key);

    const before = berth.store.newestAppended(['enrollment-', 'dataKey-']);
    expect(await importInto(berth, file, 'createOrUpdate')).toMatchObject({ unchanged: 5, changed: 0, refused: 0 });
    expect(berth.store.newestAppended(['enrollment-', 'dataKey-'])).toBe(before);

    const other = await ServedGraphql.start();
    try {
      await other.ask('mutation { hubLink(input: { name: "hub-a" }) { position } }');
      expect(await importInto(other, file)).toMatchObject({ created: 5, refused: 0 });
      expect(await exportOf(other)).toBe(file);
    } finally {
      await other.stop();
    }
  });

  it('shows no query of a webhook, and its row is no row for an import before somebody has written it', async () => {
    const registrationId = 'zz-asked';
    const custom = {
      webhookUrl: 'https://hooks.example.com/allocate?code=hush',
      apiVersion: '2021-10-01',
      deadlineMs: 5000,
    };
    const row = { registrationId, attestation: { gateway: { sources: ['a'] } }, policy: 'CUSTOM', custom };
    expect(await importInto(berth, fileOf([row]))).toMatchObject({ created: 1 });
    const file = await exportOf(berth, '?after=zz-');
    const exported = JSON.parse(file) as typeof row;
    expect(exported.custom).toEqual({
      ...custom,
      webhookUrl: 'https://hooks.example.com/allocate?***',
      fallback: null,
    });
    expect(await importInto(berth, file, 'createOrUpdate')).toMatchObject({ refused: 1, changed: 0 });
    const written = { ...exported, custom: { ...exported.custom, webhookUrl: custom.webhookUrl } };
    expect(await importInto(berth, fileOf([written]), 'createOrUpdate')).toMatchObject({ unchanged: 1, refused: 0 });
  });

  it('of many goes on after the last one that arrived', async () => {
    const many = Array.from({ length: 450 }, (_, index) => ({
      registrationId: `many-${String(index).padStart(3, '0')}`,
      attestation: { gateway: { sources: ['a'] } },
    }));
    await importInto(berth, fileOf(many));
    const whole = await exportOf(berth);
    expect(whole.split('\n')).toHaveLength(457);
    const index = whole.indexOf('\n', whole.length / 2) + 1;
    const { registrationId } = JSON.parse(whole.slice(0, index).trimEnd().split('\n').at(-1)!) as {
      registrationId: string;
    };
    expect(whole.slice(0, index) + (await exportOf(berth, `?after=${registrationId.toUpperCase()}`))).toBe(whole);
    expect(await exportOf(berth, '?after=zzz')).toBe('');
  });

  it('is refused plainly', async () => {
    const ask = (path: string, headers: Record<string, string> = {}) => fetch(new URL(path, berth.url), { headers });
    const refused = [
      await ask('/exports/enrollments?after=a%20b'),
      await ask('/exports/enrollments', { 'berth-min-position': 'x' }),
      await ask('/exports/enrollments', { 'berth-min-position': '9000000000000000000' }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 503]);
    expect(await refused[2]!.json()).toMatchObject({ code: 'PROJECTION_LAGGING' });
    const closed = await ServedGraphql.start({ mode: 'apikey', keys: new Map([['ops', 'key-of-ops']]) });
    try {
      expect((await fetch(new URL('/exports/enrollments', closed.url))).status).toBe(401);
    } finally {
      await closed.stop();
    }
  });
});
