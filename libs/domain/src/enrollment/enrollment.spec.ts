import { describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentData, givenWhenThen } from '@berth/testing';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import {
  changeEnrollment,
  createEnrollment,
  deleteEnrollment,
  type EnrollmentData,
  type EnrollmentEvent,
  evolveEnrollment,
  noEnrollment,
  replaceAttestation,
  replaceCertificate,
} from './enrollment.js';

const given = givenWhenThen({ initial: noEnrollment, evolve: evolveEnrollment });
const surroundings = {
  linked: new Set(['hub-a']),
  webhookHosts: new Set(['hooks.example.com']),
  at: Date.UTC(2026, 0, 1),
};
const id = { registrationId: 'press-01' };
const data = enrollmentData('Press-01', '/gateways/one');
const created = (change: Partial<EnrollmentData> = {}): EnrollmentEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: { ...data, ...change },
});
const create =
  (change: Partial<EnrollmentData> = {}) =>
  (state: Parameters<typeof createEnrollment>[1]) =>
    createEnrollment({ ...data, ...change }, state, surroundings);
const change = (terms: Partial<EnrollmentData>, enabled?: boolean) => (state: Parameters<typeof changeEnrollment>[1]) =>
  changeEnrollment({ ...id, terms, enabled }, state, surroundings);

describe('an individual enrollment', () => {
  it('is created once', () => {
    given().when(create()).then(created());
    given(created()).when(create()).thenRejected({ kind: 'enrollmentExists', registrationId: 'Press-01' });
  });

  it('is recognised by its idempotency key', () => {
    const idempotency = { key: 'k', inputHash: 'h' };
    given(created({ idempotency })).when(create({ idempotency })).thenNothing();
    given(created({ idempotency }))
      .when(create({ idempotency: { key: 'k', inputHash: 'other' } }))
      .thenRejected({ kind: 'idempotencyKeyReused', key: 'k' });
    given(created({ idempotency }))
      .when(create({ idempotency: { key: 'other', inputHash: 'h' } }))
      .thenRejected({ kind: 'enrollmentExists', registrationId: 'Press-01' });
    given(created())
      .when(create({ idempotency }))
      .thenRejected({ kind: 'enrollmentExists', registrationId: 'Press-01' });
  });

  it('is not there before it is created, whatever else is said of it', () => {
    const disabled: EnrollmentEvent = { type: 'EnrollmentDisabled', v: 1, data: id };
    expect(evolveEnrollment(noEnrollment, disabled)).toBe(noEnrollment);
  });

  it.each(['', 'a b', 'a/b', 'press.', 'p:', 'ü', 'x'.repeat(129)])('refuses the id %j', (registrationId) => {
    given().when(create({ registrationId })).thenRejected({ kind: 'invalidRegistrationId', registrationId });
  });

  it.each(['A', 'a-', 'a.b_c:D-9', 'x'.repeat(128)])('takes the id %j', (registrationId) => {
    given().when(create({ registrationId })).then(created({ registrationId }));
  });

  it('names linked hubs only, and at least one for a static order', () => {
    given()
      .when(create({ hubs: ['hub-x'] }))
      .thenRejected({ kind: 'hubNotLinked', name: 'hub-x', index: 0 });
    given()
      .when(create({ hubs: ['hub-a', 'Hub-A'] }))
      .thenRejected({ kind: 'hubNamedTwice', name: 'Hub-A', index: 1 });
    given()
      .when(create({ policy: 'static' }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given(created())
      .when(change({ hubs: ['hub-a', 'hub-x'] }))
      .thenRejected({ kind: 'hubNotLinked', name: 'hub-x', index: 1 });
    // A hub that was linked then isn't asked for again by a change of something else.
    given(created({ hubs: ['hub-former'] }))
      .when(change({ singleUse: true }))
      .then({
        type: 'EnrollmentTermsChanged',
        v: 1,
        data: { registrationId: 'Press-01', changed: { singleUse: true } },
      });
  });

  it('requires labels of a hub, as one list, and none before anybody said any', () => {
    const require = [{ key: 'site', value: 'paris' }];
    const changed = (to: typeof require): EnrollmentEvent => ({
      type: 'EnrollmentTermsChanged',
      v: 1,
      data: { registrationId: 'Press-01', changed: { require: to } },
    });
    given().when(create({ require })).then(created({ require }));
    given(created({ require })).when(change({ require })).thenNothing();
    given(created())
      .when(change({ require: [] }))
      .thenNothing();
    given(created()).when(change({ require })).then(changed(require));
    given(created(), changed(require))
      .when(change({ require: [] }))
      .then(changed([]));
    const twice = { kind: 'labelNamedTwice', key: 'site', index: 1 } as const;
    given()
      .when(create({ require: [...require, ...require] }))
      .thenRejected(twice);
    given(created())
      .when(change({ require: [...require, ...require] }))
      .thenRejected(twice);
  });

  it('with gateway attestation trusts somebody', () => {
    given()
      .when(create({ attestation: { type: 'gateway', sources: [] } }))
      .thenRejected({ kind: 'gatewayNeedsSources' });
    given()
      .when(create({ attestation: { type: 'gateway', sources: ['a', ''] } }))
      .thenRejected({ kind: 'invalidSource', index: 1 });
    const trusting = (...sources: string[]) => ({ attestation: { type: 'gateway' as const, sources } });
    const longest = 'g'.repeat(1024);
    const most = Array.from({ length: 100 }, (_, index) => (index === 0 ? longest : `/gateways/${index}`));
    given()
      .when(create(trusting(...most)))
      .then(created(trusting(...most)));
    given()
      .when(create(trusting(...most, 'one more')))
      .thenRejected({ kind: 'tooManySources', max: 100 });
    given()
      .when(create(trusting(`${longest}g`, 'a')))
      .thenRejected({ kind: 'invalidSource', index: 0 });
  });

  it('may go by keys, which are sealed before it is created', () => {
    const sealed = { keyId: 'k', nonce: '', ciphertext: '' };
    const attestation = { type: 'symmetricKey' as const, primary: sealed, secondary: sealed };
    given().when(create({ attestation })).then(created({ attestation }));
  });

  it('keeps its initial twin to what a hub takes', () => {
    const initialTwin = { tags: { text: 'x'.repeat(41_000) } };
    given().when(create({ initialTwin })).thenRejected({ kind: 'initialTwinTooLarge', bytes: 41_020, max: 40_960 });
    const largest = { tags: { text: 'x'.repeat(40_940) } };
    given()
      .when(create({ initialTwin: largest }))
      .then(created({ initialTwin: largest }));
  });

  it('is valid for a time that has a beginning before its end', () => {
    const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z'];
    given()
      .when(create({ validity: { notBefore: late, notAfter: early } }))
      .thenRejected({ kind: 'invalidValidity' });
    given()
      .when(create({ validity: { notBefore: 'soon', notAfter: null } }))
      .thenRejected({ kind: 'invalidValidity' });
    for (const validity of [
      { notBefore: early, notAfter: early },
      { notBefore: null, notAfter: early },
      { notBefore: early, notAfter: null },
    ]) {
      given().when(create({ validity })).then(created({ validity }));
    }
  });

  it('keeps what is noted down with it to a bound', () => {
    const optionalDeviceInformation = { text: 'x'.repeat(8192) };
    given()
      .when(create({ optionalDeviceInformation }))
      .thenRejected({ kind: 'deviceInformationTooLarge', bytes: 8203, max: 8192 });
    const largest = { text: 'x'.repeat(8181) };
    given()
      .when(create({ optionalDeviceInformation: largest }))
      .then(created({ optionalDeviceInformation: largest }));
  });

  it('may name a TPM, whose keys are texts of a bounded length', () => {
    const attestation = { type: 'tpm' as const, endorsementKey: 'AToAAQALAAMAsgAg', storageRootKey: null };
    given().when(create({ attestation })).then(created({ attestation }));
    const longest = { ...attestation, storageRootKey: 'A'.repeat(2048) };
    given()
      .when(create({ attestation: longest }))
      .then(created({ attestation: longest }));
    for (const endorsementKey of ['no base64!', '!AAAA', 'AAAA===', '']) {
      given()
        .when(create({ attestation: { ...attestation, endorsementKey } }))
        .thenRejected({ kind: 'invalidTpmKey', key: 'endorsementKey', max: 2048 });
    }
    given()
      .when(create({ attestation: { ...attestation, storageRootKey: 'A'.repeat(2049) } }))
      .thenRejected({ kind: 'invalidTpmKey', key: 'storageRootKey', max: 2048 });
  });

  it('changes what is asked for and differs, and nothing else', () => {
    const changed = { hubs: ['hub-a'], policy: 'static' as const, singleUse: true };
    const recorded: EnrollmentEvent = {
      type: 'EnrollmentTermsChanged',
      v: 1,
      data: { registrationId: 'Press-01', changed },
    };
    given(created())
      .when(change({ ...changed, deviceId: null, initialTwin: null }))
      .then(recorded);
    given(created({ deviceId: 'P1' }))
      .when((it) => changeEnrollment({ ...id, terms: { deviceId: undefined } }, it, surroundings))
      .thenNothing();
    given(created(), recorded).when(change(changed)).thenNothing();
    given(created(), recorded)
      .when(change({ hubs: [] }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given(created())
      .when(change({ deviceId: 'a b' }))
      .thenRejected({ kind: 'invalidDeviceId', deviceId: 'a b' });
    given()
      .when(change({}))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
  });

  it('is not changed by what says the same in another order of its fields', () => {
    const initialTwin = { tags: { a: 1, b: [{ x: 1, y: 2 }] }, properties: { desired: {} } };
    const again = { properties: { desired: {} }, tags: { b: [{ y: 2, x: 1 }], a: 1 } };
    given(created({ initialTwin }))
      .when(change({ initialTwin: again }))
      .thenNothing();
  });

  it('names whom to ask if a webhook chooses, and only then', () => {
    const custom = {
      webhookUrl: 'https://hooks.example.com/allocate',
      apiVersion: '2021-10-01',
      fallback: null,
      deadlineMs: 5000,
    };
    const asking = { policy: 'custom' as const, custom };
    given().when(create(asking)).then(created(asking));
    given()
      .when(create({ policy: 'custom' }))
      .thenRejected({ kind: 'customNeedsWebhook' });
    given().when(create({ custom })).thenRejected({ kind: 'customOnlyForCustom' });
    given()
      .when(create({ ...asking, custom: { ...custom, webhookUrl: 'https://example.com/' } }))
      .thenRejected({ kind: 'webhookHostNotAllowed', host: 'example.com' });
    given()
      .when(create({ ...asking, custom: { ...custom, fallback: 'static' } }))
      .thenRejected({ kind: 'staticNeedsHubs' });
    given(created(asking)).when(change(asking)).thenNothing();
    given(created())
      .when(change({ custom: null }))
      .thenNothing();
    given(created(asking))
      .when(change({ policy: null }))
      .thenRejected({ kind: 'customOnlyForCustom' });
    const dropped = { policy: null, custom: null };
    given(created(asking))
      .when(change(dropped))
      .then({ type: 'EnrollmentTermsChanged', v: 1, data: { registrationId: 'Press-01', changed: dropped } });
    given(created(asking))
      .when(change({ custom: { ...custom, webhookUrl: 'https://example.com/' } }))
      .thenRejected({ kind: 'webhookHostNotAllowed', host: 'example.com' });
    // A host that was allowed then isn't asked for again by a change of something else.
    const elsewhere = { ...asking, custom: { ...custom, webhookUrl: 'https://former.example.com/' } };
    given(created(elsewhere))
      .when(change({ singleUse: true }))
      .then({
        type: 'EnrollmentTermsChanged',
        v: 1,
        data: { registrationId: 'Press-01', changed: { singleUse: true } },
      });
  });

  it('changes terms and state in one go', () => {
    given(created())
      .when(change({ deviceId: 'P1' }, false))
      .then(
        { type: 'EnrollmentTermsChanged', v: 1, data: { registrationId: 'Press-01', changed: { deviceId: 'P1' } } },
        { type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'Press-01' } },
      );
  });

  it('keeps the kind of attestation it began with', () => {
    const gateway = { type: 'gateway' as const, sources: ['/gateways/two'] };
    const replaced: EnrollmentEvent = {
      type: 'EnrollmentAttestationReplaced',
      v: 1,
      data: { registrationId: 'Press-01', attestation: gateway },
    };
    const replace = (attestation: EnrollmentData['attestation']) => (it: Parameters<typeof replaceAttestation>[1]) =>
      replaceAttestation({ ...id, attestation }, it, surroundings);
    given(created()).when(replace(gateway)).then(replaced);
    given(created(), replaced).when(replace(gateway)).thenNothing();
    given(created())
      .when(replace({ type: 'gateway', sources: [] }))
      .thenRejected({ kind: 'gatewayNeedsSources' });
    given(created())
      .when(replace({ type: 'tpm', endorsementKey: 'AAAA', storageRootKey: null }))
      .thenRejected({ kind: 'attestationTypeFixed', type: 'gateway' });
    given()
      .when(replace(gateway))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
  });

  it('has slots for certificates only when it goes by them', () => {
    const put = (it: Parameters<typeof replaceCertificate>[1]) =>
      replaceCertificate({ ...id, slot: 'primary', certificate: null }, it, surroundings);
    given(created()).when(put).thenRejected({ kind: 'attestationTypeFixed', type: 'gateway' });
    given()
      .when(put)
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
  });

  it('is disabled, enabled and deleted, each once', () => {
    const disabled: EnrollmentEvent = { type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'Press-01' } };
    const enabled: EnrollmentEvent = { type: 'EnrollmentEnabled', v: 1, data: { registrationId: 'Press-01' } };
    const deleted: EnrollmentEvent = { type: 'EnrollmentDeleted', v: 1, data: { registrationId: 'Press-01' } };
    given(created()).when(change({}, false)).then(disabled);
    given(created(), disabled).when(change({}, false)).thenNothing();
    given(created(), disabled).when(change({}, true)).then(enabled);
    given(created(), disabled, enabled).when(change({}, true)).thenNothing();
    given(created())
      .when((it) => deleteEnrollment(id, it))
      .then(deleted);
    given(created(), deleted)
      .when((it) => deleteEnrollment(id, it))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
    given(created(), deleted)
      .when(change({}, true))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
    given(created(), deleted).when(create()).then(created());
  });
});

describeWithOpenSsl("a device's own certificates", (openssl) => {
  const issued = () => keepCertificate(openssl.leaf('press-01', null).base64)!;
  const [one, two] = [issued(), issued()];
  const attestation = { type: 'x509' as const, primary: one, secondary: null };
  const put =
    (slot: 'primary' | 'secondary', certificate: typeof one | null) => (it: Parameters<typeof replaceCertificate>[1]) =>
      replaceCertificate({ registrationId: 'press-01', slot, certificate }, it, { at: Date.now() + 60_000 });
  const replaced = (primary: typeof one | null, secondary: typeof one | null): EnrollmentEvent => ({
    type: 'EnrollmentAttestationReplaced',
    v: 1,
    data: { registrationId: 'press-01', attestation: { type: 'x509', primary, secondary } },
  });
  const enrolled = created({ registrationId: 'press-01', attestation });

  it('are rolled over one slot at a time: never none, and never the same twice', () => {
    given(enrolled).when(put('secondary', two)).then(replaced(one, two));
    given(enrolled).when(put('primary', one)).thenNothing();
    given(enrolled, replaced(one, two)).when(put('primary', null)).then(replaced(null, two));
    given(enrolled).when(put('primary', null)).thenRejected({ kind: 'certificateMissing' });
    given(enrolled).when(put('secondary', one)).thenRejected({ kind: 'certificateNamedTwice' });
  });

  it('name the device', () => {
    const stranger = keepCertificate(openssl.leaf('press-02', null).base64)!;
    given(enrolled)
      .when(put('secondary', stranger))
      .thenRejected({ kind: 'invalidCertificate', slot: 'secondary', reason: expect.any(String) as unknown as string });
  });
});
