import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DataKeyEvent, type EnrollmentEvent, type EnrollmentGroupEvent, keyIdsOf } from '@berth/domain';
import { streams } from '@berth/event-store';
import { describeWithOpenSsl, enrollmentData, enrollmentGroupData } from '@berth/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { takeOverAfterMs } from './certificate/certificate-uses.js';
import {
  BeginCaCertificateVerification,
  ChangeEnrollment,
  ChangeEnrollmentGroup,
  CreateEnrollment,
  CreateEnrollmentGroup,
  DeleteCaCertificate,
  DeleteEnrollment,
  DeleteEnrollmentGroup,
  type EnrollmentGroupWish,
  type EnrollmentWish,
  ReplaceEnrollmentCertificate,
  ReplaceEnrollmentGroupCertificate,
  RotateEnrollmentGroupKey,
  RotateEnrollmentKey,
  UploadCaCertificate,
  VerifyCaCertificate,
} from './index.js';
import { ControlUnderTest, limits, origin } from './under-test/control-under-test.js';

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start(Date.now());
});
afterAll(async () => {
  await control?.stop();
});

const newName = (prefix: string) => `${prefix}-${randomUUID()}`;
const groupWish = (change: Partial<EnrollmentGroupWish> = {}): EnrollmentGroupWish => {
  const { idempotency: _, ...data } = enrollmentGroupData(newName('Line'));
  return {
    ...data,
    attestation: { type: 'symmetricKey', primary: null, secondary: null },
    idempotencyKey: null,
    ...change,
  };
};
const enrollmentWish = (change: Partial<EnrollmentWish> = {}): EnrollmentWish => {
  const { idempotency: _, ...data } = enrollmentData(newName('press'), '/gateways/one');
  return {
    ...data,
    attestation: { type: 'symmetricKey', primary: null, secondary: null },
    idempotencyKey: null,
    ...change,
  };
};

/** The present keys of a record, opened with what the store has. */
async function keysIn(stream: string) {
  const events = await control.eventsOf<EnrollmentEvent | EnrollmentGroupEvent>(stream);
  const last = events.map(({ event }) => event.data).findLast((data) => 'attestation' in data);
  if (!last || !('attestation' in last) || last.attestation.type !== 'symmetricKey') throw new Error('no keys');
  const { attestation } = last;
  const [dataKey] = await control.eventsOf<DataKeyEvent>(streams.dataKey(attestation.primary.keyId));
  const open = (sealed: typeof attestation.primary) =>
    control.masterKey.open(sealed, dataKey!.event.data)?.toString('base64');
  return { primary: open(attestation.primary), secondary: open(attestation.secondary), attestation };
}

describe('keys of a record', () => {
  it.each(['enrollment', 'group'] as const)('are rotated one at a time, and the old one is gone: %s', async (what) => {
    const isGroup = what === 'group';
    const wish = isGroup ? groupWish() : enrollmentWish();
    const name = 'name' in wish ? wish.name : wish.registrationId;
    const stream = isGroup ? streams.enrollmentGroup(name) : streams.enrollment(name);
    const { generatedKeys: before } = await control.commands.execute(
      'name' in wish ? new CreateEnrollmentGroup(wish, origin) : new CreateEnrollment(wish, origin),
    );
    const { attestation: old } = await keysIn(stream);
    const rotate = (slot: 'primary' | 'secondary', key: string | null, expectedVersion?: number) => {
      const rotation = { slot, key, expectedVersion };
      return isGroup
        ? control.commands.execute(new RotateEnrollmentGroupKey({ name, ...rotation }, origin))
        : control.commands.execute(new RotateEnrollmentKey({ registrationId: name, ...rotation }, origin));
    };
    const rotated = await rotate('primary', null);
    expect(rotated).toMatchObject({
      outcome: { ok: true, version: 1 },
      generatedKeys: { primary: expect.any(String), secondary: null },
    });
    const after = await keysIn(stream);
    expect(after).toMatchObject({ primary: rotated.generatedKeys!.primary, secondary: before!.secondary });
    expect(after.primary).not.toBe(before!.primary);
    for (const keyId of keyIdsOf(old)) expect(await control.eventsOf(streams.dataKey(keyId))).toEqual([]);

    const own = randomBytes(32).toString('base64');
    expect(await rotate('secondary', own)).toMatchObject({ outcome: { ok: true }, generatedKeys: null });
    expect(await keysIn(stream)).toMatchObject({ primary: after.primary, secondary: own });
    expect(await rotate('secondary', 'short')).toMatchObject({
      outcome: { rejection: { kind: 'invalidSymmetricKey', key: 'secondary' } },
    });
    expect(await rotate('primary', null, 0)).toMatchObject({
      outcome: { rejection: { kind: 'versionConflict', currentVersion: 2 } },
    });
    const both = await Promise.all([rotate('primary', null), rotate('secondary', null)]);
    const now = await keysIn(stream);
    expect(now).toMatchObject({
      primary: both[0].generatedKeys!.primary,
      secondary: both[1].generatedKeys!.secondary,
    });
    if (isGroup) await control.commands.execute(new DeleteEnrollmentGroup(name, origin));
  });

  it('are not rotated where there are none', async () => {
    const wish = enrollmentWish({ attestation: { type: 'gateway', sources: ['/a'] } });
    await control.commands.execute(new CreateEnrollment(wish, origin));
    const rotation = { slot: 'primary' as const, key: null };
    const { registrationId } = wish;
    expect(
      await control.commands.execute(new RotateEnrollmentKey({ ...rotation, registrationId }, origin)),
    ).toMatchObject({ outcome: { rejection: { kind: 'attestationTypeFixed', type: 'gateway' } } });
    const nobody = { ...rotation, registrationId: 'nobody' };
    expect(await control.commands.execute(new RotateEnrollmentKey(nobody, origin))).toMatchObject({
      outcome: { rejection: { kind: 'enrollmentNotFound' } },
    });
    expect(
      await control.commands.execute(new RotateEnrollmentGroupKey({ ...rotation, name: 'a b' }, origin)),
    ).toMatchObject({ outcome: { rejection: { kind: 'groupNotFound' } } });
  });

  it('are all replaced by an update, and terms with them, in one go', async () => {
    const wish = enrollmentWish();
    const { registrationId } = wish;
    await control.commands.execute(new CreateEnrollment(wish, origin));
    const primary = randomBytes(32).toString('base64');
    const attestation = { type: 'symmetricKey' as const, primary, secondary: null };
    const change = { registrationId, enabled: false, terms: { singleUse: true }, attestation };
    const { outcome, generatedKeys } = await control.commands.execute(new ChangeEnrollment(change, origin));
    expect(outcome).toMatchObject({ ok: true, version: 3, state: { enabled: false, singleUse: true } });
    expect(generatedKeys).toEqual({ primary: null, secondary: expect.any(String) });
    const stream = streams.enrollment(registrationId);
    expect(await keysIn(stream)).toMatchObject({ primary, secondary: generatedKeys!.secondary });
    const other = { registrationId, terms: {}, attestation: { type: 'gateway' as const, sources: ['/a'] } };
    expect(await control.commands.execute(new ChangeEnrollment(other, origin))).toMatchObject({
      outcome: { rejection: { kind: 'attestationTypeFixed', type: 'symmetricKey' } },
    });
  });
});

describe('an enrollment group', () => {
  it('is created with generated keys, told again under its idempotency key, and deleted with them', async () => {
    const wish = groupWish({ idempotencyKey: randomUUID() });
    const first = await control.commands.execute(new CreateEnrollmentGroup(wish, origin));
    expect(first.generatedKeys).toEqual({ primary: expect.any(String), secondary: expect.any(String) });
    expect(await control.commands.execute(new CreateEnrollmentGroup(wish, origin))).toEqual(first);
    const { attestation } = await keysIn(streams.enrollmentGroup(wish.name));
    expect(await control.commands.execute(new DeleteEnrollmentGroup(wish.name, origin))).toMatchObject({ ok: true });
    for (const keyId of keyIdsOf(attestation)) expect(await control.eventsOf(streams.dataKey(keyId))).toEqual([]);
    expect(await control.commands.execute(new DeleteEnrollmentGroup(wish.name, origin))).toMatchObject({
      rejection: { kind: 'groupNotFound' },
    });
  });

  it('is changed, minding the version', async () => {
    const wish = groupWish();
    const { name } = wish;
    await control.commands.execute(new CreateEnrollmentGroup(wish, origin));
    const change = { name, enabled: false, terms: { capabilities: { iotEdge: true } } };
    expect(await control.commands.execute(new ChangeEnrollmentGroup(change, origin, 0))).toMatchObject({
      outcome: { ok: true, version: 2, state: { enabled: false, capabilities: { iotEdge: true } } },
    });
    expect(await control.commands.execute(new ChangeEnrollmentGroup(change, origin, 0))).toMatchObject({
      outcome: { rejection: { kind: 'versionConflict', currentVersion: 2 } },
    });
    expect((await control.commands.execute(new ChangeEnrollmentGroup(change, origin))).outcome).toMatchObject({
      ok: true,
      version: 2,
    });
    const unlinked = { name, terms: { hubs: ['hub-x'] } };
    expect(await control.commands.execute(new ChangeEnrollmentGroup(unlinked, origin))).toMatchObject({
      outcome: { rejection: { kind: 'hubNotLinked', index: 0 } },
    });
    await control.commands.execute(new DeleteEnrollmentGroup(name, origin));
  });

  it('is refused when there are as many as there may be, until one goes', async () => {
    const wishes = Array.from({ length: limits.groupsWithKeysMax }, () => groupWish());
    for (const wish of wishes) {
      expect(await control.commands.execute(new CreateEnrollmentGroup(wish, origin))).toMatchObject({
        outcome: { ok: true },
      });
    }
    const another = groupWish();
    expect(await control.commands.execute(new CreateEnrollmentGroup(another, origin))).toMatchObject({
      outcome: { rejection: { kind: 'tooManyGroups', max: limits.groupsWithKeysMax } },
      generatedKeys: null,
    });
    await control.commands.execute(new DeleteEnrollmentGroup(wishes[0]!.name, origin));
    expect(await control.commands.execute(new CreateEnrollmentGroup(another, origin))).toMatchObject({
      outcome: { ok: true },
    });
    for (const { name } of [...wishes.slice(1), another]) {
      await control.commands.execute(new DeleteEnrollmentGroup(name, origin));
    }
  });
});

describeWithOpenSsl('certificates of records', (openssl) => {
  const inSlots = (primary: string | null, secondary: string | null = null) => ({
    attestation: { type: 'x509' as const, primary, secondary },
  });
  const device = (registrationId: string) => openssl.issue(registrationId, { issuer: null });
  const newCa = () => openssl.root('A CA');
  const createGroup = (change: Partial<EnrollmentGroupWish>) => {
    const wish = groupWish(change);
    return control.commands
      .execute(new CreateEnrollmentGroup(wish, origin))
      .then(({ outcome }) => ({ name: wish.name, outcome }));
  };
  const deleteGroup = (name: string) => control.commands.execute(new DeleteEnrollmentGroup(name, origin));
  const upload = (name: string, certificate: string, verified = true) =>
    control.commands.execute(new UploadCaCertificate({ name, certificate, verified }, origin));
  const deleteCa = (name: string) => control.commands.execute(new DeleteCaCertificate(name, origin));

  it('belong to one group, however many want it at once', async () => {
    const ca = openssl.pem(newCa());
    const results = await Promise.all(Array.from({ length: 4 }, () => createGroup(inSlots(ca))));
    const created = results.filter(({ outcome }) => outcome.ok);
    expect(created).toHaveLength(1);
    const holder = { type: 'enrollmentGroup', name: created[0]!.name };
    for (const { outcome } of results.filter((it) => !it.outcome.ok)) {
      expect(outcome).toMatchObject({ rejection: { kind: 'certificateInUse', holder } });
    }
    await deleteGroup(created[0]!.name);
    const again = await createGroup(inSlots(ca));
    expect(again.outcome).toMatchObject({ ok: true });
    await deleteGroup(again.name);
  });

  it('belong to one enrollment or group, and are free again when they are replaced', async () => {
    const wish = enrollmentWish({ registrationId: 'press-own' });
    const [first, second] = [device('press-own').base64, device('press-own').base64];
    const created = await control.commands.execute(new CreateEnrollment({ ...wish, ...inSlots(first) }, origin));
    expect(created.outcome).toMatchObject({ ok: true });
    expect((await createGroup(inSlots(first))).outcome).toMatchObject({
      rejection: { kind: 'certificateInUse', holder: { type: 'enrollment', name: 'press-own' } },
    });
    const replace = (slot: 'primary' | 'secondary', certificate: string | null, expectedVersion?: number) => {
      const data = { registrationId: 'PRESS-OWN', slot, certificate };
      return control.commands.execute(new ReplaceEnrollmentCertificate(data, origin, expectedVersion));
    };
    expect(await replace('secondary', second)).toMatchObject({ ok: true, version: 1 });
    expect(await replace('secondary', first)).toMatchObject({ rejection: { kind: 'certificateNamedTwice' } });
    expect(await replace('primary', null, 0)).toMatchObject({ rejection: { kind: 'versionConflict' } });
    expect(await replace('primary', null)).toMatchObject({ ok: true, version: 2 });
    expect(await replace('secondary', null)).toMatchObject({ rejection: { kind: 'certificateMissing' } });
    expect(await replace('primary', 'rubbish')).toMatchObject({ rejection: { kind: 'invalidCertificate' } });
    const uses = (base64: string) => {
      const thumbprint = openssl.thumbprint(base64);
      return control.eventsOf(streams.certificate(thumbprint));
    };
    expect((await uses(first)).map(({ event }) => event.type)).toEqual(['CertificateReserved', 'CertificateReleased']);
    expect((await uses(second)).map(({ event }) => event.type)).toEqual(['CertificateReserved']);
    await control.commands.execute(new DeleteEnrollment('press-own', origin));
    expect((await uses(second)).map(({ event }) => event.type)).toEqual(['CertificateReserved', 'CertificateReleased']);
  });

  it('must fit the device', async () => {
    const wish = enrollmentWish({ registrationId: 'press-fit', ...inSlots(device('another').base64) });
    const { outcome } = await control.commands.execute(new CreateEnrollment(wish, origin));
    expect(outcome).toMatchObject({
      rejection: { kind: 'invalidCertificate', slot: 'primary', reason: expect.stringContaining('common name') },
    });
    const rubbish = { ...wish, ...inSlots(null, 'rubbish') };
    expect((await control.commands.execute(new CreateEnrollment(rubbish, origin))).outcome).toMatchObject({
      rejection: { kind: 'invalidCertificate', slot: 'secondary' },
    });
  });

  it('that a refused command reserved are let go', async () => {
    const ca = newCa().base64;
    const refused = await createGroup({ ...inSlots(ca), hubs: ['hub-x'] });
    expect(refused.outcome).toMatchObject({ rejection: { kind: 'hubNotLinked' } });
    const taken = await createGroup(inSlots(ca));
    expect(taken.outcome).toMatchObject({ ok: true });
    await deleteGroup(taken.name);
  });

  it('left reserved by a death in between are taken over after a while, and not before', async () => {
    const ca = newCa().base64;
    const holder = { type: 'enrollmentGroup' as const, name: 'never-came' };
    const thumbprint = openssl.thumbprint(ca);
    const metadata = { correlationId: 'c', actor: 'spec', at: new Date(control.now).toISOString() };
    const reserved = { type: 'CertificateReserved' as const, v: 1 as const, data: { thumbprint, holder } };
    await control.store.append(streams.certificate(thumbprint), [reserved], -1, metadata);
    expect((await createGroup(inSlots(ca))).outcome).toMatchObject({ rejection: { kind: 'certificateInUse', holder } });
    control.passMs(takeOverAfterMs);
    const taken = await createGroup(inSlots(ca));
    expect(taken.outcome).toMatchObject({ ok: true });
    control.passMs(takeOverAfterMs);
    expect((await createGroup(inSlots(ca))).outcome).toMatchObject({
      rejection: { kind: 'certificateInUse', holder: { name: taken.name } },
    });
    await deleteGroup(taken.name);
  });

  it('are finished letting go by whoever touches the record next', async () => {
    const ca = newCa().base64;
    const { name, outcome } = await createGroup(inSlots(ca));
    expect(outcome.ok).toBe(true);
    const metadata = { correlationId: 'c', actor: 'spec', at: new Date(control.now).toISOString() };
    // What the store holds when Berth died right after the first step of a delete.
    const deleted = { type: 'EnrollmentGroupDeleted' as const, v: 1 as const, data: { name } };
    await control.store.append(streams.enrollmentGroup(name), [deleted], 0, metadata);
    expect((await createGroup(inSlots(ca))).outcome).toMatchObject({ rejection: { kind: 'certificateInUse' } });
    expect(await deleteGroup(name)).toMatchObject({ rejection: { kind: 'groupNotFound' } });
    const again = await createGroup(inSlots(ca));
    expect(again.outcome.ok).toBe(true);
    await deleteGroup(again.name);
  });

  it('of CAs are uploaded under one name, and no more than there may be', async () => {
    const [one, two, three, four] = [newCa(), newCa(), newCa(), newCa()].map((ca) => openssl.pem(ca)) as [
      string,
      string,
      string,
      string,
    ];
    expect(await upload('Works', one)).toMatchObject({ ok: true, state: { name: 'Works', verified: true } });
    expect(await upload('works', one)).toMatchObject({ ok: true, version: 0 });
    expect(await upload('Works', two)).toMatchObject({ rejection: { kind: 'caCertificateExists' } });
    expect(await upload('Other', one)).toMatchObject({
      rejection: { kind: 'certificateInUse', holder: { type: 'caCertificate', name: 'Works' } },
    });
    expect(await upload('Other', two)).toMatchObject({ ok: true });
    expect(await upload('Third', three)).toMatchObject({ ok: true });
    expect(await upload('Fourth', four)).toMatchObject({ rejection: { kind: 'tooManyCaCertificates', max: 3 } });
    expect(await upload('a b', four)).toMatchObject({ rejection: { kind: 'invalidCaCertificateName' } });
    expect(await upload('Fourth', 'rubbish')).toMatchObject({ rejection: { kind: 'invalidCertificate' } });
    for (const name of ['works', 'other', 'third']) expect(await deleteCa(name)).toMatchObject({ ok: true });
    expect(await deleteCa('works')).toMatchObject({ rejection: { kind: 'caCertificateNotFound' } });
    expect(await upload('Renamed', one)).toMatchObject({ ok: true });
    await deleteCa('Renamed');
  });

  it('of CAs are not deleted while a group goes by them', async () => {
    const ca = newCa().base64;
    await upload('Plant', ca);
    const byName = { attestation: { type: 'caReference' as const, primary: 'PLANT', secondary: null } };
    const { name, outcome } = await createGroup(byName);
    expect(outcome).toMatchObject({ ok: true, state: { attestation: { primary: { name: 'Plant' } } } });
    expect(await deleteCa('plant')).toMatchObject({
      rejection: { kind: 'caCertificateReferenced', holder: { name } },
    });
    expect((await createGroup(byName)).outcome).toMatchObject({
      rejection: { kind: 'certificateInUse', holder: { name } },
    });
    const second = newCa().base64;
    await upload('Plant-2', second);
    const replace = (certificate: { caCertificate: string } | { text: string } | null) => {
      const data = { name, slot: 'primary' as const, certificate };
      return control.commands.execute(new ReplaceEnrollmentGroupCertificate(data, origin));
    };
    expect(await replace({ caCertificate: 'nobody' })).toMatchObject({ rejection: { kind: 'caCertificateNotFound' } });
    expect(await replace({ text: second })).toMatchObject({ rejection: { kind: 'attestationTypeFixed' } });
    expect(await replace({ caCertificate: 'Plant-2' })).toMatchObject({ ok: true });
    expect(await deleteCa('Plant')).toMatchObject({ ok: true });
    expect((await createGroup(byName)).outcome).toMatchObject({ rejection: { kind: 'caCertificateNotFound' } });
    await deleteGroup(name);
    expect(await deleteCa('Plant-2')).toMatchObject({ ok: true });
  });

  it('of CAs are either referred to or deleted, whoever is faster', async () => {
    for (let round = 0; round < 5; round += 1) {
      await upload(`Race-${round}`, newCa().base64);
      const byName = { attestation: { type: 'caReference' as const, primary: `Race-${round}`, secondary: null } };
      const [group, deleted] = await Promise.all([createGroup(byName), deleteCa(`Race-${round}`)]);
      expect([group.outcome.ok, deleted.ok].filter(Boolean)).toHaveLength(1);
      if (group.outcome.ok) {
        await deleteGroup(group.name);
        await deleteCa(`Race-${round}`);
      }
    }
  });

  it('of CAs are verified by a certificate that only their owner can make', async () => {
    const ca = newCa();
    await upload('Proof', ca.base64, false);
    const verify = (proof: string | null) =>
      control.commands.execute(new VerifyCaCertificate({ name: 'proof', proof }, origin));
    expect(await verify(openssl.leaf('x', ca).base64)).toMatchObject({ rejection: { kind: 'verificationNotBegun' } });
    const begun = await control.commands.execute(new BeginCaCertificateVerification('proof', origin));
    const code = begun.ok && begun.state.status === 'uploaded' ? begun.state.code! : '';
    expect(code).toMatch(/^[0-9A-F]{48}$/);
    control.passMs(60_000);
    expect(await verify(openssl.pem(openssl.leaf(code, newCa())))).toMatchObject({
      rejection: { kind: 'verificationFailed' },
    });
    expect(await verify(openssl.pem(openssl.leaf(code, ca)))).toMatchObject({
      ok: true,
      state: { verified: true, code: null },
    });
    await deleteCa('Proof');
  });
});
