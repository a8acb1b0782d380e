import { enrollmentData, enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Attestation, type KeptCertificate, type SymmetricKeys } from '../../attestation/attestation.js';
import { type Proof } from '../../attestation/verify.js';
import { keepCertificate } from '../../attestation/x509/kept-certificate.js';
import { type CertificateHolder } from '../../certificate/certificate-use.js';
import { type EnrollmentData } from '../../enrollment/enrollment.js';
import { type EnrollmentGroupData } from '../../enrollment-group/enrollment-group.js';
import { type ConfigurationEvent } from '../configuration.js';
import { idScope, trusted } from './world.js';

/**
 * The root `works`, the CA `line` below it, one of that name whom nobody knows, and devices' of them, EC P-256, valid from 2025 for
 * a century. Made once by `openssl ca`, for worlds live in 2026; the keys are gone.
 */
const certificates = JSON.parse(readFileSync(new URL('./certificates.json', import.meta.url), 'utf8')) as Record<
  'works' | 'line' | 'impostor' | 'd6' | 'd6Expired' | 'd6Forged' | 'd8' | 'd8Own',
  string
>;
const { works, line, impostor, d6, d6Expired, d6Forged, d8, d8Own } = certificates;
const allKept = new Map(Object.values(certificates).map((it) => [it, keepCertificate(it) as KeptCertificate]));
const kept = (certificate: string) => allKept.get(certificate) as KeptCertificate;

/** Secrets lie open in these events: their text is the key. */
const keys = (key: string): SymmetricKeys => {
  const sealed = (text: string) => ({ keyId: key, nonce: '', ciphertext: text });
  return { type: 'symmetricKey', primary: sealed(key), secondary: sealed(`${key} too`) };
};
/** Without it nobody can read the keys. */
const dataKey = (keyId: string): ConfigurationEvent => ({
  type: 'DataKeyCreated',
  v: 1,
  data: { keyId, masterKeyId: '', nonce: '', wrapped: '' },
});
const reserved = (certificate: string, holder: CertificateHolder): ConfigurationEvent => ({
  type: 'CertificateReserved',
  v: 1,
  data: { thumbprint: kept(certificate).thumbprint, holder },
});
const released = (certificate: string, holder: CertificateHolder): ConfigurationEvent => ({
  type: 'CertificateReleased',
  v: 1,
  data: { thumbprint: kept(certificate).thumbprint, holder },
});
const own = { type: 'x509', primary: kept(d8Own), secondary: kept(d8) } as const;
const tpm = { type: 'tpm', endorsementKey: 'QUJD', storageRootKey: null } as const;
export const gateway = { type: 'gateway', sources: [trusted] } as const;

const uploaded = (verified: boolean): ConfigurationEvent[] => [
  reserved(works, { type: 'caCertificate', name: 'Works' }),
  { type: 'CaCertificateUploaded', v: 1, data: { name: 'Works', ...kept(works), verified } },
];

type GroupChange = Partial<EnrollmentGroupData>;
const groups = {
  Keys: (change: GroupChange = {}) => [dataKey('g1'), created('Keys', { attestation: keys('g1'), ...change })],
  /** By an intermediate that it brought. */
  Line: (change: GroupChange = {}) => [
    reserved(line, { type: 'enrollmentGroup', name: 'Line' }),
    created('Line', { attestation: { type: 'x509', primary: kept(line), secondary: null }, ...change }),
  ],
  /** By the uploaded root. */
  All: (change: GroupChange = {}) => [
    reserved(works, { type: 'enrollmentGroup', name: 'All' }),
    created('All', {
      attestation: { type: 'caReference', primary: { name: 'Works', ...kept(works) }, secondary: null },
      ...change,
    }),
  ],
};
type GroupName = keyof typeof groups;

function created(name: string, change: GroupChange): ConfigurationEvent {
  return { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData(name, change) };
}

/** With it go its certificates. */
function groupDeleted(name: GroupName): ConfigurationEvent[] {
  const gone: ConfigurationEvent = { type: 'EnrollmentGroupDeleted', v: 1, data: { name } };
  if (name === 'Keys') return [gone];
  return [gone, released(name === 'Line' ? line : works, { type: 'enrollmentGroup', name })];
}

/** What the devices d5 to d8 come in by, in every world: each its own way. */
export const entrances: readonly ConfigurationEvent[] = [
  ...uploaded(true),
  ...groups.Keys(),
  ...groups.Line(),
  ...groups.All(),
  dataKey('k1'),
  { type: 'EnrollmentCreated', v: 2, data: enrollmentData('d7', trusted, { attestation: keys('k1') }) },
  { type: 'EnrollmentCreated', v: 2, data: enrollmentData('d8', trusted, { attestation: own }) },
];

const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
function token(
  registrationId: string,
  key: string | Buffer,
  { scope = idScope, until = 4_000_000_000, name = 'registration' } = {},
): Proof {
  const resource = `${scope}/registrations/${registrationId}`;
  const signature = encodeURIComponent(mac(key, `${resource}\n${until}`).toString('base64'));
  const text = `SharedAccessSignature sr=${resource}&sig=${signature}&skn=${name}&se=${until}`;
  return { type: 'symmetricKey', token: text };
}
const derived = (groupKey: string, registrationId: string) => token(registrationId, mac(groupKey, registrationId));
const chain = (...sent: string[]): Proof => ({ type: 'x509', chain: sent });
const vouched: Proof = { type: 'gateway' };

const honest: Record<string, readonly Proof[]> = {
  d5: [derived('g1', 'd5'), derived('g1 too', 'd5')],
  d6: [chain(d6), chain(d6, line), chain(d6, line, works)],
  d7: [token('d7', 'k1'), token('d7', 'k1 too')],
  d8: [chain(d8Own), chain(d8, line)],
};
export const bringsCertificates = (registrationId: string): boolean =>
  honest[registrationId]?.some(({ type }) => type === 'x509') ?? false;
const rubbish: readonly Proof[] = [
  ...[{ type: 'symmetricKey', token: 'rubbish' } as const, chain(), chain('rubbish'), chain(works)],
  ...[chain(d6Expired, line), chain(d6Forged, line), chain(d6Forged, impostor), chain(d6, line, line, works)],
];
/** Right or wrong as it happens. */
const anyToken = (id: string) =>
  fc.constantFrom(
    ...['k1', 'k2', 'g1', 'g2'].flatMap((key) => [token(id, key), derived(key, id)]),
    ...[token('d1', 'k1'), token(id, 'k1', { scope: 'other' }), token(id, 'k1', { until: 1_700_000_000 })],
    token(id, 'k1', { name: 'owner' }),
  );

/** Mostly what the device is wanted to bring in the beginning. */
export function anyProofOf(registrationId: string): fc.Arbitrary<Proof> {
  const others = fc.constantFrom(vouched, ...Object.values(honest).flat(), ...rubbish);
  return fc.oneof(
    { weight: 18, arbitrary: fc.constantFrom(...(honest[registrationId] ?? [vouched])) },
    { weight: bringsCertificates(registrationId) ? 3 : 1, arbitrary: others },
    { weight: 2, arbitrary: anyToken(registrationId) },
  );
}

/** Times begin with the world, and of its clock each message takes a millisecond. */
const anyValidity = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ notBefore: null, notAfter: null }) },
  { weight: 2, arbitrary: fc.constant({ notBefore: null, notAfter: '2026-01-01T00:00:00.015Z' }) },
  fc.constant({ notBefore: '2026-01-01T00:00:00.030Z', notAfter: null }),
  fc.constant({ notBefore: '2026-02-01T00:00:00.000Z', notAfter: '2026-03-01T00:00:00.000Z' }),
);
/** When and how often a device may come in. */
const anyLimits = fc.record({
  ...{ validity: anyValidity, singleUse: fc.nat(3).map((chance) => chance === 0) },
  enabled: fc.nat(7).map((chance) => chance > 0),
});
/** Where it may go. */
const anyPlace = fc.constantFrom(
  { policy: null, hubs: [] },
  { policy: null, hubs: ['hub-b'] },
  { policy: 'evenlyWeighted' as const, hubs: [] },
  { policy: 'static' as const, hubs: ['hub-c', 'hub-a'] },
);
const anyKey = fc.constantFrom('k1', 'k2');
const anyName = fc.constantFrom<GroupName>('Keys', 'Keys', 'Line', 'Line', 'All');
const anyAttestation: fc.Arbitrary<{ before: ConfigurationEvent[]; attestation: Attestation }> = fc.oneof(
  fc.constantFrom(own, tpm, gateway).map((attestation) => ({ before: [], attestation })),
  fc.tuple(anyKey, fc.nat(4)).map(([key, chance]) => {
    return { before: chance > 0 ? [dataKey(key)] : [], attestation: keys(key) };
  }),
);

/** What an operator does to an enrollment of that device. */
function anyEnrollmentStep(registrationId: string): fc.Arbitrary<ConfigurationEvent[]> {
  const changed = (change: Partial<EnrollmentData>): ConfigurationEvent[] => [
    { type: 'EnrollmentTermsChanged', v: 1, data: { registrationId, changed: change } },
  ];
  return fc.oneof(
    fc.tuple(anyAttestation, anyLimits).map(([{ before, attestation }, limits]): ConfigurationEvent[] => {
      const data = enrollmentData(registrationId, trusted, { attestation, ...limits });
      return [...before, { type: 'EnrollmentCreated', v: 2, data }];
    }),
    anyAttestation.map(({ before, attestation }): ConfigurationEvent[] => [
      ...before,
      { type: 'EnrollmentAttestationReplaced', v: 1, data: { registrationId, attestation } },
    ]),
    anyLimits.map(({ validity, singleUse }) => changed({ validity, singleUse })),
    fc.constantFrom(null, `${registrationId}-b`).map((deviceId) => changed({ deviceId })),
    fc
      .constantFrom('EnrollmentDisabled' as const, 'EnrollmentEnabled' as const, 'EnrollmentDeleted' as const)
      .map((type): ConfigurationEvent[] => [{ type, v: 1, data: { registrationId } }]),
  );
}

const anyGroupStep: fc.Arbitrary<ConfigurationEvent[]> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyName, anyLimits, anyPlace)
      .map(([name, limits, place]) => groups[name]({ ...limits, ...place })),
  },
  anyName.map(groupDeleted),
  fc
    .tuple(anyName, anyLimits)
    .map(([name, { validity, singleUse }]): ConfigurationEvent[] => [
      { type: 'EnrollmentGroupTermsChanged', v: 1, data: { name, changed: { validity, singleUse } } },
    ]),
  fc
    .constantFrom('g1', 'g2')
    .map((key): ConfigurationEvent[] => [
      dataKey(key),
      { type: 'EnrollmentGroupAttestationReplaced', v: 1, data: { name: 'Keys', attestation: keys(key) } },
    ]),
  fc
    .tuple(fc.constantFrom('EnrollmentGroupDisabled' as const, 'EnrollmentGroupEnabled' as const), anyName)
    .map(([type, name]): ConfigurationEvent[] => [{ type, v: 1, data: { name } }]),
);
const anyCaStep: fc.Arbitrary<ConfigurationEvent[]> = fc.oneof(
  fc.boolean().map(uploaded),
  fc.constant<ConfigurationEvent[]>([{ type: 'CaCertificateVerified', v: 1, data: { name: 'Works', by: 'operator' } }]),
  fc.constant<ConfigurationEvent[]>([
    { type: 'CaCertificateDeleted', v: 1, data: { name: 'Works' } },
    released(works, { type: 'caCertificate', name: 'Works' }),
  ]),
);

/** What happens to the ways by which that device comes in; events that belong together. */
export const anyEntranceStep = (registrationId: string): fc.Arbitrary<ConfigurationEvent[]> =>
  fc.oneof(
    { weight: 3, arbitrary: anyEnrollmentStep(registrationId) },
    { weight: 2, arbitrary: anyGroupStep },
    { weight: 1, arbitrary: anyCaStep },
  );
