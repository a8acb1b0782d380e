import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent, symmetricKeyProof } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

const idScope = '0ne00ABCDEF';

interface Row {
  registrationId: string;
  generatedKeys: { primary: string } | null;
  userErrors: { code: string }[];
}

let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-bulk-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope, BERTH_BULK_ROWS_MAX: '60' });
  await berth.graphql('mutation { hubLink(input: { name: "hub-a" }) { position } }');
});
afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

async function bulk(name: string, rows: readonly object[]): Promise<{ rows: Row[]; userErrors: { code: string }[] }> {
  const keys = name === 'enrollmentsCreate' ? 'generatedKeys { primary }' : '';
  const query = `mutation ($input: E${name.slice(1)}Input!) { ${name}(input: $input) {
    rows { registrationId ${keys} userErrors { code } } userErrors { code } } }`;
  return (await berth.graphql<Record<string, never>>(query, { input: { rows } }))[name]!;
}

async function statuses(ids: readonly string[]): Promise<(string | undefined)[]> {
  const fields = ids.map((id, index) => `r${index}: registration(registrationId: "${id}") { status }`).join(' ');
  const found = await berth.graphql<Record<string, { status: string } | null>>(`{ ${fields} }`);
  return ids.map((_, index) => found[`r${index}`]?.status);
}

describe('devices enrolled in bulk', () => {
  it('register with the keys that their rows were given, until their rows are disabled or deleted', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `press-${index}`);
    const create = (registrationId: string) => ({ registrationId, attestation: { symmetricKey: {} } });
    expect((await bulk('enrollmentsCreate', [...ids, 'one-more'].map(create))).userErrors).toMatchObject([
      { code: 'TOO_MANY_ROWS' },
    ]);
    const created = await bulk('enrollmentsCreate', ids.map(create));
    const keys = new Map(created.rows.map((row) => [row.registrationId, row.generatedKeys!.primary]));
    const register = async (wanted: readonly string[], status: string) => {
      const events = wanted.map((id) => registrationEvent(id, symmetricKeyProof(idScope, id, keys.get(id)!)));
      expect((await berth.post(events)).status).toBe(202);
      await eventually(`${wanted.length} devices to be ${status}`, async () =>
        (await statuses(wanted)).every((it) => it === status),
      );
    };
    await register(ids, 'ASSIGNED');
    const off = ids.slice(0, 20).map((registrationId) => ({ registrationId, enabled: false, expectedVersion: 0 }));
    expect((await bulk('enrollmentsUpdate', off)).rows.every(({ userErrors }) => userErrors.length === 0)).toBe(true);
    await register(ids.slice(0, 20), 'DISABLED');
    await bulk('enrollmentsDelete', [{ registrationId: ids[59] }]);
    expect(
      (await berth.post(registrationEvent(ids[59]!, symmetricKeyProof(idScope, ids[59]!, keys.get(ids[59]!)!)))).status,
    ).toBe(202);
    await eventually('a device without enrollment to be refused', async () => {
      const { registration } = await berth.graphql<{ registration: { rejected: { errorCode: number } | null } }>(
        `{ registration(registrationId: "${ids[59]}") { rejected { errorCode } } }`,
      );
      return registration.rejected?.errorCode === 404201;
    });
  });
});

describe('an import', () => {
  interface State {
    status: string;
    rows: number;
    bytes: number;
    created: number;
    unchanged: number;
    refused: number;
  }

  it('goes on after kill -9 of Berth, its devices register, and an export has them all', async () => {
    const count = 2_500;
    const ids = Array.from({ length: count }, (_, index) => `import-${String(index).padStart(5, '0')}`);
    const key = randomBytes(32).toString('base64');
    const attestation = { symmetricKey: { primary: key } };
    const file = Buffer.from(
      ids.map((registrationId) => `${JSON.stringify({ registrationId, attestation })}\n`).join(''),
    );
    const url = () => `${berth.url}/imports/nightly`;
    const state = async () => (await (await fetch(url())).json()) as State;

    const sending = fetch(url(), { method: 'PUT', body: file });
    await eventually('a third of the rows to be done', async () => (await state()).rows >= count / 3, 60_000);
    await berth.end('SIGKILL');
    await expect(sending).rejects.toThrow();
    berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope });
    const stopped = await state();
    expect(stopped).toMatchObject({ status: 'receiving', created: stopped.rows, refused: 0 });
    expect(stopped.rows).toBeLessThan(count);

    const rest = file.subarray(stopped.bytes);
    const response = await fetch(`${url()}?offset=${stopped.bytes}`, { method: 'PUT', body: rest });
    const done = (await response.json()) as State;
    expect(done).toMatchObject({ status: 'completed', rows: count, bytes: file.length, refused: 0 });
    // What was done and not yet counted when Berth died is recognised by its content.
    expect(done.created + done.unchanged).toBe(count);
    const { enrollments } = await berth.graphql<{ enrollments: { totalCount: number } }>(
      '{ enrollments(first: 1) { totalCount } }',
      {},
      { 'berth-min-position': response.headers.get('berth-position') ?? '0' },
    );
    expect(enrollments.totalCount).toBeGreaterThanOrEqual(count);

    const some = [ids[0]!, ids[stopped.rows]!, ids[count - 1]!];
    const events = some.map((id) => registrationEvent(id, symmetricKeyProof(idScope, id, key)));
    expect((await berth.post(events)).status).toBe(202);
    await eventually('imported devices to be assigned', async () =>
      (await statuses(some)).every((it) => it === 'ASSIGNED'),
    );

    const exported = await (await fetch(`${berth.url}/exports/enrollments`)).text();
    expect(exported).not.toContain(key);
    const rows = exported.split('\n').filter((line) => line.includes('"import-'));
    expect(rows.map((line) => (JSON.parse(line) as { registrationId: string }).registrationId)).toEqual(ids);
    const again = await fetch(`${berth.url}/imports`, { method: 'POST', body: file });
    expect(await again.json()).toMatchObject({ created: 0, unchanged: count, refused: 0 });
  }, 120_000);
});
