import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EnrollmentEvent } from '@berth/domain';
import { streams } from '@berth/event-store';
import { eventually } from '@berth/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { ServedGraphql } from '../under-test/served-graphql.js';

interface State {
  status: string;
  rows: number;
  bytes: number;
  created: number;
  changed: number;
  unchanged: number;
  refused: number;
  reason: string | null;
  code?: string;
}

const gateway = { gateway: { sources: ['/gateways/a'] } };
const fileOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const enrollmentPrefixes = ['enrollment-', 'dataKey-', 'certificate-'];

describe('an import', () => {
  let berth: ServedGraphql;
  let base: string;

  beforeAll(async () => {
    berth = await ServedGraphql.start();
    base = new URL(berth.url).origin;
  });
  afterAll(async () => {
    await berth?.stop();
  });

  const newName = (prefix = 'import') => `${prefix}-${randomUUID()}`;

  async function send(
    path: string,
    body: string | Buffer | Readable,
    method = 'PUT',
  ): Promise<{ status: number; state: State }> {
    const init = {
      method,
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/x-ndjson' },
    };
    const response = await fetch(`${base}/imports${path}`, init as RequestInit);
    return { status: response.status, state: (await response.json()) as State };
  }

  async function errorsOf(name: string, after = ''): Promise<Record<string, unknown>[]> {
    const response = await fetch(`${base}/imports/${name}/errors${after}`);
    expect(response.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    const text = await response.text();
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
  }

  const stateOf = async (name: string) => (await (await fetch(`${base}/imports/${name}`)).json()) as State;
  const newest = () => berth.store.newestAppended(enrollmentPrefixes);

  async function eventsOf(registrationId: string): Promise<EnrollmentEvent[]> {
    const events: EnrollmentEvent[] = [];
    for await (const { event } of berth.store.read<EnrollmentEvent>(streams.enrollment(registrationId)))
      events.push(event);
    return events;
  }

  it('creates what its rows describe, shows its progress, and changes nothing when the file comes again', async () => {
    const id = newName('press');
    const key = randomBytes(32).toString('base64');
    const file = fileOf([
      { registrationId: `${id}-0`, attestation: { symmetricKey: {} }, initialTwin: { tags: { line: 7 } } },
      { registrationId: `${id}-1`, attestation: { symmetricKey: { primary: key } }, enabled: false },
      {
        registrationId: `${id}-2`,
        attestation: gateway,
        policy: 'LOWEST_LATENCY',
        validity: { notAfter: '2030-01-01T01:00:00+01:00' },
      },
    ]);
    const name = newName('Load');
    const first = await send(`/${name}`, `${file}\n`);
    const bytes = Buffer.byteLength(file) + 1;
    const counts = { rows: 4, bytes, changed: 0, refused: 0, reason: null };
    expect(first).toEqual({
      status: 200,
      state: { status: 'completed', name, mode: 'create', ...counts, created: 3, unchanged: 0 },
    });
    expect(await stateOf(name.toUpperCase())).toEqual(first.state);
    const query = `query ($name: String!) { operation(name: $name) { id name state mode rows bytes created refused startedBy createdAt }
      operations(first: 100) { nodes { name } } }`;
    await eventually('the operation to be shown', async () => {
      const { data } = await berth.ask<{ operation: { state: string } | null }>(query, { name });
      return data.operation?.state === 'COMPLETED';
    });
    const { data } = await berth.ask<{ operation: { id: string }; operations: { nodes: object[] } }>(query, { name });
    expect(data.operation).toMatchObject({
      name,
      mode: 'CREATE',
      rows: 4,
      bytes: String(bytes),
      created: 3,
      startedBy: 'anonymous',
    });
    expect(data.operations.nodes).toContainEqual({ name });
    const node = await berth.ask(`query ($id: ID!) { node(id: $id) { ... on Operation { rows } } }`, {
      id: data.operation.id,
    });
    expect(node.data).toEqual({ node: { rows: 4 } });

    const before = newest();
    const again = await send('?mode=create', file, 'POST');
    expect(again.state).toMatchObject({ status: 'completed', created: 0, unchanged: 3, refused: 0 });
    expect(newest()).toBe(before);
    expect((await send('?mode=createOrUpdate', file, 'POST')).state).toMatchObject({ changed: 0, unchanged: 3 });
    expect(newest()).toBe(before);
    expect(await eventsOf(`${id}-1`)).toHaveLength(1);
  });

  it('refuses what exists with another content, or changes it, as its mode says', async () => {
    const id = newName();
    const keys = [0, 1, 2].map(() => randomBytes(32).toString('base64'));
    const row = { registrationId: id, attestation: { symmetricKey: { primary: keys[0], secondary: keys[1] } } };
    await send('', fileOf([row]), 'POST');
    const other = { ...row, attestation: { symmetricKey: { primary: keys[2] } }, singleUse: true };
    const name = newName();
    expect((await send(`/${name}`, fileOf([other]))).state).toMatchObject({ created: 0, refused: 1 });
    expect(await errorsOf(name)).toEqual([
      { row: 1, registrationId: id, code: 'ENROLLMENT_EXISTS', field: ['registrationId'], message: expect.any(String) },
    ]);
    expect((await send('?mode=createOrUpdate', fileOf([other]), 'POST')).state).toMatchObject({
      changed: 1,
      refused: 0,
    });
    expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
      'EnrollmentCreated',
      'EnrollmentTermsChanged',
      'EnrollmentAttestationReplaced',
    ]);
    // The key that the row does not name is the one it was.
    const whole = { ...other, attestation: { symmetricKey: { primary: keys[2], secondary: keys[1] } } };
    expect((await send('', fileOf([whole]), 'POST')).state).toMatchObject({ unchanged: 1, refused: 0 });
    const kind = { ...other, attestation: gateway };
    const wrongKind = newName();
    expect((await send(`/${wrongKind}?mode=createOrUpdate`, fileOf([kind]))).state).toMatchObject({ refused: 1 });
    expect(await errorsOf(wrongKind)).toMatchObject([{ code: 'ATTESTATION_TYPE_FIXED', field: ['attestation'] }]);
  });

  it('takes a file as Windows writes it, with a byte order mark and lines that end in CR LF', async () => {
    const id = newName();
    const rows = [0, 1].map((index) => JSON.stringify({ registrationId: `${id}-${index}`, attestation: gateway }));
    const { state } = await send(`/${newName()}`, `\ufeff${rows.join('\r\n')}\r\n`);
    expect(state).toMatchObject({ status: 'completed', rows: 2, created: 2, refused: 0 });
  });

  it('keeps the error of each row with its number, and nothing of a key', async () => {
    const id = newName();
    const good = { registrationId: id, attestation: gateway };
    const lines = [
      'no JSON SECRET-0',
      '["SECRET-1"]',
      JSON.stringify({ registrationId: 'x', attestation: { symmetricKey: { primary: ['SECRET-2'] } } }),
      JSON.stringify({ registrationId: 'a b', attestation: gateway }),
      JSON.stringify({ ...good, registrationId: `${id}-a`, hubs: ['nowhere'] }),
      '',
      JSON.stringify(good),
      JSON.stringify({ ...good, iotHub: 'SECRET-3' }),
      JSON.stringify({ registrationId: 7, attestation: gateway }),
      JSON.stringify({ registrationId: id, attestation: { symmetricKey: { primary: 'SECRET-4' } } }),
      'x'.repeat(300 * 1024),
      JSON.stringify({ ...good, registrationId: id.toUpperCase(), enabled: false }),
      Buffer.from([0x22, 0xff, 0x22]).toString('latin1'),
    ];
    const name = newName();
    const { state } = await send(`/${name}`, lines.join('\r\n'));
    expect(state).toMatchObject({ status: 'completed', rows: 13, created: 1, refused: 11 });
    const errors = await errorsOf(name);
    expect(errors.map(({ row, registrationId, code, field }) => [row, registrationId, code, field])).toEqual([
      [1, null, 'INVALID_ROW', null],
      [2, null, 'INVALID_ROW', null],
      [3, 'x', 'INVALID_ROW', ['attestation', 'symmetricKey', 'primary']],
      [4, 'a b', 'INVALID_REGISTRATION_ID', ['registrationId']],
      [5, `${id}-a`, 'HUB_NOT_LINKED', ['hubs', '0']],
      [8, id, 'INVALID_ROW', []],
      [9, null, 'INVALID_ROW', ['registrationId']],
      // Rows of one id come in their order: the line before made it an enrollment by gateway.
      [10, id, 'ENROLLMENT_EXISTS', ['registrationId']],
      [11, null, 'ROW_TOO_LARGE', null],
      [12, id.toUpperCase(), 'ENROLLMENT_EXISTS', ['registrationId']],
      [13, null, 'INVALID_ROW', null],
    ]);
    expect(errors[5]).toMatchObject({ message: expect.stringContaining('"iotHub"') });
    expect(JSON.stringify(errors)).not.toContain('SECRET');
    expect((await errorsOf(name, '?after=9')).map(({ row }) => row)).toEqual([10, 11, 12, 13]);
  });

  /** Sends so many rows of a file and breaks off. */
  async function breakOff(name: string, text: string): Promise<void> {
    const sending = request(`${base}/imports/${name}`, { method: 'PUT' });
    sending.on('error', () => undefined);
    sending.write(text);
    await eventually(`${name} to have begun`, async () => (await stateOf(name)).status === 'receiving');
    // A page is recorded when its lines are together; the rest of what was sent is not done.
    await eventually('a page to be recorded', async () => (await stateOf(name)).rows > 0, 30_000);
    sending.destroy();
    await eventually(`${name} to be interrupted`, async () => (await stateOf(name)).status === 'interrupted');
  }

  it.each(['from where it stopped', 'from the beginning'])(
    'goes on after a broken upload with the file %s',
    async (how) => {
      const id = newName();
      const rows = Array.from({ length: 1_300 }, (_, index) =>
        index % 100 === 7
          ? { registrationId: 'not an id', attestation: gateway }
          : { registrationId: `${id}-${index}`, attestation: gateway },
      );
      const file = fileOf(rows);
      const name = newName();
      await breakOff(name, fileOf(rows.slice(0, 800)) + '{"registrationId":"half a ro');
      const stopped = await stateOf(name);
      expect(stopped).toMatchObject({ rows: 500, created: 495, refused: 5, reason: 'the upload broke off' });
      expect(stopped.bytes).toBe(Buffer.byteLength(fileOf(rows.slice(0, 500))));
      const rest = Buffer.from(file).subarray(stopped.bytes);
      const { status, state } =
        how === 'from the beginning'
          ? await send(`/${name}`, file)
          : await send(`/${name}?offset=${stopped.bytes}`, rest);
      expect([status, state]).toEqual([
        200,
        expect.objectContaining({
          status: 'completed',
          rows: 1_300,
          bytes: Buffer.byteLength(file),
          created: 1_287,
          refused: 13,
          unchanged: 0,
        }),
      ]);
      expect((await errorsOf(name)).map(({ row }) => row)).toEqual(
        Array.from({ length: 13 }, (_, index) => index * 100 + 8),
      );
      expect(await eventsOf(`${id}-499`)).toHaveLength(1);
    },
  );

  it('says where it goes on, and does not take another file for its own', async () => {
    const id = newName();
    const rows = Array.from({ length: 600 }, (_, index) => ({
      registrationId: `${id}-${index}`,
      attestation: gateway,
    }));
    const name = newName();
    await breakOff(name, fileOf(rows));
    const { bytes } = await stateOf(name);
    const refusals = [
      await send(`/${name}?offset=7`, ''),
      await send(`/${name}?mode=createOrUpdate`, ''),
      await send(`/${name}`, fileOf(rows.map((row) => ({ ...row, enabled: false })))),
      await send(`/${name}`, fileOf(rows.slice(0, 499))),
      await send(`/${name}?mode=replace`, ''),
      await send(`/${name}?offset=-1`, ''),
      await send('/a%20b', ''),
    ];
    expect(refusals.map(({ status, state }) => [status, state.code])).toEqual([
      [409, 'OTHER_OFFSET'],
      [409, 'MODE_FIXED'],
      [409, 'OTHER_FILE'],
      [409, 'OTHER_FILE'],
      [400, 'INVALID_MODE'],
      [400, 'INVALID_OFFSET'],
      [400, 'INVALID_NAME'],
    ]);
    expect(refusals[0]!.state).toMatchObject({ bytes, rows: 500 });
    expect((await send(`/${name}`, fileOf(rows))).state).toMatchObject({
      status: 'completed',
      rows: 600,
      created: 600,
    });
    expect(await send(`/${name}`, fileOf(rows))).toMatchObject({
      status: 409,
      state: { code: 'IMPORT_COMPLETED', rows: 600 },
    });
    expect((await fetch(`${base}/imports/nobody`)).status).toBe(404);
    expect((await fetch(`${base}/imports/nobody/errors`)).status).toBe(404);
  });

  it('is taken over by whoever sends the rest, and stops where it was sent before', async () => {
    const id = newName();
    const rows = Array.from({ length: 700 }, (_, index) => ({
      registrationId: `${id}-${index}`,
      attestation: gateway,
    }));
    const name = newName();
    const gate = Promise.withResolvers<void>();
    const old = send(
      `/${name}`,
      Readable.from(
        (async function* () {
          yield fileOf(rows.slice(0, 600));
          await gate.promise;
          yield fileOf(rows.slice(600));
        })(),
      ),
    );
    await eventually('a page to be recorded', async () => (await stateOf(name)).rows > 0, 30_000);
    expect((await send(`/${name}`, fileOf(rows))).state).toMatchObject({ status: 'completed', rows: 700 });
    gate.resolve();
    expect(await old).toMatchObject({ status: 409, state: { code: 'TAKEN_OVER' } });
    expect(await stateOf(name)).toMatchObject({ status: 'completed', rows: 700, created: 700 });
  });
});

describe('an import with API keys', () => {
  it('is for those who have one, whose name it carries', async () => {
    const berth = await ServedGraphql.start({ mode: 'apikey', keys: new Map([['ops', 'key-of-ops']]) });
    try {
      const url = `${new URL(berth.url).origin}/imports/one`;
      for (const [method, path] of [
        ['PUT', ''],
        ['GET', ''],
        ['GET', '/errors'],
      ]) {
        const refused = await fetch(`${url}${path}`, { method: method!, ...(method === 'PUT' && { body: '{}' }) });
        expect([method, path, refused.status]).toEqual([method, path, 401]);
      }
      const headers = { authorization: 'Bearer key-of-ops' };
      const row = fileOf([{ registrationId: 'press-1', attestation: gateway }]);
      const taken = await fetch(url, { method: 'PUT', body: row, headers });
      expect([taken.status, taken.headers.get('location')]).toEqual([200, '/imports/one']);
      expect(taken.headers.get('berth-position')).toMatch(/^\d+$/);
      for await (const { metadata } of berth.store.read(streams.enrollment('press-1')))
        expect(metadata?.actor).toBe('ops');
    } finally {
      await berth.stop();
    }
  });
});
