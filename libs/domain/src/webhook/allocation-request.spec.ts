import { describe, expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentData, enrollmentGroupData } from '@berth/testing';
import { type KeptCertificate } from '../attestation/attestation.js';
import { type Proof } from '../attestation/verify.js';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import { type EnrollmentData } from '../enrollment/enrollment.js';
import { type EnrollmentGroupData } from '../enrollment-group/enrollment-group.js';
import { type Ask } from '../registration/asks.js';
import { allocationRequest } from './allocation-request.js';

const custom = {
  webhookUrl: 'https://hooks.example.com/allocate?code=hush',
  apiVersion: '2021-10-01',
  fallback: null,
  deadlineMs: 5000,
};
const kept = { version: 3, createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-02-01T00:00:00.000Z' };
const secret = { keyId: 'k1', nonce: 'bm9uY2U=', ciphertext: 'c2VhbGVk' };
const keys = { type: 'symmetricKey', primary: secret, secondary: secret } as const;

function ask(attestation: Proof = { type: 'gateway' }, present: Ask['present'] = null): Ask {
  const wish = { offset: 7, registrationId: 'Press-1', requestId: 'wish', source: '/gateways/one', attestation };
  return { wish, custom, entrance: { enrollment: 'Press-1' }, choices: ['hub-a', 'Hub-B'], present };
}

/** As it goes over the wire: what is undefined isn't there. */
function asked(ask: Ask, entrance: Parameters<typeof allocationRequest>[1], payload?: unknown): unknown {
  return JSON.parse(JSON.stringify(allocationRequest(ask, entrance, payload)));
}
const enrollment = (change: Partial<EnrollmentData> = {}) => ({
  enrollment: { data: enrollmentData('Press-1', '/gateways/one', { policy: 'custom', custom, ...change }), ...kept },
});
const group = (change: Partial<EnrollmentGroupData> = {}) => ({
  enrollmentGroup: { data: enrollmentGroupData('Line-7', { policy: 'custom', custom, ...change }), ...kept },
});

const plain = {
  capabilities: { iotEdge: false },
  allocationPolicy: 'custom',
  customAllocationDefinition: { webhookUrl: 'https://hooks.example.com/allocate?***', apiVersion: '2021-10-01' },
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  provisioningStatus: 'enabled',
  etag: '"3"',
  createdDateTimeUtc: kept.createdAt,
  lastUpdatedDateTimeUtc: kept.updatedAt,
};

describe('what a webhook is asked', () => {
  it('names an enrollment by the fields of the reference service, the device and the hubs, and nothing that is not there', () => {
    expect(asked(ask(), enrollment())).toEqual({
      individualEnrollment: { registrationId: 'Press-1', attestation: { type: 'none' }, ...plain },
      deviceRuntimeContext: { registrationId: 'Press-1' },
      linkedHubs: ['hub-a', 'Hub-B'],
    });
  });

  it('tells all that an enrollment may have', () => {
    const change = {
      deviceId: 'press of its own',
      optionalDeviceInformation: { hall: 2 },
      hubs: ['hub-b', 'hub-a'],
      initialTwin: { tags: { hall: 2 } },
      capabilities: { iotEdge: true },
      enabled: false,
    };
    expect(asked(ask(), enrollment(change))).toMatchObject({
      individualEnrollment: {
        deviceId: 'press of its own',
        optionalDeviceInformation: { hall: 2 },
        iotHubs: ['hub-b', 'hub-a'],
        initialTwin: { tags: { hall: 2 } },
        capabilities: { iotEdge: true },
        provisioningStatus: 'disabled',
      },
    });
  });

  it('names a group, of whose devices it is one', () => {
    expect(asked(ask(), group())).toEqual({
      enrollmentGroup: {
        enrollmentGroupId: 'Line-7',
        attestation: { type: 'symmetricKey', symmetricKey: {} },
        ...plain,
      },
      deviceRuntimeContext: { registrationId: 'Press-1' },
      linkedHubs: ['hub-a', 'Hub-B'],
    });
  });

  it.each([
    [null, undefined],
    ['evenlyWeighted', 'hashed'],
    ['lowestLatency', 'geoLatency'],
    ['static', 'static'],
  ] as const)('calls the policy %s by the name it has there: %s', (policy, allocationPolicy) => {
    const { individualEnrollment } = allocationRequest(ask(), enrollment({ policy, custom: null }), undefined);
    expect(individualEnrollment).toMatchObject({ allocationPolicy, customAllocationDefinition: undefined });
  });

  it('says where the device is, by the id it has there unless that has changed, and what it sent along', () => {
    const contextOf = (present: Ask['present'], payload?: unknown) =>
      allocationRequest(ask({ type: 'gateway' }, present), enrollment(), payload).deviceRuntimeContext;
    expect(contextOf({ hub: 'hub-a', deviceId: 'press' }, { model: 'm1' })).toEqual({
      registrationId: 'Press-1',
      currentIotHubHostName: 'hub-a',
      currentDeviceId: 'press',
      payload: { model: 'm1' },
    });
    expect(contextOf({ hub: 'hub-a', deviceId: null })).toMatchObject({
      currentIotHubHostName: 'hub-a',
      currentDeviceId: undefined,
    });
  });

  it('says of a key that there is one, and no more: not of the device, nor of the enrollment', () => {
    const request = asked(ask({ type: 'symmetricKey', token: 'hush' }), enrollment({ attestation: keys }));
    expect(request).toMatchObject({
      individualEnrollment: { attestation: { type: 'symmetricKey', symmetricKey: {} } },
      deviceRuntimeContext: { symmetricKey: {} },
    });
    expect(JSON.stringify(request)).not.toMatch(/hush|sealed|c2VhbGVk|k1/);
  });

  it('says of a TPM its endorsement key alone', () => {
    const attestation = { type: 'tpm', endorsementKey: 'QUJD', storageRootKey: 'REVG' } as const;
    expect(asked(ask(), enrollment({ attestation }))).toMatchObject({
      individualEnrollment: { attestation: { type: 'tpm', tpm: { endorsementKey: 'QUJD' } } },
    });
  });

  it('says which CA certificates a group goes by', () => {
    const reference = { name: 'Works', thumbprint: 'aa' };
    const attestation = { type: 'caReference', primary: null, secondary: reference } as const;
    expect(asked(ask(), group({ attestation }))).toMatchObject({
      enrollmentGroup: { attestation: { type: 'x509', x509: { caReferences: { secondary: 'Works' } } } },
    });
    const other = { ...attestation, primary: reference, secondary: null };
    expect(asked(ask(), group({ attestation: other }))).toMatchObject({
      enrollmentGroup: { attestation: { type: 'x509', x509: { caReferences: { primary: 'Works' } } } },
    });
  });
});

describeWithOpenSsl('of certificates a webhook is told', (openssl) => {
  const ca = openssl.root('Line 7');
  const leaf = openssl.leaf('Press-1', ca);
  const keptOf = (base64: string) => keepCertificate(base64) as KeptCertificate;
  const info = (base64: string, subject: string) => ({
    info: expect.objectContaining({
      subjectName: expect.stringContaining(subject),
      sha256Thumbprint: expect.stringMatching(new RegExp(openssl.thumbprint(base64), 'i')),
    }),
  });

  it('what the reference service shows of them: those of the device, the enrollment and the group', () => {
    const proof = { type: 'x509', chain: [leaf.base64, ca.base64] } as const;
    const own = { type: 'x509', primary: null, secondary: keptOf(leaf.base64) } as const;
    expect(asked(ask(proof), enrollment({ attestation: own }))).toMatchObject({
      individualEnrollment: {
        attestation: { type: 'x509', x509: { clientCertificates: { secondary: info(leaf.base64, 'Press-1') } } },
      },
      deviceRuntimeContext: { x509: { clientCertificates: { primary: info(leaf.base64, 'Press-1') } } },
    });
    const signing = { type: 'x509', primary: keptOf(ca.base64), secondary: null } as const;
    expect(asked(ask(proof), group({ attestation: signing }))).toMatchObject({
      enrollmentGroup: {
        attestation: { type: 'x509', x509: { signingCertificates: { primary: info(ca.base64, 'Line 7') } } },
      },
    });
  });
});
