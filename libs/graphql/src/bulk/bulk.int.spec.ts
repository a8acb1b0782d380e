import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EnrollmentEvent } from '@berth/domain';
import { streams } from '@berth/event-store';
import { randomUUID } from 'node:crypto';
import { ServedGraphql } from '../under-test/served-graphql.js';

interface Row {
  registrationId: string;
  name: string;
  enrollment: { version: number; enabled: boolean; registrationId: string; createdAt: string } | null;
  enrollmentGroup: { version: number; enabled: boolean } | null;
  generatedKeys: { primary: string } | null;
  userErrors: { code: string; field: string[]; message: string; currentVersion: number | null }[];
  position: string | null;
}
interface Payload {
  rows: Row[];
  userErrors: Row['userErrors'];
  position: string | null;
}

const gateway = { gateway: { sources: ['/gateways/a'] } };
const errors = 'userErrors { code field message currentVersion } position';
const objects = {
  enrollments: 'registrationId enrollment { version enabled registrationId createdAt updatedAt attestation { type } }',
  enrollmentGroups: 'name enrollmentGroup { version enabled }',
};

describe('bulk mutations', () => {
  let berth: ServedGraphql;

  beforeAll(async () => {
    berth = await ServedGraphql.start();
  });
  afterAll(async () => {
    await berth?.stop();
  });

  async function bulk(name: string, rows: readonly object[]): Promise<Payload> {
    const object = name.startsWith('enrollmentGroups') ? objects.enrollmentGroups : objects.enrollments;
    const query = `mutation ($input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) {
      rows { ${object} generatedKeys { primary } ${errors} } ${errors} } }`;
    const { data, errors: faults } = await berth.ask<Record<string, Payload>>(query, { input: { rows } });
    expect(faults).toBeUndefined();
    return data[name] as Payload;
  }

  const codes = ({ rows }: Payload) => rows.map(({ userErrors }) => userErrors.map(({ code }) => code).join());
  const prefix = () => `bulk-${randomUUID()}`;

  async function eventsOf(registrationId: string): Promise<string[]> {
    const types: string[] = [];
    const events = berth.store.read<EnrollmentEvent>(streams.enrollment(registrationId));
    for await (const { event } of events) types.push(event.type);
    return types;
  }

  it('take 250 rows, give each its own result in order, and refuse 251 as a whole', async () => {
    const ids = Array.from({ length: 251 }, (_, index) => `${prefix()}-${index}`);
    const create = (id: string) => ({
      registrationId: id,
      attestation: { symmetricKey: {} },
      initialTwin: { tags: { id } },
    });
    const tooMany = await bulk('enrollmentsCreate', ids.map(create));
    expect(tooMany).toMatchObject({
      rows: [],
      userErrors: [{ code: 'TOO_MANY_ROWS', field: ['input', 'rows'] }],
      position: null,
    });
    expect(await eventsOf(ids[0]!)).toEqual([]);

    const created = await bulk('enrollmentsCreate', ids.slice(0, 250).map(create));
    expect(created.rows.map(({ registrationId }) => registrationId)).toEqual(ids.slice(0, 250));
    expect(created.rows.map(({ enrollment }) => enrollment?.registrationId)).toEqual(ids.slice(0, 250));
    expect(new Set(created.rows.map(({ generatedKeys }) => generatedKeys!.primary)).size).toBe(250);
    expect(created).toMatchObject({ userErrors: [], position: expect.stringMatching(/^\d+$/) });
    const positions = created.rows.map(({ position }) => BigInt(position!));
    expect(BigInt(created.position!)).toBe(positions.reduce((a, b) => (a > b ? a : b)));

    const change = ids.slice(0, 250).map((id) => ({ registrationId: id, enabled: false, expectedVersion: 0 }));
    const updated = await bulk('enrollmentsUpdate', change);
    expect(updated.rows.every(({ enrollment }) => enrollment?.version === 1 && !enrollment.enabled)).toBe(true);
    const deleted = await bulk(
      'enrollmentsDelete',
      ids.slice(0, 250).map((id) => ({ registrationId: id })),
    );
    expect(deleted.rows.every(({ userErrors, enrollment }) => userErrors.length === 0 && enrollment === null)).toBe(
      true,
    );
    expect(await eventsOf(ids[249]!)).toEqual(['EnrollmentCreated', 'EnrollmentDisabled', 'EnrollmentDeleted']);
  });

  it('are not atomic: a row that is refused says why and where, and the others are done', async () => {
    const id = prefix();
    const created = await bulk('enrollmentsCreate', [
      { registrationId: `${id}-0`, attestation: gateway },
      { registrationId: 'not an id', attestation: gateway },
      { registrationId: `${id}-2`, attestation: { gateway: { sources: ['a', ''] } } },
      { registrationId: `${id}-3`, attestation: {} },
      { registrationId: `${id}-4`, attestation: gateway },
    ]);
    expect(codes(created)).toEqual(['', 'INVALID_REGISTRATION_ID', 'INVALID_SOURCE', 'INVALID_ATTESTATION', '']);
    expect(created.userErrors).toEqual([]);
    expect(created.rows.flatMap(({ userErrors }) => userErrors.map(({ field }) => field))).toEqual([
      ['input', 'rows', '1', 'registrationId'],
      ['input', 'rows', '2', 'attestation', 'gateway', 'sources', '1'],
      ['input', 'rows', '3', 'attestation'],
    ]);
    const updated = await bulk('enrollmentsUpdate', [
      { registrationId: `${id}-0`, enabled: false, expectedVersion: 7 },
      { registrationId: `${id}-1`, enabled: false },
      { registrationId: `${id}-4`, enabled: false, expectedVersion: 0 },
    ]);
    expect(codes(updated)).toEqual(['VERSION_CONFLICT', 'ENROLLMENT_NOT_FOUND', '']);
    expect(updated.rows[0]!.userErrors[0]).toMatchObject({
      currentVersion: 0,
      field: ['input', 'rows', '0', 'expectedVersion'],
    });
  });

  it('do rows of one id in their order, in any spelling', async () => {
    const id = prefix();
    const row = (registrationId: string, idempotencyKey?: string) => ({
      registrationId,
      attestation: gateway,
      idempotencyKey,
    });
    const created = await bulk('enrollmentsCreate', [
      row(id),
      row(id.toUpperCase()),
      row(`${id}-b`, 'k'),
      row(`${id}-b`, 'k'),
    ]);
    expect(codes(created)).toEqual(['', 'ENROLLMENT_EXISTS', '', '']);
    expect(created.rows[3]).toEqual(created.rows[2]);
    const toggled = Array.from({ length: 20 }, (_, index) => ({ registrationId: id, enabled: index % 2 === 1 }));
    const versions = (await bulk('enrollmentsUpdate', toggled)).rows.map(({ enrollment }) => enrollment!.version);
    expect(versions).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const twice = await bulk('enrollmentsDelete', [{ registrationId: id }, { registrationId: id }]);
    expect(codes(twice)).toEqual(['', 'ENROLLMENT_NOT_FOUND']);
  });

  it('recognise each row by its idempotency key', async () => {
    const id = prefix();
    const rows = Array.from({ length: 10 }, (_, index) => ({
      registrationId: `${id}-${index}`,
      attestation: { symmetricKey: {} },
      idempotencyKey: `key-${index}`,
    }));
    const first = await bulk('enrollmentsCreate', rows);
    expect(await bulk('enrollmentsCreate', rows)).toEqual(first);
    expect(await eventsOf(`${id}-9`)).toEqual(['EnrollmentCreated']);
    const other = await bulk('enrollmentsCreate', [{ ...rows[0]!, enabled: false }, rows[1]!]);
    expect(codes(other)).toEqual(['IDEMPOTENCY_KEY_REUSED', '']);
  });

  it('of groups do one row after the other, and mind how many there may be', async () => {
    const name = prefix();
    const rows = Array.from({ length: 12 }, (_, index) => ({
      name: `${name}-${index}`,
      attestation: { symmetricKey: {} },
    }));
    const created = await bulk('enrollmentGroupsCreate', rows);
    expect(codes(created)).toEqual([...Array.from({ length: 10 }, () => ''), 'TOO_MANY_GROUPS', 'TOO_MANY_GROUPS']);
    const update = await bulk('enrollmentGroupsUpdate', [
      { name: `${name}-0`, enabled: false },
      { name: 'nobody', enabled: false },
    ]);
    expect(update.rows.map((row) => [row.name, row.enrollmentGroup?.enabled])).toEqual([
      [`${name}-0`, false],
      ['nobody', undefined],
    ]);
    expect(update.rows[1]!.userErrors).toMatchObject([
      { code: 'GROUP_NOT_FOUND', field: ['input', 'rows', '1', 'name'] },
    ]);
    expect(
      codes(
        await bulk(
          'enrollmentGroupsDelete',
          rows.map((row) => ({ name: row.name })),
        ),
      ),
    ).toEqual([...Array.from({ length: 10 }, () => ''), 'GROUP_NOT_FOUND', 'GROUP_NOT_FOUND']);
  });

  it('tell of a store that does not answer row by row, for nobody knows what became of which', async () => {
    const other = await ServedGraphql.start();
    try {
      await other.node.stop();
      const rows = [0, 1].map((index) => ({ registrationId: `row-${index}`, enabled: false }));
      const query =
        'mutation ($input: EnrollmentsUpdateInput!) { enrollmentsUpdate(input: $input) { rows { userErrors { code field } } } }';
      const { data, errors: faults } = await other.ask(query, { input: { rows } });
      expect(faults).toBeUndefined();
      const unknown = (index: string) => ({
        userErrors: [{ code: 'OUTCOME_UNKNOWN', field: ['input', 'rows', index] }],
      });
      expect(data).toEqual({ enrollmentsUpdate: { rows: [unknown('0'), unknown('1')] } });
    } finally {
      await other.stop();
    }
  }, 60_000);
});
