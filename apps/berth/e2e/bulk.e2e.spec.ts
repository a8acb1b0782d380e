import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
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
