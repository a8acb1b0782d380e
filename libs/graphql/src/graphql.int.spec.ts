import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DecisionsRecorded, type Outcome } from '@berth/domain';
import { noStream, streams } from '@berth/event-store';
import { randomUUID } from 'node:crypto';
import { ServedGraphql } from './under-test/served-graphql.js';

interface Payload {
  hub?: Record<string, unknown> | null;
  enrollment?: Record<string, unknown> | null;
  allocationPolicy?: Record<string, unknown> | null;
  generatedKeys?: { primary: string | null; secondary: string | null } | null;
  userErrors: { code: string; field: string[] | null; message: string; currentVersion: number | null }[];
  position: string | null;
}
interface Page {
  nodes: { id: string; name?: string; registrationId?: string }[];
  edges: { cursor: string; node: { name: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string };
  totalCount: number;
}

const objects = {
  hub: 'hub { id name state weight capacity region labels { key value } version load { hub devices share targetShare utilization } }',
  enrollment:
    'enrollment { id registrationId deviceId attestation { type sources } policy hubs reprovision { updateHubAssignment migrateDeviceData } initialTwin enabled version createdAt updatedAt }',
  allocationPolicy: 'allocationPolicy { policy hubs }',
};

describe('GraphQL over HTTP', () => {
  let berth: ServedGraphql;

  beforeAll(async () => {
    berth = await ServedGraphql.start();
  });
  afterAll(async () => {
    await berth?.stop();
  });

  async function mutate(name: string, input: object): Promise<Payload> {
    const object = name.startsWith('hub') ? 'hub' : name.startsWith('enrollment') ? 'enrollment' : 'allocationPolicy';
    const type = /^hub(Cordon|Uncordon)$/.test(name)
      ? 'HubCordonInput'
      : `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
    const keys = object === 'enrollment' ? 'generatedKeys { primary secondary }' : '';
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) {
      ${objects[object]} ${keys} userErrors { code field message currentVersion } position } }`;
    const { data, errors } = await berth.ask<Record<string, Payload>>(query, { input });
    expect(errors).toBeUndefined();
    return data[name] as Payload;
  }

  const newName = (prefix = 'hub') => `${prefix}-${randomUUID()}`;
  const gateway = { gateway: { sources: ['/gateways/a'] } };
  const refusal = (code: string, field: string[]) => ({
    userErrors: [expect.objectContaining({ code, field, message: expect.any(String) })],
  });

  describe('hubs', () => {
    it('are linked, changed, cordoned and unlinked, each with its load and position', async () => {
      const name = newName('Hub');
      const linked = await mutate('hubLink', { name, capacity: 10, region: 'eu' });
      expect(linked).toEqual({
        hub: {
          id: expect.any(String),
          name,
          state: 'OPEN',
          weight: 1,
          capacity: 10,
          region: 'eu',
          labels: [],
          version: 0,
          load: { hub: name, devices: 0, share: 0, targetShare: expect.any(Number), utilization: 0 },
        },
        userErrors: [],
        position: expect.stringMatching(/^\d+$/),
      });
      const changed = await mutate('hubUpdate', { name, weight: 5, capacity: null, expectedVersion: 0 });
      expect(changed.hub).toMatchObject({ weight: 5, capacity: null, region: 'eu', version: 2 });
      expect((await mutate('hubCordon', { name })).hub).toMatchObject({ state: 'CORDONED' });
      const again = await mutate('hubCordon', { name });
      expect(again).toMatchObject({ hub: { state: 'CORDONED', version: 3 }, userErrors: [] });
      expect((await mutate('hubDrain', { name })).hub).toMatchObject({ state: 'DRAINING' });
      expect((await mutate('hubUncordon', { name })).hub).toMatchObject({ state: 'OPEN' });
      expect(await mutate('hubUnlink', { name })).toMatchObject({ hub: null, userErrors: [] });
      expect(await mutate('hubUnlink', { name })).toMatchObject({
        hub: null,
        ...refusal('HUB_NOT_LINKED', ['input', 'name']),
      });
    });

    it('are not unlinked while an enrollment names them, unless forced', async () => {
      const name = newName();
      await mutate('hubLink', { name });
      const registrationId = newName('press');
      const attestation = { gateway: { sources: ['/gateways/a'] } };
      await mutate('enrollmentCreate', { registrationId, attestation, hubs: [name] });
      const refused = await mutate('hubUnlink', { name });
      expect(refused).toMatchObject({ hub: null, ...refusal('HUB_REFERENCED', ['input', 'name']) });
      expect(refused.userErrors[0]?.message).toContain(`enrollments ${registrationId}.`);
      expect(await mutate('hubUnlink', { name, force: true })).toMatchObject({ hub: null, userErrors: [] });
    });

    it('have labels, by key, all replaced at once', async () => {
      const name = newName();
      const gold = { key: 'tier', value: 'gold' };
      const labels = [gold, { key: 'site', value: 'paris' }];
      const sorted = labels.toReversed();
      expect((await mutate('hubLink', { name, labels })).hub).toMatchObject({ labels: sorted });
      expect((await mutate('hubUpdate', { name, labels })).hub).toMatchObject({ labels: sorted, version: 0 });
      const { hub, position } = await mutate('hubUpdate', { name, labels: [gold] });
      expect(hub).toMatchObject({ labels: [gold], version: 1 });
      const query = 'query ($name: String!) { hub(name: $name) { labels { key value } } }';
      const { data } = await berth.ask<object>(query, { name }, { 'berth-min-position': position! });
      expect(data).toEqual({ hub: { labels: [gold] } });
      expect((await mutate('hubUpdate', { name, labels: null })).hub).toMatchObject({ labels: [], version: 2 });
      const many = Array.from({ length: 17 }, (_, index) => ({ key: `k${index}`, value: 'v' }));
      expect(await mutate('hubUpdate', { name, labels: many })).toMatchObject(
        refusal('TOO_MANY_LABELS', ['input', 'labels']),
      );
      expect(await mutate('hubUpdate', { name, labels: [gold, gold] })).toMatchObject(
        refusal('LABEL_NAMED_TWICE', ['input', 'labels', '1']),
      );
    });

    it('tell a stale change the version that holds', async () => {
      const name = newName();
      await mutate('hubLink', { name });
      const { position } = await mutate('hubUpdate', { name, weight: 2 });
      const stale = await mutate('hubUpdate', { name, weight: 3, expectedVersion: 0 });
      expect(stale).toEqual({
        hub: null,
        userErrors: [
          {
            code: 'VERSION_CONFLICT',
            field: ['input', 'expectedVersion'],
            message: expect.any(String),
            currentVersion: 1,
          },
        ],
        position,
      });
    });

    it.each([
      ['HUB_NOT_LINKED', { name: 'nowhere', weight: 1 }, 'hubUpdate', ['input', 'name']],
      ['INVALID_HUB_NAME', { name: 'a b' }, 'hubLink', ['input', 'name']],
      ['INVALID_WEIGHT', { name: 'h', weight: 1001 }, 'hubLink', ['input', 'weight']],
      ['INVALID_CAPACITY', { name: 'h', capacity: -1 }, 'hubLink', ['input', 'capacity']],
      ['INVALID_REGION', { name: 'h', region: '' }, 'hubLink', ['input', 'region']],
      ['INVALID_LABEL', { name: 'h', labels: [{ key: 'a b', value: 'c' }] }, 'hubLink', ['input', 'labels', '0']],
      ['INVALID_CONNECTION', { name: 'h', connection: '' }, 'hubLink', ['input', 'connection']],
    ])('are refused with %s for %j', async (code, input, mutation, field) => {
      expect(await mutate(mutation, input)).toMatchObject({ hub: null, ...refusal(code, field) });
    });

    it('never give out a connection string', async () => {
      const name = newName();
      await mutate('hubLink', { name, connection: 'SharedAccessKey=top-secret' });
      const { position } = await mutate('hubUpdate', { name, weight: 9 });
      const query = '{ __type(name: "Hub") { fields { name } } hubs(first: 100) { nodes { id name } } }';
      const response = await berth.ask<object>(query, {}, { 'berth-min-position': position! });
      expect(JSON.stringify(response)).not.toMatch(/connection|top-secret/);
    });
  });

  describe('the allocation policy', () => {
    it('is chosen, and refused with the place of the hub that is to blame', async () => {
      const name = newName();
      await mutate('hubLink', { name });
      const chosen = await mutate('allocationPolicySet', { policy: 'STATIC', hubs: [name] });
      expect(chosen).toMatchObject({ allocationPolicy: { policy: 'STATIC', hubs: [name] }, userErrors: [] });
      const unknown = await mutate('allocationPolicySet', { policy: 'STATIC', hubs: [name, 'nowhere'] });
      expect(unknown).toMatchObject(refusal('HUB_NOT_LINKED', ['input', 'hubs', '1']));
      const twice = await mutate('allocationPolicySet', { policy: 'STATIC', hubs: [name, name.toUpperCase()] });
      expect(twice).toMatchObject(refusal('HUB_NAMED_TWICE', ['input', 'hubs', '1']));
      expect(await mutate('allocationPolicySet', { policy: 'STATIC' })).toMatchObject(
        refusal('STATIC_NEEDS_HUBS', ['input', 'hubs']),
      );
      const misplaced = await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED', hubs: [name] });
      expect(misplaced).toMatchObject(refusal('HUBS_ONLY_FOR_STATIC', ['input', 'hubs']));
      expect(misplaced.position).toBe(chosen.position);
      expect(await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED' })).toMatchObject({ userErrors: [] });
      const { data } = await berth.ask<Payload>(
        '{ allocationPolicy { policy hubs } }',
        {},
        {
          'berth-min-position': (await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED' })).position!,
        },
      );
      expect(data).toEqual({ allocationPolicy: { policy: 'EVENLY_WEIGHTED', hubs: [] } });
    });

    it('may go by latencies, and names no hubs then', async () => {
      const named = await mutate('allocationPolicySet', { policy: 'LOWEST_LATENCY', hubs: ['hub-a'] });
      expect(named).toMatchObject(refusal('HUBS_ONLY_FOR_STATIC', ['input', 'hubs']));
      const payload = await mutate('allocationPolicySet', { policy: 'LOWEST_LATENCY' });
      expect(payload).toMatchObject({ allocationPolicy: { policy: 'LOWEST_LATENCY', hubs: [] }, userErrors: [] });
      await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED' });
    });
  });

  describe('regions', () => {
    const fields = 'id name latencies { hub ms } version';
    const set = async (input: object) => {
      const query = `mutation ($input: RegionLatenciesSetInput!) { regionLatenciesSet(input: $input) {
        region { ${fields} } userErrors { code field message currentVersion } position } }`;
      const { data, errors } = await berth.ask<{ regionLatenciesSet: Payload & { region: { id: string } } }>(query, {
        input,
      });
      expect(errors).toBeUndefined();
      return data.regionLatenciesSet;
    };

    it('tell how far hubs are, are replaced whole, and forgotten without any', async () => {
      const [hub, other, region] = [newName(), newName(), newName('EU')];
      for (const name of [hub, other]) await mutate('hubLink', { name });
      const both = [other, hub].map((name, index) => ({ hub: name, ms: 10.5 + index }));
      const first = await set({ region, latencies: both });
      expect(first).toMatchObject({ region: { name: region, version: 0 }, userErrors: [] });
      expect(await set({ region, latencies: both.toReversed() })).toEqual(first);
      const one = [{ hub, ms: 0 }];
      const { position } = await set({ region: region.toLowerCase(), latencies: one, expectedVersion: 0 });
      const query = `query ($region: String!, $id: ID!) { region(name: $region) { ${fields} } node(id: $id) { id }
        regions(first: 100) { totalCount nodes { name } } }`;
      const variables = { region, id: first.region.id };
      const { data } = await berth.ask<{ regions: object }>(query, variables, { 'berth-min-position': position! });
      expect(data).toMatchObject({
        region: { name: region, latencies: one, version: 1 },
        node: { id: first.region.id },
        regions: { nodes: expect.arrayContaining([{ name: region }]) },
      });
      expect(await set({ region, latencies: [], expectedVersion: 0 })).toMatchObject({
        region: null,
        userErrors: [{ code: 'VERSION_CONFLICT', currentVersion: 1 }],
      });
      expect(await set({ region, latencies: [] })).toMatchObject({ region: null, userErrors: [] });
    });

    it.each([
      ['INVALID_REGION', { region: 'ü' }, ['region']],
      ['HUB_NOT_LINKED', { latencies: [{ hub: 'nowhere', ms: 1 }] }, ['latencies', '0', 'hub']],
      ['TOO_MANY_HUBS', { latencies: Array.from({ length: 1001 }, () => ({ hub: 'h', ms: 1 })) }, ['latencies']],
    ])('are refused with %s', async (code, change, path) => {
      const refused = await set({ region: newName('eu'), latencies: [], ...change });
      expect(refused).toMatchObject({ region: null, ...refusal(code, ['input', ...path]) });
    });

    it('are refused for a latency that is none', async () => {
      const hub = newName();
      await mutate('hubLink', { name: hub });
      const twice = [
        { hub, ms: 1 },
        { hub, ms: 2 },
      ];
      expect(await set({ region: 'eu', latencies: [{ hub, ms: -1 }] })).toMatchObject(
        refusal('INVALID_LATENCY', ['input', 'latencies', '0', 'ms']),
      );
      expect(await set({ region: 'eu', latencies: twice })).toMatchObject(
        refusal('HUB_NAMED_TWICE', ['input', 'latencies', '1', 'hub']),
      );
    });
  });

  describe('enrollments', () => {
    it('are created with generated keys, shown once', async () => {
      const registrationId = newName('Press');
      const created = await mutate('enrollmentCreate', { registrationId, attestation: { symmetricKey: {} } });
      expect(created).toEqual({
        enrollment: {
          id: expect.any(String),
          registrationId,
          deviceId: null,
          attestation: { type: 'SYMMETRIC_KEY', sources: null },
          policy: null,
          hubs: [],
          reprovision: { updateHubAssignment: true, migrateDeviceData: true },
          initialTwin: null,
          enabled: true,
          version: 0,
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          updatedAt: created.enrollment?.['createdAt'],
        },
        generatedKeys: { primary: expect.any(String), secondary: expect.any(String) },
        userErrors: [],
        position: expect.stringMatching(/^\d+$/),
      });
      expect(Buffer.from(created.generatedKeys!.primary!, 'base64')).toHaveLength(64);
      const again = await mutate('enrollmentCreate', { registrationId, attestation: { symmetricKey: {} } });
      expect(again).toMatchObject({
        generatedKeys: null,
        ...refusal('ENROLLMENT_EXISTS', ['input', 'registrationId']),
      });
      const { data } = await berth.ask(
        'query ($id: String!) { enrollment(registrationId: $id) { id registrationId } }',
        {
          id: registrationId.toUpperCase(),
        },
      );
      expect(data).toMatchObject({ enrollment: { id: created.enrollment?.['id'], registrationId } });
    });

    it('are answered like the first time under the same idempotency key', async () => {
      const input = { registrationId: newName(), attestation: { symmetricKey: {} }, idempotencyKey: randomUUID() };
      const first = await mutate('enrollmentCreate', input);
      expect(await mutate('enrollmentCreate', input)).toEqual(first);
      const other = await mutate('enrollmentCreate', { ...input, enabled: false });
      expect(other).toMatchObject(refusal('IDEMPOTENCY_KEY_REUSED', ['input', 'idempotencyKey']));
    });

    it('keep what they were given', async () => {
      const hub = newName();
      await mutate('hubLink', { name: hub });
      const { enrollment } = await mutate('enrollmentCreate', {
        registrationId: newName(),
        deviceId: 'Device:1',
        attestation: gateway,
        policy: 'STATIC',
        hubs: [hub],
        reprovision: { updateHubAssignment: false },
        initialTwin: { tags: { site: 'x' } },
        enabled: false,
      });
      expect(enrollment).toMatchObject({
        deviceId: 'Device:1',
        attestation: { type: 'GATEWAY', sources: ['/gateways/a'] },
        policy: 'STATIC',
        hubs: [hub],
        reprovision: { updateHubAssignment: false, migrateDeviceData: true },
        initialTwin: { tags: { site: 'x' } },
        enabled: false,
      });
    });

    it('are disabled, enabled and deleted, minding the version', async () => {
      const registrationId = newName();
      await mutate('enrollmentCreate', { registrationId, attestation: gateway });
      expect(await mutate('enrollmentUpdate', { registrationId, enabled: false, expectedVersion: 0 })).toMatchObject({
        enrollment: { enabled: false, version: 1 },
        userErrors: [],
      });
      expect(await mutate('enrollmentUpdate', { registrationId, enabled: true, expectedVersion: 0 })).toMatchObject({
        enrollment: null,
        userErrors: [{ code: 'VERSION_CONFLICT', currentVersion: 1 }],
      });
      expect(await mutate('enrollmentDelete', { registrationId })).toMatchObject({ enrollment: null, userErrors: [] });
      const gone = refusal('ENROLLMENT_NOT_FOUND', ['input', 'registrationId']);
      expect(await mutate('enrollmentDelete', { registrationId })).toMatchObject(gone);
      expect(await mutate('enrollmentUpdate', { registrationId, enabled: true })).toMatchObject(gone);
    });

    it.each([
      ['INVALID_REGISTRATION_ID', { registrationId: 'a b' }, ['registrationId']],
      ['INVALID_DEVICE_ID', { deviceId: 'a/b' }, ['deviceId']],
      ['INVALID_ATTESTATION', { attestation: {} }, ['attestation']],
      ['INVALID_ATTESTATION', { attestation: { symmetricKey: {}, gateway: { sources: ['a'] } } }, ['attestation']],
      ['CERTIFICATE_MISSING', { attestation: { x509: {} } }, ['attestation', 'x509']],
      ['INVALID_CERTIFICATE', { attestation: { x509: { secondary: 'x' } } }, ['attestation', 'x509', 'secondary']],
      ['INVALID_TPM_KEY', { attestation: { tpm: { endorsementKey: '?' } } }, ['attestation', 'tpm', 'endorsementKey']],
      [
        'INVALID_VALIDITY',
        { validity: { notBefore: '2026-01-02T00:00:00Z', notAfter: '2026-01-01T00:00:00Z' } },
        ['validity'],
      ],
      [
        'DEVICE_INFORMATION_TOO_LARGE',
        { optionalDeviceInformation: { a: 'x'.repeat(9_000) } },
        ['optionalDeviceInformation'],
      ],
      ['GATEWAY_NEEDS_SOURCES', { attestation: { gateway: { sources: [] } } }, ['attestation', 'gateway', 'sources']],
      [
        'INVALID_SOURCE',
        { attestation: { gateway: { sources: ['a', ''] } } },
        ['attestation', 'gateway', 'sources', '1'],
      ],
      [
        'INVALID_SYMMETRIC_KEY',
        { attestation: { symmetricKey: { secondary: 'x' } } },
        ['attestation', 'symmetricKey', 'secondary'],
      ],
      ['STATIC_NEEDS_HUBS', { policy: 'STATIC' }, ['hubs']],
      ['HUB_NOT_LINKED', { hubs: ['nowhere'] }, ['hubs', '0']],
      ['INVALID_IDEMPOTENCY_KEY', { idempotencyKey: '' }, ['idempotencyKey']],
      ['INITIAL_TWIN_TOO_LARGE', { initialTwin: { tags: Array.from({ length: 9_000 }, () => null) } }, ['initialTwin']],
    ])('are refused with %s', async (code, change, path) => {
      const payload = await mutate('enrollmentCreate', { registrationId: newName(), attestation: gateway, ...change });
      expect(payload).toMatchObject({ enrollment: null, generatedKeys: null, ...refusal(code, ['input', ...path]) });
    });
  });

  describe('lists', () => {
    const page = `nodes { id name } edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount`;
    const hubs = async (args: string) => (await berth.ask<{ hubs: Page }>(`{ hubs(${args}) { ${page} } }`)).data.hubs;

    it('are walked page by page, forwards and backwards, each row once', async () => {
      for (let index = 0; index < 5; index += 1) {
        const { position } = await mutate('hubLink', { name: newName(`List-${index}`) });
        await berth.readModel.readModel.reached(BigInt(position!), 5_000);
      }
      const { totalCount, nodes: all } = await hubs('first: 100');
      expect(totalCount).toBe(all.length);
      const walked: string[] = [];
      for (let after = '', more = true; more;) {
        const { nodes, pageInfo } = await hubs(`first: 2${after && `, after: "${after}"`}`);
        walked.push(...nodes.map(({ name }) => name!));
        ({ endCursor: after, hasNextPage: more } = pageInfo);
      }
      expect(walked).toEqual(all.map(({ name }) => name));
      const last = await hubs('last: 2');
      expect(last.nodes.map(({ name }) => name)).toEqual(walked.slice(-2));
      const before = await hubs(`last: 2, before: "${last.pageInfo.startCursor}"`);
      expect(before.nodes.map(({ name }) => name)).toEqual(walked.slice(-4, -2));
      expect(before.edges.map(({ node }) => node.name)).toEqual(walked.slice(-4, -2));
    });

    it.each(['hubs', 'enrollments', 'registrations'])('of %s want a size that can be served', async (list) => {
      for (const args of ['', '(first: 0)', '(first: 101)', '(last: 101)', '(first: 1, last: 1)', '(first: -1)']) {
        const { errors, data } = await berth.ask(`{ ${list}${args} { totalCount } }`);
        expect([args, data, errors?.[0]?.extensions['code']]).toEqual([args, null, 'BAD_USER_INPUT']);
        expect(errors?.[0]?.message).toMatch(/1–100/);
      }
    });

    it('refuse a cursor that is not theirs', async () => {
      const { pageInfo } = await hubs('first: 1');
      for (const query of [
        `{ registrations(first: 1, after: "${pageInfo.endCursor}") { totalCount } }`,
        '{ hubs(first: 1, after: "rubbish") { totalCount } }',
      ]) {
        expect((await berth.ask(query)).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
      }
    });

    it('refuse a filter that does not exist, rather than ignore it', async () => {
      const { errors } = await berth.ask('{ enrollments(first: 1, filter: { hub: "a" }) { totalCount } }');
      expect(errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    });

    it('of enrollments can be filtered', async () => {
      const prefix = newName('filter');
      await mutate('enrollmentCreate', { registrationId: `${prefix}-a`, attestation: gateway });
      const { position } = await mutate('enrollmentCreate', {
        registrationId: `${prefix}-b`,
        attestation: gateway,
        enabled: false,
      });
      const query = `query ($filter: EnrollmentFilter) { enrollments(first: 10, filter: $filter) { nodes { registrationId } totalCount } }`;
      const ask = async (filter: object) =>
        (await berth.ask<{ enrollments: Page }>(query, { filter }, { 'berth-min-position': position! })).data
          .enrollments;
      expect((await ask({ registrationIdPrefix: prefix.toUpperCase() })).totalCount).toBe(2);
      const off = await ask({ registrationIdPrefix: prefix, enabled: false });
      expect(off).toEqual({ nodes: [{ registrationId: `${prefix}-b` }], totalCount: 1 });
    });
  });

  describe('registrations', () => {
    const hub = newName('reg-hub');
    const registrationId = newName('Reg');
    const refused = newName('ref');

    beforeAll(async () => {
      await mutate('hubLink', { name: hub });
      const assigned: Outcome = {
        type: 'DeviceAssigned',
        offset: 0,
        registrationId,
        requestId: 'r',
        enrollment: registrationId,
        deviceId: registrationId,
        hub,
        rule: 0,
      };
      const failed: Outcome = {
        type: 'RegistrationRejected',
        offset: 1,
        registrationId: refused,
        requestId: 'r',
        status: 'failed',
        authenticated: false,
        enrollment: null,
        errorCode: 401_002,
        reason: 'no enrollment',
        rule: null,
      };
      const page: DecisionsRecorded = {
        generation: 1,
        firstOffset: 0,
        lastOffset: 1,
        at: '2026-01-02T03:04:05.000Z',
        configuration: null,
        build: 1,
        policy: 'evenlyWeighted',
        hubs: [{ name: hub, state: 'open', weight: 1, capacity: null, load: 0 }],
        rules: [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }],
        outcomes: [assigned, failed],
        unchanged: [],
      };
      const { position } = await berth.store.append(
        streams.ledger(0),
        [{ type: 'DecisionsRecorded', v: 1, data: page }],
        noStream,
        { correlationId: 'c', actor: 'spec', at: page.at },
      );
      expect(await berth.readModel.readModel.reached(position, 5_000)).toBe(true);
    });

    const fields = `id registrationId deviceId status substatus hub enrollment errorCode reason createdAt updatedAt
      decision { position at policy policySource chosen reason configuration build
        candidates { hub verdict reason score snapshot { load weight capacity } } } rejected { reason }`;

    it('show the decision with its candidates', async () => {
      const query = `query ($id: String!) { registration(registrationId: $id) { ${fields} } }`;
      const { data, errors } = await berth.ask(query, { id: registrationId.toUpperCase() });
      expect(errors).toBeUndefined();
      expect(data).toEqual({
        registration: {
          id: expect.any(String),
          registrationId,
          deviceId: registrationId,
          status: 'ASSIGNED',
          substatus: 'initialAssignment',
          hub,
          enrollment: registrationId,
          errorCode: null,
          reason: null,
          createdAt: '2026-01-02T03:04:05.000Z',
          updatedAt: '2026-01-02T03:04:05.000Z',
          decision: {
            position: expect.stringMatching(/^\d+$/),
            at: '2026-01-02T03:04:05.000Z',
            policy: 'EVENLY_WEIGHTED',
            policySource: 'default',
            chosen: hub,
            reason: null,
            configuration: null,
            build: 1,
            candidates: [
              {
                hub,
                verdict: 'chosen',
                reason: null,
                score: expect.any(String),
                snapshot: { load: expect.any(Number), weight: 1, capacity: null },
              },
            ],
          },
          rejected: null,
        },
      });
      expect(await berth.ask(query, { id: 'nobody' })).toMatchObject({ data: { registration: null } });
    });

    it('are listed by status, hub and prefix', async () => {
      const query = `query ($filter: RegistrationFilter) { registrations(first: 10, filter: $filter) { nodes { registrationId status errorCode } totalCount } }`;
      const ask = async (filter: object) =>
        (await berth.ask<{ registrations: Page }>(query, { filter })).data.registrations;
      expect(await ask({ hub: hub.toUpperCase() })).toMatchObject({ totalCount: 1, nodes: [{ registrationId }] });
      expect(await ask({ registrationIdPrefix: refused })).toMatchObject({
        nodes: [{ status: 'FAILED', errorCode: 401_002 }],
      });
      expect(await ask({ status: 'DISABLED' })).toEqual({ nodes: [], totalCount: 0 });
    });

    it('count in the loads', async () => {
      const { data } = await berth.ask<{ hubLoads: { hub: string; devices: number; share: number }[] }>(
        '{ hubLoads { hub devices share } }',
      );
      expect(data.hubLoads.find((load) => load.hub === hub)).toMatchObject({ devices: 1, share: 1 });
    });

    it('and everything else with an id are found again by it', async () => {
      const query = `query ($hub: String!, $id: String!) { hub(name: $hub) { id } registration(registrationId: $id) { id } }`;
      const { data } = await berth.ask<{ hub: { id: string }; registration: { id: string } }>(query, {
        hub,
        id: registrationId,
      });
      const node = `query ($id: ID!) { node(id: $id) { id __typename ... on Hub { name load { devices } } ... on Registration { status } } }`;
      for (let round = 0; round < 4; round += 1) {
        expect((await berth.ask(node, { id: data.hub.id })).data).toEqual({
          node: { id: data.hub.id, __typename: 'Hub', name: hub, load: { devices: 1 } },
        });
        expect((await berth.ask(node, { id: data.registration.id })).data).toEqual({
          node: { id: data.registration.id, __typename: 'Registration', status: 'ASSIGNED' },
        });
      }
      expect((await berth.ask(node, { id: Buffer.from('Hub:gone').toString('base64url') })).data).toEqual({
        node: null,
      });
      expect((await berth.ask(node, { id: 'made-up' })).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    });
  });

  describe('positions', () => {
    it('let a client read its own write', async () => {
      for (let weight = 1; weight <= 20; weight += 1) {
        const name = newName();
        const { position } = await mutate('hubLink', { name, weight });
        const { data, extensions } = await berth.ask(
          'query ($name: String!) { hub(name: $name) { weight } }',
          { name },
          {
            'berth-min-position': position!,
          },
        );
        expect(data).toEqual({ hub: { weight } });
        expect(BigInt(extensions!.position!)).toBeGreaterThanOrEqual(BigInt(position!));
      }
    });

    it('that are not reached within two seconds are an error that says how far it is', async () => {
      const { errors, extensions } = await berth.ask(
        '{ hubLoads { hub } }',
        {},
        { 'berth-min-position': '9000000000000000000' },
      );
      expect(errors).toEqual([
        expect.objectContaining({
          extensions: { code: 'PROJECTION_LAGGING', retriable: true, position: expect.stringMatching(/^\d+$/) },
        }),
      ]);
      expect(extensions).toEqual({ position: expect.stringMatching(/^\d+$/) });
    });

    it.each(['x', '-1', '1.5', '9223372036854775808', '1, 2'])('like %j are refused', async (position) => {
      const { status, errors } = await berth.ask('{ hubLoads { hub } }', {}, { 'berth-min-position': position });
      expect([status, errors?.[0]?.extensions['code']]).toEqual([400, 'BAD_USER_INPUT']);
    });

    it('do not hold up mutations', async () => {
      const query = `mutation { hubCordon(input: { name: "nowhere" }) { userErrors { code } } }`;
      const { data } = await berth.ask(query, {}, { 'berth-min-position': '9000000000000000000' });
      expect(data).toEqual({ hubCordon: { userErrors: [{ code: 'HUB_NOT_LINKED' }] } });
    });
  });

  describe('limits', () => {
    const code = async (query: string, variables?: Record<string, unknown>) =>
      (await berth.ask(query, variables)).errors?.map(({ extensions }) => extensions['code']);

    it('hold for depth, aliases and root fields', async () => {
      const deep = `{ registrations(first: 1) { edges { node { decision { candidates ${'{ ... on Candidate '.repeat(3)} { hub } ${'}'.repeat(3)} } } } } }`;
      expect(await code(deep)).toBeUndefined();
      const aliases = Array.from({ length: 101 }, (_, index) => `a${index}: hubLoads { hub }`).join(' ');
      expect(await code(`{ ${aliases} }`)).toEqual(['QUERY_TOO_COMPLEX']);
      expect(await code(`{ ${'hubLoads { hub } '.repeat(101)} }`)).toEqual(['QUERY_TOO_COMPLEX']);
      const spreads = 'fragment F on Query { hubLoads { hub } } ';
      expect(await code(`${spreads} { ${'...F '.repeat(101)} }`)).toEqual(['QUERY_TOO_COMPLEX']);
      const nested = `{ __schema ${'{ types { fields { type '.repeat(7)} { name } ${'} } }'.repeat(7)} }`;
      expect(await code(nested)).toEqual(['QUERY_TOO_COMPLEX']);
    });

    it('hold for the body, and for its kind', async () => {
      const large = await berth.post(
        JSON.stringify({ query: '{ hubLoads { hub } }', pad: 'x'.repeat(4 * 1024 * 1024) }),
      );
      expect([large.status, await large.json()]).toEqual([
        413,
        expect.objectContaining({ errors: [expect.objectContaining({ extensions: { code: 'BODY_TOO_LARGE' } })] }),
      ]);
      for (const body of [
        '{',
        '',
        '[]',
        '[{"query":"{ hubLoads { hub } }"}]',
        '"x"',
        'null',
        '{"query":1}',
        '{"query":"{ hubLoads { hub } }","variables":[]}',
        '{"query":"{ hubLoads { hub } }","operationName":1}',
      ]) {
        const response = await berth.post(body);
        const { errors } = (await response.json()) as { errors: { extensions: object }[] };
        expect([body, response.status, errors[0]?.extensions]).toEqual([
          body,
          400,
          expect.objectContaining({ code: 'BAD_USER_INPUT' }),
        ]);
      }
      const form = await fetch(berth.url, {
        method: 'POST',
        body: new URLSearchParams({ query: '{ hubLoads { hub } }' }),
      });
      expect(form.status).toBe(415);
    });

    it('keep a syntax tree from passing for a query', async () => {
      const tree = '{"kind":"Document","definitions":[]}';
      expect((await berth.ask(` ${tree}`)).errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
      for (const text of ['null', '[]', '{}', '1']) expect(await code(text)).toEqual(['BAD_USER_INPUT']);
    });

    it('survive nesting and circles', async () => {
      expect(await code('['.repeat(10))).toBeDefined();
      expect(await code(`{ hub(name: ${'['.repeat(9_000)}`)).toEqual(['GRAPHQL_PARSE_FAILED']);
      expect(await code(`{ ${'hubs { '.repeat(9_000)}`)).toEqual(['GRAPHQL_PARSE_FAILED']);
      expect(
        await code('{ ...A } fragment A on Query { ...B } fragment B on Query { ...A hubLoads { hub } }'),
      ).toContain('GRAPHQL_VALIDATION_FAILED');
      let twin: object = {};
      for (let depth = 0; depth < 3_000; depth += 1) twin = { twin };
      const create = 'mutation ($input: EnrollmentCreateInput!) { enrollmentCreate(input: $input) { position } }';
      expect(await code(create, { input: { registrationId: 'a', attestation: gateway, initialTwin: twin } })).toEqual([
        'BAD_USER_INPUT',
      ]);
    });
  });

  describe('errors', () => {
    it.each([
      ['{ hubs(', undefined, 'GRAPHQL_PARSE_FAILED'],
      ['{ nothing }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
      ['query ($name: String!) { hub(name: $name) { name } }', {}, 'BAD_USER_INPUT'],
      ['query ($name: String!) { hub(name: $name) { name } }', { name: 7 }, 'BAD_USER_INPUT'],
      ['subscription { hubLoads { hub } }', undefined, expect.any(String)],
      ['', undefined, 'GRAPHQL_PARSE_FAILED'],
    ])('of %j carry a code, also when the document was compiled', async (query, variables, code) => {
      for (let round = 0; round < 4; round += 1) {
        const { errors, extensions } = await berth.ask(query, variables);
        expect(errors?.[0]?.extensions['code']).toEqual(code);
        expect(extensions).toHaveProperty('position');
        expect(JSON.stringify(errors)).not.toMatch(/stack|node_modules|\.ts/);
      }
    });

    it('name the place, with numbers for places in lists', async () => {
      const { errors } = await berth.ask('{ a: hubs(first: 1) { totalCount } b: hubs { totalCount } }');
      expect(errors?.[0]).toMatchObject({ path: ['b'], extensions: { code: 'BAD_USER_INPUT' } });
    });

    it('run the operation that was named, also when the document was compiled', async () => {
      const query = 'query A { hubLoads { hub } } query B { allocationPolicy { policy } }';
      for (let round = 0; round < 5; round += 1) {
        for (const [operationName, field] of [
          ['A', 'hubLoads'],
          ['B', 'allocationPolicy'],
        ]) {
          const response = await berth.post(JSON.stringify({ query, operationName }));
          const { data } = (await response.json()) as { data: object };
          expect(Object.keys(data)).toEqual([field]);
        }
      }
    });

    it('give back the correlation id of the request', async () => {
      const { headers } = await berth.ask('{ hubLoads { hub } }', {}, { 'x-correlation-id': 'wish-7' });
      expect(headers.get('x-correlation-id')).toBe('wish-7');
      const name = newName();
      await berth.ask(
        'mutation ($name: String!) { hubLink(input: { name: $name }) { position } }',
        { name },
        { 'x-correlation-id': 'wish-8' },
      );
      for await (const { metadata } of berth.store.read(streams.hub(name))) {
        expect(metadata).toMatchObject({ correlationId: 'wish-8', actor: 'anonymous', at: expect.any(String) });
      }
    });
  });

  describe('a browser', () => {
    it('gets GraphiQL, with everything from here', async () => {
      const response = await fetch(berth.url, { headers: { accept: 'text/html,*/*;q=0.8' } });
      const html = await response.text();
      expect(response.headers.get('content-type')).toMatch(/^text\/html/);
      expect(html).not.toMatch(/https?:/);
      const assets = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
      expect(assets).toHaveLength(5);
      for (const asset of assets) {
        const file = await fetch(new URL(asset, berth.url));
        expect([asset, file.status, (await file.text()).length > 100]).toEqual([asset, 200, true]);
      }
    });

    it('alone gets a page: others are told to POST', async () => {
      const response = await fetch(`${berth.url}?query={hubLoads{hub}}`);
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    });
  });

  it('is as the design names it: a store that is away is a fault that may be retried', async () => {
    const other = await ServedGraphql.start();
    try {
      await other.node.stop();
      // The first try already fails; how often the store is asked again is the store's own business.
      const { errors, data } = await other.ask<{ hubCordon: null }>(
        `mutation { hubCordon(input: { name: "a" }) { position } }`,
      );
      expect(data).toBeNull();
      expect(errors).toEqual([
        expect.objectContaining({ path: ['hubCordon'], extensions: { code: 'STORE_UNAVAILABLE', retriable: true } }),
      ]);
      expect((await other.ask('{ hubLoads { hub } }')).errors).toBeUndefined();
    } finally {
      await other.stop();
    }
  }, 60_000);
});
