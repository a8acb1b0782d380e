import { expect, it } from '@jest/globals';
import { describeWithOpenSsl, enrollmentData, enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { readCertificate } from '../attestation/x509/certificate.js';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import {
  type Configuration,
  type ConfigurationEvent,
  emptyConfiguration,
  factsOf,
  restoreFacts,
} from './configuration.js';
import { evolveConfiguration, type ConfigurationFacts } from './configuration.js';
import { linked, policy } from './under-test/any-history.js';
import { trusted } from './under-test/world.js';

const opening = () => emptyConfiguration(({ ciphertext }) => Buffer.from(ciphertext));
const sealedAs = (keyId: string, ciphertext: string) => ({ keyId, nonce: '', ciphertext });
const keysUnder = (keyId: string) =>
  ({
    type: 'symmetricKey',
    primary: sealedAs(keyId, `one under ${keyId}`),
    secondary: sealedAs(keyId, `two under ${keyId}`),
  }) as const;
const hub = (type: 'HubUnlinked' | 'HubCordoned' | 'HubUncordoned', name: string): ConfigurationEvent => ({
  type,
  v: 1,
  data: { name },
});

describeWithOpenSsl('a configuration', (openssl) => {
  const root = openssl.root('Works Root');
  const line = openssl.ca('Line CA', root);
  const [works, lineCa] = [keepCertificate(root.base64)!, keepCertificate(line.base64)!];
  const leaf = readCertificate(openssl.leaf('press-01', line).base64)!;
  const { thumbprint } = works;
  const anyName = fc.constantFrom('A', 'b');
  const anyHolder = fc.constantFrom(
    { type: 'enrollmentGroup' as const, name: 'A' },
    { type: 'caCertificate' as const, name: 'Works' },
  );
  const group = (name: string) => ({ name: `Group-${name}` });

  const anyEvent: fc.Arbitrary<ConfigurationEvent> = fc.oneof(
    fc.tuple(anyName, fc.integer({ min: 1, max: 9 })).map(([name, weight]) => linked(name, { weight })),
    fc
      .tuple(fc.constantFrom('HubUnlinked' as const, 'HubCordoned' as const, 'HubUncordoned' as const), anyName)
      .map(([type, name]) => hub(type, name)),
    anyName.map((name) => policy({ kind: 'static', hubs: [name] })),
    fc.constantFrom('k1', 'k2').map((keyId): ConfigurationEvent => {
      return { type: 'DataKeyCreated', v: 1, data: { keyId, masterKeyId: 'm', nonce: '', wrapped: '' } };
    }),
    fc.tuple(anyName, fc.constantFrom('k1', 'k2', null)).map(([name, keyId]): ConfigurationEvent => {
      const attestation = keyId ? keysUnder(keyId) : ({ type: 'x509', primary: lineCa, secondary: null } as const);
      const data = enrollmentGroupData(group(name).name, { attestation });
      return { type: 'EnrollmentGroupCreated', v: 1, data };
    }),
    anyName.map((name): ConfigurationEvent => {
      const attestation = { type: 'caReference', primary: { name: 'Works', thumbprint }, secondary: null } as const;
      return { type: 'EnrollmentGroupAttestationReplaced', v: 1, data: { ...group(name), attestation } };
    }),
    anyName.map((name): ConfigurationEvent => {
      return { type: 'EnrollmentGroupTermsChanged', v: 1, data: { ...group(name), changed: { singleUse: true } } };
    }),
    fc
      .tuple(fc.constantFrom('Enabled' as const, 'Disabled' as const, 'Deleted' as const), anyName)
      .map(([what, name]): ConfigurationEvent => ({ type: `EnrollmentGroup${what}`, v: 1, data: group(name) })),
    fc.boolean().map((verified): ConfigurationEvent => {
      return { type: 'CaCertificateUploaded', v: 1, data: { name: 'Works', ...works, verified } };
    }),
    fc.constant<ConfigurationEvent>({ type: 'CaCertificateVerified', v: 1, data: { name: 'Works', by: 'operator' } }),
    fc.constant<ConfigurationEvent>({ type: 'CaCertificateDeleted', v: 1, data: { name: 'Works' } }),
    fc
      .tuple(fc.constantFrom('CertificateReserved' as const, 'CertificateReleased' as const), anyHolder)
      .map(([type, holder]): ConfigurationEvent => ({ type, v: 1, data: { thumbprint, holder } })),
  );
  const place = { position: '64', at: 1000 };

  /** What decisions go by, apart from the enrollments, which have a spec of their own. */
  const seen = (configuration: Configuration) => ({
    facts: factsOf(configuration),
    withKeys: configuration.groups.withKeys.map(({ name }) => name),
    keys: configuration.groups.withKeys.map(({ attestation }) =>
      attestation.type === 'symmetricKey'
        ? [attestation.primary, attestation.secondary].map((it) => it && Buffer.from(it).toString())
        : null,
    ),
    verified: configuration.certificates.isVerifiedCa(thumbprint),
    groupOf: configuration.certificates.groupOf(thumbprint),
    path: configuration.certificates.completed([leaf]).map(({ subject }) => subject),
  });

  it('comes back from its facts, and goes on from there like the one that was never put away', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), fc.array(anyEvent, { maxLength: 10 }), (past, future) => {
        const kept = opening();
        for (const event of past) evolveConfiguration(kept, event, place);
        const restored = opening();
        restoreFacts(restored, JSON.parse(JSON.stringify(factsOf(kept))) as ConfigurationFacts);
        expect(seen(restored)).toEqual(seen(kept));
        for (const event of future) {
          evolveConfiguration(kept, event, place);
          evolveConfiguration(restored, event, place);
        }
        expect(seen(restored)).toEqual(seen(kept));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps no more data keys than records can be in the making, the oldest of them least', () => {
    const configuration = opening();
    for (let number = 0; number < 10_001; number += 1) {
      const data = { keyId: `k${number}`, masterKeyId: 'm', nonce: '', wrapped: '' };
      evolveConfiguration(configuration, { type: 'DataKeyCreated', v: 1, data }, place);
    }
    expect([configuration.dataKeys.size, configuration.dataKeys.has('k0')]).toEqual([10_000, false]);
    expect([configuration.dataKeys.has('k1'), configuration.dataKeys.has('k10000')]).toEqual([true, true]);
  });

  it('follows an enrollment through its life', () => {
    const configuration = opening();
    const data = enrollmentData('Press-01', trusted);
    const after = (event: ConfigurationEvent) => {
      evolveConfiguration(configuration, event, place);
      return configuration.enrollments.get('press-01');
    };
    const id = { registrationId: 'press-01' };
    expect(after({ type: 'EnrollmentEnabled', v: 1, data: id })).toBeUndefined();
    expect(after({ type: 'EnrollmentCreated', v: 2, data })).toMatchObject({
      deviceId: null,
      terms: { enabled: true },
    });
    const changed = { deviceId: 'P1', singleUse: true, initialTwin: { tags: {} } };
    expect(after({ type: 'EnrollmentTermsChanged', v: 1, data: { ...id, changed } })).toMatchObject({
      registrationId: 'Press-01',
      deviceId: 'P1',
      terms: { singleUse: true, enabled: true },
    });
    const kept = after({ type: 'EnrollmentTermsChanged', v: 1, data: { ...id, changed: { singleUse: false } } });
    expect(kept).toMatchObject({ deviceId: 'P1', terms: { singleUse: false } });
    expect(after({ type: 'EnrollmentDisabled', v: 1, data: id })).toMatchObject({ terms: { enabled: false } });
    const attestation = { type: 'tpm', endorsementKey: 'a', storageRootKey: null } as const;
    expect(after({ type: 'EnrollmentAttestationReplaced', v: 1, data: { ...id, attestation } })).toMatchObject({
      attestation: { type: 'tpm' },
    });
    expect(after({ type: 'EnrollmentDeleted', v: 1, data: id })).toBeUndefined();
  });
});
