import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DecisionsRecorded } from '@berth/domain';
import { noStream, streams } from '@berth/event-store';
import { describeWithOpenSsl } from '@berth/testing';
import { randomUUID } from 'node:crypto';
import { ServedGraphql } from '../under-test/served-graphql.js';

let berth: ServedGraphql;
beforeAll(async () => {
  berth = await ServedGraphql.start();
});
afterAll(async () => {
  await berth?.stop();
});

interface Payload {
  enrollmentGroup?: Record<string, unknown> | null;
  enrollment?: Record<string, unknown> | null;
  caCertificate?: Record<string, unknown> | null;
  generatedKeys?: { primary: string | null; secondary: string | null } | null;
  userErrors: { code: string; field: string[] | null; message: string; currentVersion: number | null }[];
  position: string;
}

const terms =
  'policy hubs require { key value } reprovision { updateHubAssignment migrateDeviceData } initialTwin capabilities { iotEdge } validity { notBefore notAfter } singleUse enabled version createdAt updatedAt';
const certificate = '{ subjectName sha256Thumbprint notAfter }';
const objects = {
  enrollmentGroup: `enrollmentGroup { id name attestation { type x509 { primary ${certificate} secondary ${certificate} } caReferences { primary secondary } } ${terms} }`,
  enrollment: `enrollment { id registrationId deviceId attestation { type x509 { primary ${certificate} secondary ${certificate} } tpm { endorsementKey storageRootKey } } optionalDeviceInformation ${terms} }`,
  caCertificate: `caCertificate { id name certificate { certificate subjectName } verified verificationCode version createdAt updatedAt }`,
};

async function mutate(name: string, input: object): Promise<Payload> {
  const object = (['enrollmentGroup', 'caCertificate', 'enrollment'] as const).find((it) => name.startsWith(it))!;
  const keys = object === 'caCertificate' ? '' : 'generatedKeys { primary secondary }';
  const query = `mutation ($input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) {
    ${objects[object]} ${keys} userErrors { code field message currentVersion } position } }`;
  const { data, errors } = await berth.ask<Record<string, Payload>>(query, { input });
  expect(errors).toBeUndefined();
  return data[name] as Payload;
}
const ask = async <T>(query: string, position?: string) => {
  const { data, errors } = await berth.ask<T>(query, undefined, position ? { 'berth-min-position': position } : {});
  expect(errors).toBeUndefined();
  return data;
};
const newName = (prefix: string) => `${prefix}-${randomUUID()}`;
const refusal = (code: string, ...path: string[]) => ({
  userErrors: [expect.objectContaining({ code, field: ['input', ...path], message: expect.any(String) })],
});

describe('enrollment groups', () => {
  it('are created, read, listed, changed, rotated and deleted', async () => {
    const name = newName('Line');
    const validity = { notBefore: '2026-01-01T01:00:00+01:00', notAfter: null };
    const input = { name, attestation: { symmetricKey: {} }, capabilities: { iotEdge: true }, validity };
    const created = await mutate('enrollmentGroupCreate', input);
    expect(created).toMatchObject({
      userErrors: [],
      generatedKeys: { primary: expect.any(String), secondary: expect.any(String) },
      enrollmentGroup: {
        name,
        attestation: { type: 'SYMMETRIC_KEY', x509: null, caReferences: null },
        capabilities: { iotEdge: true },
        validity: { notBefore: '2026-01-01T00:00:00.000Z', notAfter: null },
        singleUse: false,
        enabled: true,
        version: 0,
      },
    });
    const read = await ask<{ enrollmentGroup: object; node: object; enrollmentGroups: { totalCount: number } }>(
      `{ ${objects.enrollmentGroup.replace('enrollmentGroup', `enrollmentGroup(name: "${name.toUpperCase()}")`)}
         node(id: "${String(created.enrollmentGroup!['id'])}") { id ... on EnrollmentGroup { name } }
         enrollmentGroups(first: 10) { totalCount nodes { name } pageInfo { endCursor } } }`,
      created.position,
    );
    expect(read.enrollmentGroup).toEqual(created.enrollmentGroup);
    expect(read.node).toMatchObject({ name });
    expect(read.enrollmentGroups.totalCount).toBeGreaterThan(0);

    const changed = await mutate('enrollmentGroupUpdate', {
      name,
      enabled: false,
      singleUse: true,
      expectedVersion: 0,
    });
    expect(changed.enrollmentGroup).toMatchObject({ enabled: false, singleUse: true, version: 2 });
    expect(await mutate('enrollmentGroupUpdate', { name, enabled: true, expectedVersion: 0 })).toMatchObject({
      enrollmentGroup: null,
      userErrors: [{ code: 'VERSION_CONFLICT', currentVersion: 2 }],
    });
    const rotated = await mutate('enrollmentGroupKeyRotate', { name, slot: 'SECONDARY' });
    expect(rotated).toMatchObject({ generatedKeys: { primary: null, secondary: expect.any(String) } });
    expect(rotated.generatedKeys!.secondary).not.toBe(created.generatedKeys!.secondary);
    expect(await mutate('enrollmentGroupKeyRotate', { name, slot: 'PRIMARY', key: 'short' })).toMatchObject(
      refusal('INVALID_SYMMETRIC_KEY', 'key'),
    );
    expect(await mutate('enrollmentGroupDelete', { name })).toMatchObject({ enrollmentGroup: null, userErrors: [] });
    expect(await mutate('enrollmentGroupDelete', { name })).toMatchObject(refusal('GROUP_NOT_FOUND', 'name'));
  });

  it.each([
    ['INVALID_GROUP_NAME', { name: 'a b' }, ['name']],
    ['INVALID_ATTESTATION', { attestation: {} }, ['attestation']],
    ['INVALID_ATTESTATION', { attestation: { x509: {}, symmetricKey: {} } }, ['attestation']],
    ['CERTIFICATE_MISSING', { attestation: { x509: {} } }, ['attestation', 'x509']],
    ['INVALID_CERTIFICATE', { attestation: { x509: { primary: 'x' } } }, ['attestation', 'x509', 'primary']],
    ['CA_CERTIFICATE_NOT_FOUND', { attestation: { caReferences: { primary: 'x' } } }, ['attestation', 'caReferences']],
    ['HUB_NOT_LINKED', { hubs: ['nowhere'] }, ['hubs', '0']],
    ['INVALID_LABEL', { require: [{ key: 'site', value: '' }] }, ['require', '0']],
    ['INVALID_IDEMPOTENCY_KEY', { idempotencyKey: '' }, ['idempotencyKey']],
  ])('are refused with %s', async (code, change, path) => {
    const input = { name: newName('group'), attestation: { symmetricKey: {} }, ...change };
    expect(await mutate('enrollmentGroupCreate', input)).toMatchObject({
      enrollmentGroup: null,
      generatedKeys: null,
      ...refusal(code, ...path),
    });
  });

  it('and individual enrollments require labels, by key, all replaced at once', async () => {
    const [site, tier] = [
      { key: 'site', value: 'paris' },
      { key: 'tier', value: 'gold' },
    ];
    const [name, registrationId] = [newName('line'), newName('press')];
    const attestation = { gateway: { sources: ['/gateways/a'] } };
    const ofGroup = { name, attestation: { symmetricKey: {} }, require: [tier, site] };
    const group = await mutate('enrollmentGroupCreate', ofGroup);
    expect(group.enrollmentGroup).toMatchObject({ require: [site, tier] });
    const enrollment = await mutate('enrollmentCreate', { registrationId, attestation, require: [tier] });
    expect(enrollment.enrollment).toMatchObject({ require: [tier] });
    expect(await mutate('enrollmentUpdate', { registrationId, require: [site] })).toMatchObject({
      enrollment: { require: [site], version: 1 },
    });
    const { position } = await mutate('enrollmentGroupUpdate', { name, require: null });
    const read = `{ enrollmentGroup(name: "${name}") { version require { key } }
      enrollment(registrationId: "${registrationId}") { require { key value } } }`;
    expect(await ask<object>(read, position)).toEqual({
      enrollmentGroup: { version: 1, require: [] },
      enrollment: { require: [site] },
    });
  });

  it('show their members, and unlinking a hub that they name is refused', async () => {
    const [name, hub] = [newName('Line'), newName('hub')];
    await berth.ask(`mutation { hubLink(input: { name: "${hub}" }) { position } }`);
    await mutate('enrollmentGroupCreate', { name, attestation: { symmetricKey: {} }, hubs: [hub] });
    const { data } = await berth.ask<{ hubUnlink: Payload }>(
      `mutation { hubUnlink(input: { name: "${hub}" }) { userErrors { code message } } }`,
    );
    expect(data.hubUnlink.userErrors).toMatchObject([
      { code: 'HUB_REFERENCED', message: expect.stringContaining(name) },
    ]);
    const page: DecisionsRecorded = {
      ...{
        generation: 1,
        firstOffset: 0,
        lastOffset: 1,
        at: '2026-01-01T00:00:00.000Z',
        configuration: null,
        build: 1,
      },
      ...{ policy: 'evenlyWeighted', hubs: [], unchanged: [] },
      rules: [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }],
      outcomes: ['member-1', 'member-2'].map((registrationId, offset) => ({
        ...{ type: 'DeviceAssigned', offset, registrationId, requestId: 'r', rule: 0 },
        ...{ enrollment: null, enrollmentGroup: name, deviceId: registrationId, hub },
      })),
    };
    const event = { type: 'DecisionsRecorded' as const, v: 1 as const, data: page };
    const metadata = { correlationId: 'spec', actor: 'spec', at: page.at };
    const { position } = await berth.store.append(streams.ledger(900), [event], noStream, metadata);
    const shown = await ask<{ enrollmentGroup: object; registrations: object; registration: object }>(
      `{ enrollmentGroup(name: "${name}") { registrations(first: 1) { totalCount nodes { registrationId } pageInfo { hasNextPage } } }
         registrations(first: 5, filter: { enrollmentGroup: "${name}" }) { nodes { registrationId } }
         registration(registrationId: "member-2") { enrollment enrollmentGroup } }`,
      String(position),
    );
    expect(shown).toEqual({
      enrollmentGroup: {
        registrations: {
          totalCount: 2,
          nodes: [{ registrationId: 'member-1' }],
          pageInfo: { hasNextPage: true },
        },
      },
      registrations: { nodes: [{ registrationId: 'member-1' }, { registrationId: 'member-2' }] },
      registration: { enrollment: null, enrollmentGroup: name },
    });
  });
});

describe('individual enrollments', () => {
  it('have all their terms, change those that are given, and keep the rest', async () => {
    const registrationId = newName('press');
    const tpm = { endorsementKey: 'AToAAQALAAMAsgAg', storageRootKey: null };
    const optionalDeviceInformation = { site: 'works 2' };
    const input = { registrationId, attestation: { tpm }, optionalDeviceInformation, initialTwin: { tags: { a: 1 } } };
    const created = await mutate('enrollmentCreate', { ...input, deviceId: 'P1', singleUse: true });
    expect(created.enrollment).toMatchObject({
      attestation: { type: 'TPM', tpm, x509: null },
      optionalDeviceInformation,
      deviceId: 'P1',
      singleUse: true,
    });
    const validity = { notAfter: '2030-01-01T00:00:00Z' };
    const update = { registrationId, deviceId: null, initialTwin: null, validity, expectedVersion: 0 };
    const changed = await mutate('enrollmentUpdate', update);
    expect(changed.enrollment).toMatchObject({
      ...{ deviceId: null, initialTwin: null, singleUse: true, optionalDeviceInformation, version: 1 },
      validity: { notBefore: null, notAfter: '2030-01-01T00:00:00.000Z' },
    });
    expect(await mutate('enrollmentUpdate', { registrationId, validity: null, capabilities: null })).toMatchObject({
      enrollment: { validity: { notBefore: null, notAfter: null }, capabilities: { iotEdge: false }, version: 2 },
    });
  });

  it('refuse an instant that is none', async () => {
    const { errors } = await berth.ask(
      'mutation { enrollmentUpdate(input: { registrationId: "a", validity: { notAfter: "tomorrow" } }) { position } }',
    );
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describeWithOpenSsl('certificates over GraphQL', (openssl) => {
  it('of a CA are uploaded, verified, referred to and deleted', async () => {
    const ca = openssl.root('Works Root');
    const name = newName('Works');
    const uploaded = await mutate('caCertificateUpload', { name, certificate: openssl.pem(ca) });
    expect(uploaded).toMatchObject({
      userErrors: [],
      caCertificate: {
        name,
        certificate: { certificate: ca.base64, subjectName: 'CN=Works Root' },
        verified: false,
        verificationCode: null,
        version: 0,
      },
    });
    const begun = await mutate('caCertificateVerificationBegin', { name });
    const code = String(begun.caCertificate!['verificationCode']);
    expect(await mutate('caCertificateVerify', { name, verificationCertificate: 'rubbish' })).toMatchObject(
      refusal('VERIFICATION_FAILED', 'verificationCertificate'),
    );
    const verificationCertificate = openssl.pem(openssl.leaf(code, ca));
    const verified = await mutate('caCertificateVerify', { name, verificationCertificate });
    expect(verified.caCertificate).toMatchObject({ verified: true, verificationCode: null });
    const read = await ask<{ caCertificate: object; caCertificates: { nodes: object[] }; node: object }>(
      `{ ${objects.caCertificate.replace('caCertificate', `caCertificate(name: "${name.toLowerCase()}")`)}
         caCertificates(first: 5) { nodes { name verified } }
         node(id: "${String(uploaded.caCertificate!['id'])}") { ... on CaCertificate { name } } }`,
      verified.position,
    );
    expect(read.caCertificate).toEqual(verified.caCertificate);
    expect(read.caCertificates.nodes).toContainEqual({ name, verified: true });
    expect(read.node).toEqual({ name });

    const group = newName('all');
    const caReferences = { primary: name.toUpperCase() };
    const created = await mutate('enrollmentGroupCreate', { name: group, attestation: { caReferences } });
    expect(created.enrollmentGroup).toMatchObject({
      attestation: { type: 'CA_REFERENCE', x509: null, caReferences: { primary: name, secondary: null } },
    });
    expect(await mutate('caCertificateDelete', { name })).toMatchObject(refusal('CA_CERTIFICATE_REFERENCED', 'name'));
    expect(
      await mutate('enrollmentGroupCertificateReplace', { name: group, slot: 'SECONDARY', caCertificate: 'nobody' }),
    ).toMatchObject(refusal('CA_CERTIFICATE_NOT_FOUND', 'caCertificate'));
    await mutate('enrollmentGroupDelete', { name: group });
    expect(await mutate('caCertificateDelete', { name })).toMatchObject({ caCertificate: null, userErrors: [] });
    expect(await mutate('caCertificateVerificationBegin', { name })).toMatchObject(
      refusal('CA_CERTIFICATE_NOT_FOUND', 'name'),
    );
  });

  it('of a group are shown and replaced slot by slot', async () => {
    const [one, two] = [openssl.root('One'), openssl.root('Two')];
    const name = newName('Line');
    const { enrollmentGroup } = await mutate('enrollmentGroupCreate', {
      name,
      attestation: { x509: { primary: one.base64 } },
    });
    expect(enrollmentGroup).toMatchObject({
      attestation: { type: 'X509', x509: { primary: { subjectName: 'CN=One' }, secondary: null } },
    });
    const replace = (input: object) => mutate('enrollmentGroupCertificateReplace', { name, ...input });
    expect(await replace({ slot: 'SECONDARY', certificate: openssl.pem(two) })).toMatchObject({
      enrollmentGroup: { attestation: { x509: { secondary: { subjectName: 'CN=Two' } } }, version: 1 },
    });
    expect(await replace({ slot: 'PRIMARY' })).toMatchObject({
      enrollmentGroup: { attestation: { x509: { primary: null } } },
    });
    expect(await replace({ slot: 'PRIMARY', certificate: 'a', caCertificate: 'b' })).toMatchObject(
      refusal('INVALID_ATTESTATION', 'caCertificate'),
    );
    expect(await replace({ slot: 'PRIMARY', certificate: 'rubbish' })).toMatchObject(
      refusal('INVALID_CERTIFICATE', 'certificate'),
    );
    const taken = { name: newName('other'), attestation: { x509: { secondary: two.base64 } } };
    expect(await mutate('enrollmentGroupCreate', taken)).toMatchObject(
      refusal('CERTIFICATE_IN_USE', 'attestation', 'x509'),
    );
    await mutate('enrollmentGroupDelete', { name });
  });

  it('of a device are shown and replaced slot by slot', async () => {
    const registrationId = newName('press');
    const [one, two] = [0, 1].map(() => openssl.issue(registrationId, { issuer: null }).base64);
    const attestation = { x509: { primary: one } };
    expect(await mutate('enrollmentCreate', { registrationId, attestation })).toMatchObject({
      enrollment: { attestation: { type: 'X509', x509: { primary: { subjectName: `CN=${registrationId}` } } } },
    });
    const replace = (input: object) => mutate('enrollmentCertificateReplace', { registrationId, ...input });
    expect(await replace({ slot: 'SECONDARY', certificate: two })).toMatchObject({ enrollment: { version: 1 } });
    expect(await replace({ slot: 'SECONDARY', certificate: one })).toMatchObject(
      refusal('CERTIFICATE_NAMED_TWICE', 'certificate'),
    );
    const update = { registrationId, attestation: { symmetricKey: {} } };
    expect(await mutate('enrollmentUpdate', update)).toMatchObject(refusal('ATTESTATION_TYPE_FIXED', 'attestation'));
  });
});
