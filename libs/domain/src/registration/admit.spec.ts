import { describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentData, enrollmentGroupData, type IssuedCertificate } from '@berth/testing';
import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { type GroupAttestation } from '../attestation/attestation.js';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import { type CertificateHolder } from '../certificate/certificate-use.js';
import { type EnrollmentData } from '../enrollment/enrollment.js';
import { type EnrollmentGroupData } from '../enrollment-group/enrollment-group.js';
import { type SealedSecret } from '../secret/sealed-secret.js';
import { admit as admitKeyed, type AdmitContext, type Applicant, type Remembered } from './admit.js';
import { type ConfigurationEvent, emptyConfiguration, evolveConfiguration } from './configuration.js';
import { trusted } from './under-test/world.js';

const idScope = '0ne00ABCDEF';
const at = Date.now() + 60_000;

/** Secrets lie open in these events: their text is the key. */
const sealed = (key: string): SealedSecret => ({ keyId: key, nonce: '', ciphertext: key });
const dataKey = (keyId: string): ConfigurationEvent => ({
  type: 'DataKeyCreated',
  v: 1,
  data: { keyId, masterKeyId: '', nonce: '', wrapped: '' },
});
const keys = (primary: string, secondary = `${primary}2`): GroupAttestation & EnrollmentData['attestation'] => ({
  type: 'symmetricKey',
  primary: sealed(primary),
  secondary: sealed(secondary),
});
const enrollment = (registrationId: string, change: Partial<EnrollmentData> = {}): ConfigurationEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: enrollmentData(registrationId, trusted, change),
});
const group = (name: string, change: Partial<EnrollmentGroupData>): ConfigurationEvent => ({
  type: 'EnrollmentGroupCreated',
  v: 1,
  data: enrollmentGroupData(name, change),
});
const disabled = (name: string): ConfigurationEvent => ({ type: 'EnrollmentGroupDisabled', v: 1, data: { name } });
const deleted = (name: string): ConfigurationEvent => ({ type: 'EnrollmentGroupDeleted', v: 1, data: { name } });

const admit = (claim: Applicant, remembered: Remembered | null, context: AdmitContext) =>
  admitKeyed(claim, claim.registrationId.toLowerCase(), remembered, context);
const place = { position: '1', at: 0 };

function configured(...events: ConfigurationEvent[]) {
  const configuration = emptyConfiguration(({ ciphertext }) => Buffer.from(ciphertext));
  for (const event of events) {
    if ('attestation' in event.data && event.data.attestation.type === 'symmetricKey') {
      const { primary, secondary } = event.data.attestation;
      for (const { keyId } of [primary, secondary]) evolveConfiguration(configuration, dataKey(keyId), place);
    }
    evolveConfiguration(configuration, event, place);
  }
  return { configuration, idScope, at };
}

const macOf = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
function token(registrationId: string, key: string | Buffer): string {
  const resource = `${idScope}/registrations/${registrationId}`;
  const signature = encodeURIComponent(macOf(key, `${resource}\n4000000000`).toString('base64'));
  return `SharedAccessSignature sr=${resource}&sig=${signature}&skn=registration&se=4000000000`;
}
const byToken = (registrationId: string, key: string | Buffer, requestId = 'r') => ({
  ...{ registrationId, requestId, source: '/gateways/one' },
  attestation: { type: 'symmetricKey' as const, token: token(registrationId, key) },
});
const derivedKey = (groupKey: string, registrationId: string) => macOf(groupKey, registrationId);
const byDerivedKey = (registrationId: string, groupKey: string, requestId?: string) =>
  byToken(registrationId, derivedKey(groupKey, registrationId), requestId);

describe('a device of a group with symmetric keys', () => {
  const context = configured(
    group('Hall-2', { attestation: keys('key of hall 2'), hubs: ['hub-a'] }),
    group('Line-7', { attestation: keys('key of line 7') }),
  );

  it('derives its key from either key of the group, and comes in under its own id', () => {
    for (const key of ['key of line 7', 'key of line 72']) {
      expect(admit(byDerivedKey('Press-01', key), null, context)).toMatchObject({
        ...{ enrollment: null, enrollmentGroup: 'Line-7', terms: expect.anything() },
        deviceId: 'Press-01',
      });
    }
  });

  it('matches the vector of the device protocol', () => {
    const groupKey = Buffer.from('edge-dps-test-vector-group-key--'.repeat(2)).toString();
    const vector =
      'SharedAccessSignature sr=0ne00ABCDEF/registrations/line7-sensor-0042&sig=8Xg86Sr4z1uVuYdIoIW%2FW%2FAD%2FpTI%2BnZzsszl8DaAq%2Fo%3D&skn=registration&se=2000000000';
    const known = configured(group('vectors', { attestation: keys(groupKey, 'another') }));
    const claim = (registrationId: string) => ({
      ...{ registrationId, requestId: 'r', source: '/' },
      attestation: { type: 'symmetricKey' as const, token: vector },
    });
    expect(admit(claim('line7-sensor-0042'), null, known)).toMatchObject({
      ...{ enrollmentGroup: 'vectors', terms: expect.anything() },
    });
    // The key was derived from the form in lower case, and the MAC covers the token's own text.
    expect(admit(claim('LINE7-SENSOR-0042'), null, known)).toMatchObject({
      ...{ enrollmentGroup: 'vectors', terms: expect.anything() },
    });
    expect(admit(claim('line7-sensor-0043'), null, known)).toMatchObject({ reason: /another resource/ });
  });

  it('is not let in by the key of the group itself', () => {
    expect(admit(byToken('press-01', 'key of line 7'), null, context)).toMatchObject({
      status: 'failed',
      authenticated: false,
      errorCode: 404201,
      reason: "there is no enrollment for registration id 'press-01', and no group's key signed its token",
    });
  });

  it.each([
    ["another device's key", byToken('press-01', derivedKey('key of line 7', 'press-02'))],
    ["a stranger's key", byDerivedKey('press-01', 'key of nobody')],
  ])('is not let in by %s', (_what, claim) => {
    expect(admit(claim, null, context)).toMatchObject({ authenticated: false, errorCode: 404201 });
  });

  it('is not let in by a token for another device or past its time, whoever signed it', () => {
    const claim = { ...byDerivedKey('press-01', 'key of line 7'), registrationId: 'press-02' };
    expect(admit(claim, null, context)).toMatchObject({ authenticated: false, errorCode: 401002 });
    const late = { ...context, at: 4_000_000_301_000 };
    expect(admit(byDerivedKey('press-01', 'key of line 7'), null, late)).toMatchObject({ errorCode: 401002 });
  });

  it('finds the group it came through before first, else the first one by name', () => {
    const twins = configured(
      group('b', { attestation: keys('same key') }),
      group('A', { attestation: keys('same key') }),
    );
    const came = (enrollmentGroup: string): Remembered => ({ enrollmentGroup, request: null });
    const claim = byDerivedKey('press-01', 'same key');
    expect(admit(claim, null, twins)).toMatchObject({ ...{ enrollmentGroup: 'A', terms: expect.anything() } });
    expect(admit(claim, came('B'), twins)).toMatchObject({ ...{ enrollmentGroup: 'b', terms: expect.anything() } });
    expect(admit(claim, came('gone'), twins)).toMatchObject({ ...{ enrollmentGroup: 'A', terms: expect.anything() } });
  });

  it('is not let in by the group it came through before, if that goes by certificates now', () => {
    const { certificate, thumbprint } = { certificate: 'AAAA', thumbprint: 'aa' };
    const pair = { type: 'x509' as const, primary: { certificate, thumbprint }, secondary: null };
    const moved = configured(group('was-here', { attestation: pair }), group('here', { attestation: keys('key') }));
    const remembered = { enrollmentGroup: 'was-here', request: null };
    expect(admit(byDerivedKey('press-01', 'key'), remembered, moved)).toMatchObject({ enrollmentGroup: 'here' });
    expect(admit(byDerivedKey('press-01', 'other'), remembered, moved)).toMatchObject({ errorCode: 404201 });
  });

  it('comes in by the key that can be opened, when the other one is lost', () => {
    const { configuration } = configured();
    evolveConfiguration(configuration, dataKey('there'), place);
    const attestation = { type: 'symmetricKey' as const, primary: sealed('lost'), secondary: sealed('there') };
    evolveConfiguration(configuration, group('Line-7', { attestation }), place);
    const lossy = { configuration, idScope, at };
    expect(admit(byDerivedKey('press-01', 'there'), null, lossy)).toMatchObject({ enrollmentGroup: 'Line-7' });
    expect(admit(byDerivedKey('press-01', 'lost'), null, lossy)).toMatchObject({ errorCode: 404201 });
  });

  it('is not known by the word of a gateway, nor by any token where no group has keys', () => {
    const unknown = {
      enrollment: null,
      enrollmentGroup: null,
      status: 'failed',
      authenticated: false,
      errorCode: 404201,
    };
    const reason = "there is no enrollment for registration id 'press-01'";
    const vouched = { ...byToken('press-01', 'k'), attestation: { type: 'gateway' as const } };
    expect(admit(vouched, null, context)).toEqual({ ...unknown, reason });
    const rubbish = { ...vouched, attestation: { type: 'symmetricKey' as const, token: 'rubbish' } };
    const pair = { type: 'x509' as const, primary: { certificate: 'AAAA', thumbprint: 'aa' }, secondary: null };
    for (const keyless of [configured(), configured(group('Line-7', { attestation: pair }))]) {
      expect(admit(rubbish, null, keyless)).toEqual({ ...unknown, reason });
    }
    expect(admit(rubbish, null, context)).toMatchObject({ errorCode: 401002 });
  });

  it('is refused by a disabled group, and by one that is gone not known at all', () => {
    const claim = byDerivedKey('press-01', 'key of line 7');
    const off = configured(group('Line-7', { attestation: keys('key of line 7') }), disabled('line-7'));
    expect(admit(claim, null, off)).toEqual({
      ...{ enrollment: null, enrollmentGroup: 'Line-7', status: 'disabled', authenticated: true, errorCode: 401002 },
      reason: "the enrollment group 'Line-7' is disabled",
    });
    const gone = configured(group('Line-7', { attestation: keys('key of line 7') }), deleted('line-7'));
    expect(admit(claim, null, gone)).toMatchObject({ errorCode: 404201 });
  });

  it('goes by the keys that replaced others', () => {
    const replaced = configured(group('Line-7', { attestation: keys('old') }), {
      type: 'EnrollmentGroupAttestationReplaced',
      v: 1,
      data: { name: 'line-7', attestation: keys('new') },
    });
    expect(admit(byDerivedKey('press-01', 'new'), null, replaced)).toMatchObject({ deviceId: 'press-01' });
    expect(admit(byDerivedKey('press-01', 'old'), null, replaced)).toMatchObject({ errorCode: 404201 });
  });
});

describe('an individual enrollment', () => {
  it('comes before any group, also disabled, with a wrong key, or of another kind', () => {
    const inGroup = byDerivedKey('press-01', 'group key');
    const groups = group('g', { attestation: keys('group key') });
    const own = configured(groups, enrollment('Press-01', { attestation: keys('own key') }));
    expect(admit(byToken('press-01', 'own key'), null, own)).toMatchObject({
      ...{ enrollment: 'Press-01', terms: expect.anything() },
    });
    expect(admit(inGroup, null, own)).toMatchObject({ enrollment: 'Press-01', authenticated: false });
    const off = configured(groups, enrollment('press-01', { attestation: keys('own key'), enabled: false }));
    expect(admit(byToken('press-01', 'own key'), null, off)).toEqual({
      ...{ enrollment: 'press-01', enrollmentGroup: null, status: 'disabled', authenticated: true, errorCode: null },
      reason: "the enrollment 'press-01' is disabled",
    });
    expect(admit(inGroup, null, off)).toMatchObject({ status: 'failed', enrollment: 'press-01' });
    const other = configured(groups, enrollment('press-01'));
    expect(admit(inGroup, null, other)).toMatchObject({ reason: /wants gateway/ });
  });

  it('admits within its time only, as the time of the registration has it', () => {
    const [notBefore, notAfter] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
    const claim = { ...byToken('press-01', 'k'), attestation: { type: 'gateway' as const } };
    const through = (validity: EnrollmentData['validity'], when: string) =>
      admit(claim, null, { ...configured(enrollment('press-01', { validity })), at: Date.parse(when) });
    const window = { notBefore, notAfter };
    expect(through(window, notBefore)).toMatchObject({ deviceId: 'press-01' });
    expect(through(window, notAfter)).toMatchObject({ deviceId: 'press-01' });
    expect(through(window, '2025-12-31T23:59:59.999Z')).toMatchObject({
      ...{ enrollment: 'press-01', enrollmentGroup: null, status: 'failed', authenticated: true, errorCode: 401002 },
      reason: `the enrollment 'press-01' is not valid before ${notBefore}`,
    });
    expect(through(window, '2026-01-02T00:00:00.001Z')).toMatchObject({ reason: /was valid until/ });
    expect(through({ notBefore: null, notAfter: null }, '1999-01-01T00:00:00Z')).toMatchObject({
      deviceId: 'press-01',
    });
  });
});

describeWithOpenSsl('a device of a group with certificates', (openssl) => {
  const root = openssl.root('Root');
  const factory = openssl.ca('Factory', root);
  const line = openssl.ca('Line 7', factory);
  const device = openssl.leaf('Press-01', line);
  const kept = ({ base64 }: IssuedCertificate) => keepCertificate(base64)!;
  const thumbprintOf = (certificate: IssuedCertificate) => kept(certificate).thumbprint;

  const reserved = (certificate: IssuedCertificate, holder: CertificateHolder): ConfigurationEvent => ({
    type: 'CertificateReserved',
    v: 1,
    data: { thumbprint: thumbprintOf(certificate), holder },
  });
  const ca = (name: string, certificate: IssuedCertificate, verified = true): ConfigurationEvent[] => [
    reserved(certificate, { type: 'caCertificate', name }),
    { type: 'CaCertificateUploaded', v: 1, data: { name, ...kept(certificate), verified } },
  ];
  const byCertificate = (name: string, certificate: IssuedCertificate, change: Partial<EnrollmentGroupData> = {}) => [
    reserved(certificate, { type: 'enrollmentGroup', name }),
    group(name, { attestation: { type: 'x509', primary: kept(certificate), secondary: null }, ...change }),
  ];
  const byName = (name: string, caName: string, certificate: IssuedCertificate) => [
    reserved(certificate, { type: 'enrollmentGroup', name }),
    group(name, {
      attestation: {
        type: 'caReference',
        primary: null,
        secondary: { name: caName, thumbprint: thumbprintOf(certificate) },
      },
    }),
  ];
  const claim = (...chain: IssuedCertificate[]) => ({
    ...{ registrationId: 'press-01', requestId: 'r', source: '/' },
    attestation: { type: 'x509' as const, chain: chain.map(({ base64 }) => base64) },
  });
  const whole = claim(device, line, factory, root);
  const throughGroup = (enrollmentGroup: string) => ({ enrollment: null, enrollmentGroup, terms: expect.anything() });

  it('comes in by an intermediate in the group whose chain reaches a verified CA certificate', () => {
    const context = configured(...ca('Works', root), ...byCertificate('Line', line));
    expect(admit(whole, null, context)).toMatchObject({ ...throughGroup('Line'), deviceId: 'press-01' });
    const unverified = configured(...ca('Works', root, false), ...byCertificate('Line', line));
    expect(admit(whole, null, unverified)).toMatchObject({
      ...{ enrollmentGroup: 'Line', authenticated: false, errorCode: 401002 },
      reason: 'the chain does not reach a verified CA certificate',
    });
    const unknown = configured(...byCertificate('Line', line));
    expect(admit(whole, null, unknown)).toMatchObject({ reason: /does not reach/ });
  });

  it('comes in by a CA certificate that the group names, once it is verified', () => {
    const verifiedLater: ConfigurationEvent = {
      type: 'CaCertificateVerified',
      v: 1,
      data: { name: 'WORKS', by: 'operator' },
    };
    const events = [...ca('Works', root, false), ...byName('All', 'Works', root)];
    expect(admit(whole, null, configured(...events))).toMatchObject({ reason: /does not reach/ });
    expect(admit(whole, null, configured(...events, verifiedLater))).toMatchObject(throughGroup('All'));
  });

  it('need not send what is kept here anyway', () => {
    const context = configured(...ca('Works', root), ...ca('Factory', factory, false), ...byCertificate('Line', line));
    expect(admit(claim(device, line, factory), null, context)).toMatchObject(throughGroup('Line'));
    expect(admit(claim(device, line), null, context)).toMatchObject(throughGroup('Line'));
    expect(admit(claim(device), null, context)).toMatchObject(throughGroup('Line'));
    // Without the factory's certificate there is a gap that nobody fills.
    const gap = configured(...ca('Works', root), ...byCertificate('Line', line));
    expect(admit(claim(device, line), null, gap)).toMatchObject({ reason: /does not reach/ });
  });

  it('belongs to the first group from the leaf upwards, whatever its state', () => {
    const all = [...ca('Works', root), ...byName('All', 'Works', root), ...byCertificate('Line', line)];
    expect(admit(whole, null, configured(...all))).toMatchObject(throughGroup('Line'));
    expect(admit(whole, null, configured(...all, disabled('line')))).toMatchObject({
      ...{ enrollmentGroup: 'Line', status: 'disabled', errorCode: 401002 },
    });
    expect(admit(whole, null, configured(...all, deleted('line')))).toMatchObject(throughGroup('All'));
  });

  it('is not let in by a verified CA below the group, for trust comes from above', () => {
    const context = configured(...ca('Line', line), ...byCertificate('Factory', factory));
    expect(admit(whole, null, context)).toMatchObject({ enrollmentGroup: 'Factory', reason: /does not reach/ });
  });

  it('is refused when the chain does not hold, and told at which group', () => {
    const context = configured(...ca('Works', root), ...byCertificate('Line', line));
    const forged = openssl.leaf('Press-01', openssl.ca('Line 7', factory));
    expect(admit(claim(forged, line, factory, root), null, context)).toMatchObject({
      ...{ enrollmentGroup: 'Line', authenticated: false, errorCode: 401002 },
      reason: 'certificate 1 (Press-01) was not issued by certificate 2 (Line 7)',
    });
    const later = { ...context, at: at + 31 * 24 * 3600 * 1000 };
    expect(admit(whole, null, later)).toMatchObject({ errorCode: 401002, reason: /expired/ });
    const other = { ...whole, registrationId: 'press-02' };
    expect(admit(other, null, context)).toMatchObject({ errorCode: 401002, reason: /common name/ });
  });

  it('is unknown when no group goes by its issuers', () => {
    expect(admit(whole, null, configured(...ca('Works', root)))).toMatchObject({
      ...{ authenticated: false, errorCode: 404201 },
      reason:
        "no enrollment group goes by an issuer of the device's certificate (certificate 1 (Press-01), certificate 2 (Line 7), certificate 3 (Factory), certificate 4 (Root))",
    });
    expect(admit(claim(), null, configured())).toEqual({
      ...{ enrollment: null, enrollmentGroup: null, status: 'failed', authenticated: false, errorCode: 401002 },
      reason: 'the chain is empty',
    });
  });

  it('is not let in by the certificate of the group itself, though that may sign like a device', () => {
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,digitalSignature'];
    const busy = openssl.issue('press-01', { issuer: root, extensions });
    const context = configured(...ca('Works', root), ...byCertificate('Busy', busy));
    expect(admit(claim(busy, root), null, context)).toMatchObject({ authenticated: false, errorCode: 404201 });
    const below = openssl.leaf('press-01', busy);
    expect(admit(claim(below, busy, root), null, context)).toMatchObject(throughGroup('Busy'));
  });

  it('goes by the group that has the certificate, not by one that only says so', () => {
    const mine = byCertificate('Mine', line);
    const context = configured(...ca('Works', root), ...mine, group('Also', { attestation: attestationOf(line) }));
    expect(admit(whole, null, context)).toMatchObject(throughGroup('Mine'));
    const released: ConfigurationEvent = {
      type: 'CertificateReleased',
      v: 1,
      data: { thumbprint: thumbprintOf(line), holder: { type: 'enrollmentGroup', name: 'mine' } },
    };
    expect(admit(whole, null, configured(...ca('Works', root), ...mine, released))).toMatchObject({
      errorCode: 404201,
    });
  });

  function attestationOf(certificate: IssuedCertificate): GroupAttestation {
    return { type: 'x509', primary: kept(certificate), secondary: null };
  }

  it('with an enrollment of its own goes by its certificate alone, also self-signed', () => {
    const selfSigned = openssl.issue('Press-01', { issuer: null });
    const renewed = openssl.issue('Press-01', { issuer: null });
    const own = enrollment('Press-01', {
      attestation: { type: 'x509', primary: kept(selfSigned), secondary: kept(renewed) },
    });
    const context = configured(own, ...ca('Works', root), ...byCertificate('Line', line));
    for (const leaf of [selfSigned, renewed]) {
      expect(admit(claim(leaf), null, context)).toMatchObject({
        ...{ enrollment: 'Press-01', terms: expect.anything() },
      });
      expect(admit(claim(leaf, root), null, context)).toMatchObject({
        ...{ enrollment: 'Press-01', terms: expect.anything() },
      });
    }
    // The group of its issuer does not help a device that has an enrollment of its own.
    expect(admit(whole, null, context)).toMatchObject({
      ...{ enrollment: 'Press-01', authenticated: false },
      reason: "the device's certificate is neither of the enrollment's",
    });
    const later = { ...context, at: at + 31 * 24 * 3600 * 1000 };
    expect(admit(claim(selfSigned), null, later)).toMatchObject({ reason: /expired/ });
    expect(admit(claim(), null, context)).toMatchObject({ reason: 'the chain is empty' });
  });
});

describe('whoever asks for whatever', () => {
  it('gets an admission or a reason, and never through a group that is not there', () => {
    const names = ['a', 'b', 'c'] as const;
    const anyName = fc.constantFrom(...names);
    const anyKey = fc.constantFrom('k1', 'k2', 'k3');
    const anyEvent = fc.oneof(
      fc.tuple(anyName, anyKey).map(([name, key]) => group(name, { attestation: keys(key) })),
      anyName.map(disabled),
      anyName.map(deleted),
      fc.tuple(anyName, anyKey).map(([name, key]) => enrollment(name, { attestation: keys(key) })),
      anyName.map((registrationId): ConfigurationEvent => ({
        type: 'EnrollmentDeleted',
        v: 1,
        data: { registrationId },
      })),
    );
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 12 }),
        anyName,
        anyKey,
        fc.option(anyName),
        (events, id, key, last) => {
          const context = configured(...events);
          const remembered = last === null ? null : { enrollmentGroup: last, request: null };
          const outcome = admit(byDerivedKey(id, key), remembered, context);
          const { enrollmentGroup } = outcome;
          if (context.configuration.enrollments.get(id)) expect(enrollmentGroup).toBeNull();
          if (enrollmentGroup !== null) {
            const { attestation, terms } = context.configuration.groups.get(enrollmentGroup)!;
            expect(attestation.type).toBe('symmetricKey');
            expect(terms.enabled).toBe('terms' in outcome);
          }
        },
      ),
    );
  });
});
