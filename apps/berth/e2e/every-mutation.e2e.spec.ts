import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, eventually } from '@berth/testing';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent, symmetricKeyProof } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

const idScope = '0ne00ABCDEF';

interface Payload {
  userErrors: { code: string; message: string }[];
  generatedKeys?: { primary: string | null; secondary: string | null } | null;
  rows?: { userErrors: { code: string }[]; generatedKeys?: Payload['generatedKeys']; releasedFrom?: string }[];
  position: string | null;
}
interface Registration {
  status: string;
  substatus: string | null;
  hub: string | null;
  enrollmentGroup: string | null;
  errorCode: number | null;
  reason: string | null;
  rejected: { errorCode: number | null; reason: string } | null;
}

let dataFolder: string;
let berth: RunningBerth;
/** Mutations that this spec has called. */
const called = new Set<string>();

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-mutations-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope });
  for (const name of ['hub-a', 'hub-b']) await mutate('hubLink', { name });
  // Takes nobody: changed to have an event behind a decision.
  await mutate('hubLink', { name: 'marker' });
  await mutate('hubCordon', { name: 'marker' });
});
afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

async function ask(name: string, input: object, fields = ''): Promise<Payload> {
  called.add(name);
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${name === 'hubUncordon' ? 'HubCordonInput' : type}!) {
    ${name}(input: $input) { ${fields} userErrors { code message } position } }`;
  return (await berth.graphql<Record<string, Payload>>(query, { input }))[name] as Payload;
}

async function mutate(name: string, input: object, fields = ''): Promise<Payload> {
  const payload = await ask(name, input, fields);
  expect([name, payload.userErrors]).toEqual([name, []]);
  return payload;
}

async function eachRow(name: string, rows: readonly object[], fields = ''): Promise<NonNullable<Payload['rows']>> {
  const { rows: done } = await mutate(name, { rows }, `rows { ${fields} userErrors { code } }`);
  expect(done!.flatMap(({ userErrors }) => userErrors)).toEqual([]);
  return done!;
}

/** Samples of a metric by their labels. */
async function samples(metric: string): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${berth.url}/metrics`)).text();
  const found = metrics.matchAll(new RegExp(`^${metric}\\{(.*)\\} (\\d+)$`, 'gm'));
  return Object.fromEntries([...found].map(([, labels, count]) => [labels, Number(count)]));
}

async function decided(): Promise<number> {
  const counts = Object.values(await samples('berth_registration_attempts_total'));
  return counts.reduce((sum, count) => sum + count, 0);
}

let weight = 1;

/** Registers the device, and gives what is shown of it once that has been decided. */
async function registers(id: string, attestation: object = gateway, said: object = {}): Promise<Registration> {
  const before = await decided();
  const { data, ...event } = registrationEvent(id, attestation);
  expect((await berth.post({ ...event, data: { ...data, ...said } })).status).toBe(202);
  await eventually(`a decision on ${id}`, async () => (await decided()) > before);
  // Comes after the decision: who sees this sees that.
  weight = 3 - weight;
  const { position } = await mutate('hubUpdate', { name: 'marker', weight });
  return shown(id, position);
}

async function shown(id: string, position: string | null): Promise<Registration> {
  const { registration } = await berth.graphql<{ registration: Registration }>(
    `query ($id: String!) { registration(registrationId: $id) {
       status substatus hub enrollmentGroup errorCode reason rejected { errorCode reason } } }`,
    { id },
    { 'berth-min-position': String(position) },
  );
  return registration;
}

const gateway = { type: 'gateway' };
const byGateway = { gateway: { sources: ['/gateways/one'] } };
const enroll = (registrationId: string, terms: object = {}) =>
  mutate('enrollmentCreate', { registrationId, attestation: byGateway, ...terms });

const deviceProof = (id: string, groupKey: string) => {
  const key = createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');
  return symmetricKeyProof(idScope, id, key);
};

describe('hubs', () => {
  it('take devices while they are open, keep them when cordoned, give them away when draining or unlinked', async () => {
    await enroll('press-1');
    await mutate('hubCordon', { name: 'hub-b' });
    expect(await registers('press-1')).toMatchObject({ hub: 'hub-a', substatus: 'initialAssignment' });
    await mutate('hubCordon', { name: 'hub-a' });
    expect(await registers('press-1')).toMatchObject({ hub: 'hub-a', status: 'ASSIGNED' });
    await enroll('press-2');
    expect(await registers('press-2')).toMatchObject({
      status: 'FAILED',
      errorCode: 503000,
      reason:
        'no hub can take the device (hub-a: the hub is cordoned; hub-b: the hub is cordoned; marker: the hub is cordoned)',
    });
    await mutate('hubUncordon', { name: 'hub-b' });
    expect(await registers('press-2')).toMatchObject({ status: 'ASSIGNED', hub: 'hub-b' });

    await mutate('hubDrain', { name: 'hub-a' });
    expect(await registers('press-1')).toMatchObject({ hub: 'hub-b', substatus: 'deviceDataMigrated' });
    await mutate('hubUncordon', { name: 'hub-a' });

    await mutate('hubLink', { name: 'hub-c', region: 'eu' });
    await enroll('press-3', { hubs: ['hub-c'] });
    expect(await registers('press-3')).toMatchObject({ hub: 'hub-c' });
    expect(await ask('hubUnlink', { name: 'hub-c' })).toMatchObject({
      userErrors: [{ code: 'HUB_REFERENCED', message: expect.stringContaining('press-3') }],
    });
    await mutate('hubUnlink', { name: 'hub-c', force: true });
    expect(await registers('press-3')).toMatchObject({
      status: 'FAILED',
      reason: 'no hub can take the device (hub-c: the hub is not linked)',
    });
    await mutate('enrollmentUpdate', { registrationId: 'press-3', hubs: ['hub-a'] });
    expect(await registers('press-3')).toMatchObject({ status: 'ASSIGNED', hub: 'hub-a' });
  });
});

it('registrations are counted by what the device came with, by hub and by what came of them', async () => {
  const metrics = ['attestation_attempts', 'registration_attempts', 'device_assignments'];
  const read = () => Promise.all(metrics.map((metric) => samples(`berth_${metric}_total`)));
  const before = await read();
  await enroll('counted', { hubs: ['hub-b'] });
  await registers('counted');
  await registers('counted');
  await registers('counted', { type: 'x509', chain: ['AAAA'] });
  const after = await read();
  const added = after.map((counts, index) =>
    Object.fromEntries(
      Object.entries(counts)
        .map(([labels, count]) => [labels, count - (before[index]![labels] ?? 0)] as const)
        .filter(([, count]) => count > 0),
    ),
  );
  expect(added).toEqual([
    { 'attestation="gateway",status="success"': 2, 'attestation="x509",status="failed"': 1 },
    { 'hub="hub-b",status="assigned"': 2, 'hub="",status="failed"': 1 },
    { 'hub="hub-b"': 1 },
  ]);
});

describe('policies', () => {
  it('place a device by the default, by the latencies of its region, or as its enrollment says', async () => {
    await mutate('allocationPolicySet', { policy: 'STATIC', hubs: ['hub-b', 'hub-a'] });
    await enroll('saw-1');
    expect(await registers('saw-1')).toMatchObject({ hub: 'hub-b' });
    await mutate('regionLatenciesSet', {
      region: 'north',
      latencies: [
        { hub: 'hub-a', ms: 5 },
        { hub: 'hub-b', ms: 90 },
      ],
    });
    await mutate('allocationPolicySet', { policy: 'LOWEST_LATENCY' });
    await enroll('saw-2');
    expect(await registers('saw-2', gateway, { region: 'north' })).toMatchObject({ hub: 'hub-a' });
    await enroll('saw-3', { policy: 'STATIC', hubs: ['hub-b'] });
    expect(await registers('saw-3', gateway, { region: 'north' })).toMatchObject({ hub: 'hub-b' });
    await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED' });
  });

  it.each([
    ['never', { updateHubAssignment: false }, { hub: 'hub-a', substatus: 'initialAssignment' }],
    ['migrate', { migrateDeviceData: true }, { hub: 'hub-b', substatus: 'deviceDataMigrated' }],
    ['reset', { migrateDeviceData: false }, { hub: 'hub-b', substatus: 'deviceDataReset' }],
  ])('for re-provisioning (%s) say what becomes of a device whose hub is to be another', async (id, policy, then) => {
    await enroll(id, { policy: 'STATIC', hubs: ['hub-a'], reprovision: policy });
    expect(await registers(id)).toMatchObject({ hub: 'hub-a', substatus: 'initialAssignment' });
    await mutate('enrollmentUpdate', { registrationId: id, hubs: ['hub-b'] });
    expect(await registers(id)).toMatchObject({ status: 'ASSIGNED', ...then });
  });
});

describe('individual enrollments', () => {
  it('hold within their time', async () => {
    const day = 24 * 60 * 60 * 1000;
    const at = (days: number) => new Date(Date.now() + days * day).toISOString();
    await enroll('early', { validity: { notBefore: at(1) } });
    expect(await registers('early')).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('not valid') });
    await mutate('enrollmentUpdate', { registrationId: 'early', validity: { notBefore: at(-1), notAfter: at(1) } });
    expect(await registers('early')).toMatchObject({ status: 'ASSIGNED' });
    await mutate('enrollmentUpdate', { registrationId: 'early', validity: { notAfter: at(-1) } });
    expect(await registers('early')).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining('was valid until'),
    });
  });

  it('that are single-use let a device in once', async () => {
    await enroll('once', { singleUse: true });
    expect(await registers('once')).toMatchObject({ status: 'ASSIGNED' });
    expect(await registers('once')).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('single') });
  });

  it('with a TPM are kept, and refuse plainly', async () => {
    await mutate('enrollmentCreate', {
      registrationId: 'tpm',
      attestation: { tpm: { endorsementKey: 'AToAAQALAAMA' } },
    });
    expect(
      await registers('tpm', { type: 'symmetricKey', token: 'SharedAccessSignature sr=x&sig=x&se=1' }),
    ).toMatchObject({
      status: 'FAILED',
      reason: expect.stringContaining('TPM'),
    });
  });

  it('keep the initial twin, the capabilities and notes, and show the registration of their device', async () => {
    const initialTwin = { tags: { hall: 2 }, properties: { desired: { interval: 5 } } };
    const { position } = await enroll('edge', {
      initialTwin,
      capabilities: { iotEdge: true },
      optionalDeviceInformation: { serial: 'X1' },
    });
    const { enrollment: before } = await berth.graphql<{ enrollment: unknown }>(
      '{ enrollment(registrationId: "edge") { registration { hub } } }',
      {},
      { 'berth-min-position': String(position) },
    );
    expect(before).toEqual({ registration: null });
    const { hub } = await registers('edge');
    const { enrollment } = await berth.graphql<{ enrollment: unknown }>(`{ enrollment(registrationId: "EDGE") {
      initialTwin capabilities { iotEdge } optionalDeviceInformation registration { registrationId status hub } } }`);
    expect(enrollment).toEqual({
      initialTwin,
      capabilities: { iotEdge: true },
      optionalDeviceInformation: { serial: 'X1' },
      registration: { registrationId: 'edge', status: 'ASSIGNED', hub },
    });
  });

  it('let nobody in any more when they are deleted, and a key that was rotated no longer', async () => {
    const attestation = { symmetricKey: {} };
    const keys = 'generatedKeys { primary secondary }';
    const { generatedKeys } = await mutate('enrollmentCreate', { registrationId: 'lathe', attestation }, keys);
    const proof = symmetricKeyProof(idScope, 'lathe', generatedKeys!.primary!);
    expect(await registers('lathe', proof)).toMatchObject({ status: 'ASSIGNED', rejected: null });
    const rotated = await mutate('enrollmentKeyRotate', { registrationId: 'lathe', slot: 'PRIMARY' }, keys);
    const unproven = { errorCode: 401002, reason: expect.stringContaining('neither key') };
    expect(await registers('lathe', proof)).toMatchObject({ status: 'ASSIGNED', rejected: unproven });
    const renewed = symmetricKeyProof(idScope, 'lathe', rotated.generatedKeys!.primary!);
    expect(await registers('lathe', renewed)).toMatchObject({ status: 'ASSIGNED' });
    await mutate('enrollmentDelete', { registrationId: 'lathe' });
    expect(await registers('lathe', renewed)).toMatchObject({ status: 'ASSIGNED', rejected: { errorCode: 404201 } });
    const released = await mutate('registrationRelease', { registrationId: 'lathe' });
    expect(await shown('lathe', released.position)).toBeNull();
    expect(await registers('lathe', renewed)).toMatchObject({ status: 'FAILED', errorCode: 404201, hub: null });
  });

  it('come, change and go in bulk', async () => {
    const ids = ['row-1', 'row-2'];
    await eachRow(
      'enrollmentsCreate',
      ids.map((registrationId) => ({ registrationId, attestation: byGateway })),
    );
    for (const id of ids) expect(await registers(id)).toMatchObject({ status: 'ASSIGNED' });
    await eachRow(
      'enrollmentsUpdate',
      ids.map((registrationId) => ({ registrationId, enabled: false })),
    );
    for (const id of ids) expect(await registers(id)).toMatchObject({ status: 'DISABLED' });
    await eachRow(
      'enrollmentsDelete',
      ids.map((registrationId) => ({ registrationId })),
    );
    for (const id of ids) expect(await registers(id)).toMatchObject({ rejected: { errorCode: 404201 } });
  });
});

describe('a device that is deprovisioned', () => {
  const fields = 'enrollment { enabled } releasedFrom';

  it('has no registration any more, and is not let in by its enrollment before that is enabled', async () => {
    await enroll('scrap-1', { hubs: ['hub-b'] });
    expect(await registers('scrap-1')).toMatchObject({ hub: 'hub-b' });
    const deprovisioned = await mutate('deviceDeprovision', { registrationId: 'Scrap-1' }, fields);
    expect(deprovisioned).toMatchObject({ enrollment: { enabled: false }, releasedFrom: 'hub-b' });
    expect(await shown('scrap-1', deprovisioned.position)).toBeNull();
    expect(await registers('scrap-1')).toMatchObject({ status: 'DISABLED', hub: null });
    const again = await mutate('deviceDeprovision', { registrationId: 'scrap-1' }, fields);
    expect(again).toMatchObject({ enrollment: { enabled: false }, releasedFrom: null });
    await mutate('enrollmentUpdate', { registrationId: 'scrap-1', enabled: true });
    expect(await registers('scrap-1')).toMatchObject({ hub: 'hub-b', substatus: 'initialAssignment' });
  });

  it('is not let in by its group either, before the enrollment that keeps it out is deleted', async () => {
    const attestation = { symmetricKey: {} };
    const given = await mutate('enrollmentGroupCreate', { name: 'Scrap', attestation }, 'generatedKeys { primary }');
    const proof = deviceProof('scrap-2', given.generatedKeys!.primary!);
    const { hub } = await registers('scrap-2', proof);
    const deprovisioned = await mutate('deviceDeprovision', { registrationId: 'scrap-2' }, fields);
    expect(deprovisioned).toMatchObject({ enrollment: { enabled: false }, releasedFrom: hub });
    expect(await registers('scrap-2', proof)).toMatchObject({ status: 'FAILED', errorCode: 401002, hub: null });
    await mutate('enrollmentDelete', { registrationId: 'scrap-2' });
    expect(await registers('scrap-2', proof)).toMatchObject({ status: 'ASSIGNED', enrollmentGroup: 'Scrap' });
  });

  it('may be one that never registered, or nobody', async () => {
    const early = await mutate('deviceDeprovision', { registrationId: 'scrap-3' }, fields);
    expect(early).toMatchObject({ enrollment: { enabled: false }, releasedFrom: null });
    expect(await ask('deviceDeprovision', { registrationId: 'not an id' })).toMatchObject({
      userErrors: [{ code: 'INVALID_REGISTRATION_ID' }],
    });
  });
});

describe('enrollment groups', () => {
  const keys = 'generatedKeys { primary secondary }';

  it('leave the registrations of their devices when they go, which are released together', async () => {
    const attestation = { symmetricKey: {} };
    const { generatedKeys } = await mutate('enrollmentGroupCreate', { name: 'Line-7', attestation }, keys);
    const ids = ['mill-1', 'mill-2'];
    const proofs = new Map(ids.map((id) => [id, deviceProof(id, generatedKeys!.primary!)]));
    for (const [id, proof] of proofs) {
      expect(await registers(id, proof)).toMatchObject({ status: 'ASSIGNED', enrollmentGroup: 'Line-7' });
    }
    await mutate('enrollmentGroupUpdate', { name: 'Line-7', enabled: false });
    expect(await registers('mill-1', proofs.get('mill-1')!)).toMatchObject({ status: 'DISABLED' });
    const rotated = await mutate('enrollmentGroupKeyRotate', { name: 'Line-7', slot: 'PRIMARY' }, keys);
    await mutate('enrollmentGroupUpdate', { name: 'Line-7', enabled: true });
    const renewed = deviceProof('mill-1', rotated.generatedKeys!.primary!);
    expect(await registers('mill-1', renewed)).toMatchObject({ status: 'ASSIGNED' });

    const { position } = await mutate('enrollmentGroupDelete', { name: 'Line-7' });
    const members = async (newest: string | null) => {
      const query = `{ enrollmentGroup(name: "Line-7") { name }
        registrations(first: 10, filter: { enrollmentGroup: "Line-7" }) { nodes { registrationId } } }`;
      return berth.graphql(query, {}, { 'berth-min-position': String(newest) });
    };
    const orphans = ids.map((registrationId) => ({ registrationId }));
    expect(await members(position)).toEqual({ enrollmentGroup: null, registrations: { nodes: orphans } });
    expect(await registers('mill-1', renewed)).toMatchObject({ rejected: { errorCode: 404201 } });

    const payload = await mutate(
      'registrationsRelease',
      { rows: [...orphans, { registrationId: 'nobody' }] },
      'rows { registrationId releasedFrom userErrors { code field } }',
    );
    const field = ['input', 'rows', '2', 'registrationId'];
    expect(payload.rows).toEqual([
      { registrationId: 'mill-1', releasedFrom: expect.stringMatching(/^hub-[ab]$/), userErrors: [] },
      { registrationId: 'mill-2', releasedFrom: expect.stringMatching(/^hub-[ab]$/), userErrors: [] },
      { registrationId: 'nobody', releasedFrom: null, userErrors: [{ code: 'REGISTRATION_NOT_FOUND', field }] },
    ]);
    expect(await members(payload.position)).toEqual({ enrollmentGroup: null, registrations: { nodes: [] } });
  });

  it('come, change and go in bulk', async () => {
    const names = ['Hall-1', 'Hall-2'];
    const create = names.map((name) => ({ name, attestation: { symmetricKey: {} } }));
    const made = await eachRow('enrollmentGroupsCreate', create, keys);
    const proofs = names.map((name, index): [string, object] => {
      const id = `${name}-drill`.toLowerCase();
      return [id, deviceProof(id, made[index]!.generatedKeys!.primary!)];
    });
    for (const [id, proof] of proofs) expect(await registers(id, proof)).toMatchObject({ status: 'ASSIGNED' });
    await eachRow(
      'enrollmentGroupsUpdate',
      names.map((name) => ({ name, enabled: false })),
    );
    for (const [id, proof] of proofs) expect(await registers(id, proof)).toMatchObject({ status: 'DISABLED' });
    await eachRow(
      'enrollmentGroupsDelete',
      names.map((name) => ({ name })),
    );
    for (const [id, proof] of proofs) {
      expect(await registers(id, proof)).toMatchObject({ rejected: { errorCode: 404201 } });
    }
  });
});

describeWithOpenSsl('certificates', (openssl) => {
  const chainOf = (...chain: { base64: string }[]) => ({ type: 'x509', chain: chain.map(({ base64 }) => base64) });
  const [root, other] = [openssl.root('Works Root'), openssl.root('Other Root')];
  const [first, second] = [openssl.ca('Factory 1', root), openssl.ca('Factory 2', root)];

  it('of CAs are uploaded, verified and deleted; those of groups replaced', async () => {
    await mutate('caCertificateUpload', { name: 'Works', certificate: root.base64 });
    await mutate('enrollmentGroupCreate', { name: 'Factory', attestation: { x509: { primary: first.base64 } } });
    const [one, two] = [openssl.leaf('oven-1', first), openssl.leaf('oven-1', second)];
    const [byFirst, bySecond] = [chainOf(one, first, root), chainOf(two, second, root)];
    expect(await registers('oven-1', byFirst)).toMatchObject({ status: 'FAILED' });
    const { position } = await mutate('caCertificateVerificationBegin', { name: 'Works' });
    const { caCertificate } = await berth.graphql<{ caCertificate: { verificationCode: string } }>(
      '{ caCertificate(name: "works") { verificationCode } }',
      {},
      { 'berth-min-position': String(position) },
    );
    const proof = openssl.leaf(caCertificate.verificationCode, root);
    await mutate('caCertificateVerify', { name: 'Works', verificationCertificate: proof.base64 });
    expect(await registers('oven-1', byFirst)).toMatchObject({ status: 'ASSIGNED', enrollmentGroup: 'Factory' });
    const replacement = { name: 'Factory', slot: 'PRIMARY', certificate: second.base64 };
    await mutate('enrollmentGroupCertificateReplace', replacement);
    expect(await registers('oven-1', byFirst)).toMatchObject({ rejected: { errorCode: 404201 } });
    expect(await registers('oven-1', bySecond)).toMatchObject({ status: 'ASSIGNED' });
    await mutate('caCertificateDelete', { name: 'Works' });
    expect(await registers('oven-1', bySecond)).toMatchObject({
      rejected: { reason: 'the chain does not reach a verified CA certificate' },
    });
  });

  it('of CAs that a group names stay until it goes', async () => {
    await mutate('caCertificateUpload', { name: 'Other', certificate: other.base64, verified: true });
    await mutate('enrollmentGroupCreate', { name: 'All', attestation: { caReferences: { primary: 'Other' } } });
    expect(await registers('kiln-1', chainOf(openssl.leaf('kiln-1', other), other))).toMatchObject({
      status: 'ASSIGNED',
      enrollmentGroup: 'All',
    });
    expect(await ask('caCertificateDelete', { name: 'Other' })).toMatchObject({
      userErrors: [{ code: 'CA_CERTIFICATE_REFERENCED' }],
    });
    await mutate('enrollmentGroupDelete', { name: 'All' });
    await mutate('caCertificateDelete', { name: 'Other' });
  });

  it('of devices are replaced, and let in whoever has the one that stands', async () => {
    const [old, fresh] = [0, 1].map(() => openssl.issue('fan-1', { issuer: null }));
    await mutate('enrollmentCreate', { registrationId: 'fan-1', attestation: { x509: { primary: old!.base64 } } });
    expect(await registers('fan-1', chainOf(old!))).toMatchObject({ status: 'ASSIGNED' });
    const replacement = { registrationId: 'fan-1', slot: 'PRIMARY', certificate: fresh!.base64 };
    await mutate('enrollmentCertificateReplace', replacement);
    expect(await registers('fan-1', chainOf(old!))).toMatchObject({ rejected: { errorCode: 401002 } });
    await mutate('enrollmentUpdate', { registrationId: 'fan-1', hubs: ['hub-a'] });
    expect(await registers('fan-1', chainOf(fresh!))).toMatchObject({ status: 'ASSIGNED', hub: 'hub-a' });
    await mutate('enrollmentUpdate', { registrationId: 'fan-1', hubs: ['hub-b'] });
    expect(await registers('fan-1', chainOf(fresh!))).toMatchObject({ hub: 'hub-b', rejected: null });
  });
});

it('no mutation of the schema is without a device that shows what it does', async () => {
  const { __schema: schema } = await berth.graphql<{ __schema: { mutationType: { fields: { name: string }[] } } }>(
    '{ __schema { mutationType { fields { name } } } }',
  );
  // Wants another key at the next start: master-key.e2e.spec.ts.
  const elsewhere = 'masterKeyRotate';
  expect(schema.mutationType.fields.map(({ name }) => name).filter((name) => !called.has(name))).toEqual([elsewhere]);
});
