import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, eventually } from '@berth/testing';
import { createHmac, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent, symmetricKeyProof } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

const idScope = '0ne00ABCDEF';

interface Payload {
  userErrors: { code: string; message: string }[];
  generatedKeys?: { primary: string | null; secondary: string | null } | null;
  position: string | null;
}
interface Registration {
  status: string;
  hub: string | null;
  deviceId: string | null;
  enrollment: string | null;
  enrollmentGroup: string | null;
  errorCode: number | null;
  reason: string | null;
  rejected: { reason: string } | null;
}

let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-groups-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope });
  await mutate('hubLink', { name: 'hub-a' });
});
afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

async function mutate(name: string, input: object): Promise<Payload> {
  const keys = /^enrollment(Group)?(Key)?(Create|Rotate)$/.test(name) ? 'generatedKeys { primary secondary }' : '';
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${keys} userErrors { code message } position } }`;
  const payload = (await berth.graphql<Record<string, Payload>>(query, { input }))[name] as Payload;
  expect(payload.userErrors).toEqual([]);
  return payload;
}

const fields = 'status hub deviceId enrollment enrollmentGroup errorCode reason rejected { reason }';

/** Registers, and waits until the registration is as expected. */
async function registers(id: string, attestation: object, expected: Partial<Registration>): Promise<void> {
  expect((await berth.post(registrationEvent(id, attestation))).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) { ${fields} } }`;
  let seen: Registration | null = null;
  await eventually(`registration of ${id} as ${JSON.stringify(expected)}`, async () => {
    ({ registration: seen } = await berth.graphql<{ registration: Registration | null }>(query, { id }));
    return Object.entries(expected).every(([field, value]) => seen?.[field as keyof Registration] === value);
  });
  expect(seen).toMatchObject(expected);
}

/** Registers as somebody who doesn't prove to be the device: that only leaves a note. */
async function isRefused(id: string, attestation: object, reason: string): Promise<void> {
  expect((await berth.post(registrationEvent(id, attestation))).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) { ${fields} } }`;
  await eventually(`a refusal of ${id}: ${reason}`, async () => {
    const { registration } = await berth.graphql<{ registration: Registration }>(query, { id });
    return registration.status === 'ASSIGNED' && registration.rejected?.reason.includes(reason);
  });
}

const deviceKey = (groupKey: string, id: string) =>
  createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');

describe('a group with symmetric keys', () => {
  it('lets its devices in by derived keys, through rotation, and not when it is disabled', async () => {
    const { generatedKeys } = await mutate('enrollmentGroupCreate', {
      name: 'Line-7',
      attestation: { symmetricKey: {} },
    });
    const proof = (id: string, key: string) => symmetricKeyProof(idScope, id, key);
    const inGroup = { status: 'ASSIGNED', hub: 'hub-a', enrollment: null, enrollmentGroup: 'Line-7' };
    await registers('lathe-1', proof('lathe-1', deviceKey(generatedKeys!.primary!, 'lathe-1')), {
      ...inGroup,
      deviceId: 'lathe-1',
    });
    await registers('lathe-2', proof('lathe-2', deviceKey(generatedKeys!.secondary!, 'lathe-2')), inGroup);
    await registers('lathe-3', proof('lathe-3', generatedKeys!.primary!), { status: 'FAILED', errorCode: 404201 });

    const rotated = await mutate('enrollmentGroupKeyRotate', { name: 'line-7', slot: 'PRIMARY' });
    await registers('lathe-4', proof('lathe-4', deviceKey(generatedKeys!.primary!, 'lathe-4')), { status: 'FAILED' });
    await registers('lathe-4', proof('lathe-4', deviceKey(rotated.generatedKeys!.primary!, 'lathe-4')), inGroup);

    await mutate('enrollmentCreate', { registrationId: 'lathe-2', attestation: { symmetricKey: {} }, enabled: false });
    const ofGroup = proof('lathe-2', deviceKey(generatedKeys!.secondary!, 'lathe-2'));
    await isRefused('lathe-2', ofGroup, 'neither key of the enrollment');
    await mutate('enrollmentGroupUpdate', { name: 'Line-7', enabled: false });
    await registers('lathe-1', proof('lathe-1', deviceKey(generatedKeys!.secondary!, 'lathe-1')), {
      status: 'DISABLED',
      errorCode: 401002,
      hub: 'hub-a',
      enrollmentGroup: 'Line-7',
    });
  });
});

describeWithOpenSsl('devices with certificates', (openssl) => {
  const chainOf = (...chain: { base64: string }[]) => ({ type: 'x509', chain: chain.map(({ base64 }) => base64) });
  // Certificates begin to be valid at the second they are made, and an event's time is Berth's own clock.
  const [root, stranger] = [openssl.root('Works Root'), openssl.root('Works Root')];
  const factory = openssl.ca('Factory', root);

  it('come in by the intermediate of their group, once its root is verified', async () => {
    await mutate('caCertificateUpload', { name: 'Works', certificate: openssl.pem(root) });
    await mutate('enrollmentGroupCreate', { name: 'Factory', attestation: { x509: { primary: factory.base64 } } });
    const device = openssl.leaf('mill-1', factory);
    await registers('mill-1', chainOf(device, factory, root), {
      status: 'FAILED',
      reason: 'the chain does not reach a verified CA certificate',
    });
    const { caCertificateVerificationBegin: begun } = await berth.graphql<{
      caCertificateVerificationBegin: { caCertificate: { verificationCode: string } };
    }>('mutation { caCertificateVerificationBegin(input: { name: "works" }) { caCertificate { verificationCode } } }');
    const proof = openssl.leaf(begun.caCertificate.verificationCode, root);
    await mutate('caCertificateVerify', { name: 'Works', verificationCertificate: openssl.pem(proof) });
    const inGroup = { status: 'ASSIGNED', hub: 'hub-a', enrollmentGroup: 'Factory', deviceId: 'mill-1' };
    await registers('mill-1', chainOf(device, factory, root), inGroup);
    await registers('mill-2', chainOf(openssl.leaf('mill-2', factory), factory), { ...inGroup, deviceId: 'mill-2' });
    const forged = openssl.leaf('mill-3', openssl.ca('Factory', stranger));
    await registers('mill-3', chainOf(forged, factory, root), { status: 'FAILED', errorCode: 401002 });
  });

  it('come in by the CA certificate that their group names', async () => {
    const plant = openssl.root('Plant Root');
    await mutate('caCertificateUpload', { name: 'Plant', certificate: plant.base64, verified: true });
    await mutate('enrollmentGroupCreate', { name: 'All', attestation: { caReferences: { primary: 'Plant' } } });
    const hall = openssl.ca('Hall 2', plant);
    await registers('saw-1', chainOf(openssl.leaf('saw-1', hall), hall, plant), {
      status: 'ASSIGNED',
      enrollmentGroup: 'All',
    });
  });

  it('come in by their own certificate, the first or the one that replaced it', async () => {
    const [first, second] = [0, 1].map(() => openssl.issue('drill-1', { issuer: null }));
    const input = { registrationId: 'Drill-1', attestation: { x509: { primary: first!.base64 } } };
    await mutate('enrollmentCreate', input);
    const own = { status: 'ASSIGNED', enrollment: 'Drill-1', enrollmentGroup: null, deviceId: 'Drill-1' };
    await registers('drill-1', chainOf(first!), own);
    const replacement = { registrationId: 'drill-1', slot: 'PRIMARY', certificate: second!.base64 };
    await mutate('enrollmentCertificateReplace', replacement);
    await isRefused('drill-1', chainOf(first!), 'neither of');
    await registers('drill-1', chainOf(second!), own);
  });
});

describe('what stands on disk', () => {
  it('has no key in the clear, in no file of the data folder', async () => {
    const given = randomBytes(48).toString('base64');
    const secrets = [given];
    const keep = ({ generatedKeys }: Payload) =>
      secrets.push(...[generatedKeys?.primary, generatedKeys?.secondary].filter((it) => typeof it === 'string'));
    keep(
      await mutate('enrollmentCreate', {
        registrationId: 'kept',
        attestation: { symmetricKey: { primary: given } },
        idempotencyKey: 'an-idempotency-key',
      }),
    );
    keep(await mutate('enrollmentKeyRotate', { registrationId: 'kept', slot: 'SECONDARY' }));
    keep(await mutate('enrollmentGroupCreate', { name: 'kept', attestation: { symmetricKey: {} } }));
    keep(await mutate('enrollmentGroupKeyRotate', { name: 'kept', slot: 'PRIMARY' }));
    const connection = `HostName=h;SharedAccessKey=${randomBytes(32).toString('base64')}`;
    await mutate('hubLink', { name: 'hub-with-key', connection });
    const [inBulk, ofGroup, imported] = [0, 1, 2].map(() => randomBytes(48).toString('base64'));
    const rows = [{ registrationId: 'kept-in-bulk', attestation: { symmetricKey: { primary: inBulk } } }];
    await mutate('enrollmentsCreate', { rows });
    await mutate('enrollmentGroupsCreate', {
      rows: [{ name: 'kept-in-bulk', attestation: { symmetricKey: { primary: ofGroup } } }],
    });
    const line = { registrationId: 'kept-imported', attestation: { symmetricKey: { primary: imported } } };
    // Broken off and refused lines, too: what an import keeps of them is not the line.
    const refused = { ...line, registrationId: 'kept', policy: 'NONE' };
    const body = [line, refused].map((it) => JSON.stringify(it)).join('\n');
    const response = await fetch(`${berth.url}/imports/kept`, { method: 'PUT', body });
    expect(await response.json()).toMatchObject({ created: 1, refused: 1 });
    secrets.push(connection, inBulk!, ofGroup!, imported!);
    expect(secrets).toHaveLength(10);
    await berth.end('SIGTERM');

    const files = readdirSync(dataFolder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
    expect(files.length).toBeGreaterThan(3);
    let hasSeenTheRecord = false;
    for (const { parentPath, name } of files) {
      const bytes = readFileSync(join(parentPath, name));
      hasSeenTheRecord ||= bytes.includes('enrollment-kept') && bytes.includes('EnrollmentAttestationReplaced');
      for (const secret of secrets) {
        const raw = Buffer.from(secret, 'base64');
        const forms = [secret, raw, raw.toString('hex'), raw.toString('base64url'), encodeURIComponent(secret)];
        for (const form of forms) expect([name, bytes.includes(form)]).toEqual([name, false]);
      }
    }
    expect(hasSeenTheRecord).toBe(true);
  });
});
