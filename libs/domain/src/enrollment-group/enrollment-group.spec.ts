import { describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentGroupData, givenWhenThen } from '@berth/testing';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import {
  changeEnrollmentGroup,
  createEnrollmentGroup,
  deleteEnrollmentGroup,
  type EnrollmentGroup,
  type EnrollmentGroupData,
  type EnrollmentGroupEvent,
  evolveEnrollmentGroup,
  noEnrollmentGroup,
  replaceGroupAttestation,
  replaceGroupCertificate,
} from './enrollment-group.js';

const given = givenWhenThen({ initial: noEnrollmentGroup, evolve: evolveEnrollmentGroup });
const surroundings = {
  linked: new Set(['hub-a']),
  webhookHosts: new Set(['hooks.example.com']),
  at: Date.now(),
  limit: { count: 0, max: 1 },
};
const id = { name: 'line-7' };
const data = enrollmentGroupData('Line-7');
const created = (change: Partial<EnrollmentGroupData> = {}): EnrollmentGroupEvent => ({
  type: 'EnrollmentGroupCreated',
  v: 1,
  data: { ...data, ...change },
});
const create =
  (change: Partial<EnrollmentGroupData> = {}, limit = surroundings.limit) =>
  (state: EnrollmentGroup) =>
    createEnrollmentGroup({ ...data, ...change }, state, { ...surroundings, limit });
const change = (terms: Partial<EnrollmentGroupData>, enabled?: boolean) => (state: EnrollmentGroup) =>
  changeEnrollmentGroup({ ...id, terms, enabled }, state, surroundings);
const replace = (attestation: EnrollmentGroupData['attestation']) => (state: EnrollmentGroup) =>
  replaceGroupAttestation({ ...id, attestation }, state, surroundings);

describe('an enrollment group', () => {
  it('is created once, and no more of them than there may be', () => {
    given().when(create()).then(created());
    given(created()).when(create()).thenRejected({ kind: 'groupExists', name: 'Line-7' });
    given()
      .when(create({}, { count: 1, max: 1 }))
      .thenRejected({ kind: 'tooManyGroups', max: 1 });
  });

  it('is recognised by its idempotency key, also when there is no room for another', () => {
    const idempotency = { key: 'k', inputHash: 'h' };
    const full = { count: 1, max: 1 };
    given(created({ idempotency })).when(create({ idempotency }, full)).thenNothing();
    given(created({ idempotency }))
      .when(create({ idempotency: { key: 'k', inputHash: 'other' } }))
      .thenRejected({ kind: 'idempotencyKeyReused', key: 'k' });
    given(created()).when(create({ idempotency })).thenRejected({ kind: 'groupExists', name: 'Line-7' });
  });

  it('is not there before it is created, whatever else is said of it', () => {
    const disabled: EnrollmentGroupEvent = { type: 'EnrollmentGroupDisabled', v: 1, data: id };
    expect(evolveEnrollmentGroup(noEnrollmentGroup, disabled)).toBe(noEnrollmentGroup);
  });

  it.each(['', 'a b', 'line.', 'x'.repeat(129)])('refuses the name %j', (name) => {
    given().when(create({ name })).thenRejected({ kind: 'invalidGroupName', name });
  });

  it('minds the terms like an individual enrollment', () => {
    const require = [{ key: 'site', value: 'paris' }];
    given(created())
      .when(change({ require: [] }))
      .thenNothing();
    given(created({ require })).when(change({ require })).thenNothing();
    given(created())
      .when(change({ require }))
      .then({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name: 'Line-7', changed: { require } } });
    given()
      .when(create({ require: [{ key: '', value: '' }] }))
      .thenRejected({ kind: 'invalidLabel', index: 0 });
    given()
      .when(create({ hubs: ['hub-x'] }))
      .thenRejected({ kind: 'hubNotLinked', name: 'hub-x', index: 0 });
    const changed = { hubs: ['hub-a'], capabilities: { iotEdge: true } };
    const recorded: EnrollmentGroupEvent = {
      type: 'EnrollmentGroupTermsChanged',
      v: 1,
      data: { name: 'Line-7', changed },
    };
    given(created()).when(change(changed)).then(recorded);
    given(created(), recorded).when(change(changed)).thenNothing();
    given(created())
      .when(change({ hubs: ['hub-a', 'hub-x'] }))
      .thenRejected({ kind: 'hubNotLinked', name: 'hub-x', index: 1 });
    // A hub that was linked then isn't asked for again by a change of something else.
    given(created({ hubs: ['hub-former'] }))
      .when(change({ singleUse: true }))
      .then({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name: 'Line-7', changed: { singleUse: true } } });
    given(created())
      .when(change({ policy: 'static' }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given()
      .when(change({}))
      .thenRejected({ kind: 'groupNotFound', ...id });
  });

  it('asks allowed webhooks only, and those of before when something else changes', () => {
    const custom = {
      webhookUrl: 'https://hooks.example.com/allocate',
      apiVersion: '2021-10-01',
      fallback: null,
      deadlineMs: 5000,
    };
    const asking = { policy: 'custom' as const, custom };
    const elsewhere = { ...custom, webhookUrl: 'https://example.com/' };
    given().when(create(asking)).then(created(asking));
    given(created(asking)).when(change(asking)).thenNothing();
    given(created())
      .when(change({ custom: null }))
      .thenNothing();
    const notAllowed = { kind: 'webhookHostNotAllowed', host: 'example.com' } as const;
    given()
      .when(create({ ...asking, custom: elsewhere }))
      .thenRejected(notAllowed);
    given(created(asking))
      .when(change({ custom: elsewhere }))
      .thenRejected(notAllowed);
    given(created({ ...asking, custom: elsewhere }))
      .when(change({ singleUse: true }))
      .then({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name: 'Line-7', changed: { singleUse: true } } });
  });

  it('is disabled, enabled and deleted, each once', () => {
    const [disabled, enabled, deleted] = (['Disabled', 'Enabled', 'Deleted'] as const).map(
      (what): EnrollmentGroupEvent => ({ type: `EnrollmentGroup${what}`, v: 1, data: { name: 'Line-7' } }),
    ) as [EnrollmentGroupEvent, EnrollmentGroupEvent, EnrollmentGroupEvent];
    given(created()).when(change({}, false)).then(disabled);
    given(created(), disabled).when(change({}, false)).thenNothing();
    given(created(), disabled).when(change({}, true)).then(enabled);
    given(created(), disabled, enabled).when(change({}, true)).thenNothing();
    given(created())
      .when((it) => deleteEnrollmentGroup(id, it))
      .then(deleted);
    given(created(), deleted)
      .when((it) => deleteEnrollmentGroup(id, it))
      .thenRejected({ kind: 'groupNotFound', ...id });
    given(created(), deleted).when(create()).then(created());
  });

  it('may change between certificates and names of CA certificates, but not to keys or from them', () => {
    const byName = { type: 'caReference', primary: { name: 'Works', thumbprint: 'a' }, secondary: null } as const;
    const other = { ...byName, secondary: { name: 'Other', thumbprint: 'b' } };
    given(created({ attestation: byName }))
      .when(replace(other))
      .then({ type: 'EnrollmentGroupAttestationReplaced', v: 1, data: { name: 'Line-7', attestation: other } });
    given(created({ attestation: byName }))
      .when(replace(byName))
      .thenNothing();
    given(created({ attestation: byName }))
      .when(replace(data.attestation))
      .thenRejected({ kind: 'attestationTypeFixed', type: 'caReference' });
    given(created()).when(replace(byName)).thenRejected({ kind: 'attestationTypeFixed', type: 'symmetricKey' });
    given(created({ attestation: byName }))
      .when(replace({ ...byName, primary: null }))
      .thenRejected({ kind: 'certificateMissing' });
    given(created({ attestation: byName }))
      .when(replace({ ...byName, secondary: { name: 'works', thumbprint: 'a' } }))
      .thenRejected({ kind: 'certificateNamedTwice' });
    given()
      .when(replace(byName))
      .thenRejected({ kind: 'groupNotFound', ...id });
  });
});

describe('a slot of a group that goes by CA certificates', () => {
  const works = { name: 'Works', thumbprint: 'a' };
  const hall = { name: 'Hall', thumbprint: 'b' };
  const byName = { type: 'caReference', primary: works, secondary: null } as const;
  const put =
    (slot: 'primary' | 'secondary', certificate: Parameters<typeof replaceGroupCertificate>[0]['certificate']) =>
    (state: EnrollmentGroup) =>
      replaceGroupCertificate({ ...id, slot, certificate }, state, surroundings);

  it('is filled, replaced and emptied, and the other one stays', () => {
    const replaced = (primary: typeof works | null, secondary: typeof works | null): EnrollmentGroupEvent => ({
      type: 'EnrollmentGroupAttestationReplaced',
      v: 1,
      data: { name: 'Line-7', attestation: { type: 'caReference', primary, secondary } },
    });
    const both = replaced(works, hall);
    given(created({ attestation: byName }))
      .when(put('secondary', hall))
      .then(both);
    given(created({ attestation: byName }), both)
      .when(put('secondary', hall))
      .thenNothing();
    given(created({ attestation: byName }), both)
      .when(put('primary', null))
      .then(replaced(null, hall));
    given(created({ attestation: byName }))
      .when(put('primary', null))
      .thenRejected({ kind: 'certificateMissing' });
  });

  it('takes what the group goes by, and nothing else', () => {
    const brought = { certificate: 'AAAA', thumbprint: 'c' };
    given(created({ attestation: byName }))
      .when(put('secondary', brought))
      .thenRejected({ kind: 'attestationTypeFixed', type: 'caReference' });
    given(created()).when(put('secondary', null)).thenRejected({ kind: 'attestationTypeFixed', type: 'symmetricKey' });
    given()
      .when(put('secondary', hall))
      .thenRejected({ kind: 'groupNotFound', ...id });
  });
});

describeWithOpenSsl('the certificate of an enrollment group', (openssl) => {
  const kept = (base64: string) => keepCertificate(base64)!;
  const ca = openssl.root('Factory');
  const x509 = (primary: string, secondary: string | null = null) => ({
    attestation: {
      type: 'x509' as const,
      primary: kept(primary),
      secondary: secondary === null ? null : kept(secondary),
    },
  });

  it('is a CA, in PEM or base64 DER', () => {
    expect(keepCertificate(openssl.pem(ca))).toEqual(keepCertificate(ca.base64));
    expect(keepCertificate('hello')).toBeNull();
    given()
      .when(create(x509(ca.base64)))
      .then(created(x509(ca.base64)));
  });

  it('is refused when it issues nothing, is over, or is there twice', () => {
    const leaf = openssl.leaf('press-01', ca);
    given()
      .when(create(x509(leaf.base64)))
      .thenRejected({
        kind: 'invalidCertificate',
        slot: 'primary',
        reason: 'the certificate is no CA (basic constraints)',
      });
    given()
      .when(create(x509(ca.base64, leaf.base64)))
      .thenRejected({
        kind: 'invalidCertificate',
        slot: 'secondary',
        reason: 'the certificate is no CA (basic constraints)',
      });
    given()
      .when(create(x509(ca.base64, ca.base64)))
      .thenRejected({ kind: 'certificateNamedTwice' });
    const later = { ...surroundings, at: Date.now() + 40 * 24 * 3600 * 1000 };
    const decision = createEnrollmentGroup({ ...data, ...x509(ca.base64) }, noEnrollmentGroup, later);
    expect(decision).toMatchObject({
      rejection: { kind: 'invalidCertificate', reason: expect.stringMatching(/expired/) },
    });
  });
});
