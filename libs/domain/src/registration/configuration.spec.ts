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
    expect(after({ type: 'EnrollmentEnabled', v: 1, data: id })).toMatchObject({ terms: { enabled: true } });
    const attestation = { type: 'tpm', endorsementKey: 'a', storageRootKey: null } as const;
    const replaced = after({ type: 'EnrollmentAttestationReplaced', v: 1, data: { ...id, attestation } });
    expect(replaced?.attestation).toEqual({ type: 'tpm' });
    expect(after({ type: 'EnrollmentDeleted', v: 1, data: id })).toBeUndefined();
  });

  it('follows a group through its life, and overwrites keys that are no longer its own', () => {
    const configuration = opening();
    const after = (event: ConfigurationEvent) => {
      evolveConfiguration(configuration, event, place);
      return configuration.groups.get('line-7');
    };
    const dataKey = (keyId: string) => {
      after({ type: 'DataKeyCreated', v: 1, data: { keyId, masterKeyId: 'm', nonce: '', wrapped: '' } });
    };
    const keysOf = (it: ReturnType<typeof after>) => {
      if (it?.attestation.type !== 'symmetricKey') throw new Error('no keys');
      return [it.attestation.primary, it.attestation.secondary].map((key) =>
        Buffer.from(key!.buffer, key!.byteOffset, key!.length),
      );
    };
    const id = { name: 'line-7' };
    expect(after({ type: 'EnrollmentGroupEnabled', v: 1, data: id })).toBeUndefined();
    dataKey('k1');
    const data = enrollmentGroupData('Line-7', { attestation: keysUnder('k1') });
    const created = after({ type: 'EnrollmentGroupCreated', v: 1, data });
    expect(created).toMatchObject({ name: 'Line-7', terms: { enabled: true, singleUse: false } });
    const changed = { singleUse: true };
    expect(after({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { ...id, changed } })).toMatchObject({
      name: 'Line-7',
      terms: { enabled: true, singleUse: true, hubs: [] },
    });
    expect(after({ type: 'EnrollmentGroupDisabled', v: 1, data: id })).toMatchObject({ terms: { enabled: false } });
    expect(after({ type: 'EnrollmentGroupEnabled', v: 1, data: id })).toMatchObject({ terms: { enabled: true } });
    dataKey('k2');
    const former = keysOf(created);
    expect(former.map(String)).toEqual(['one under k1', 'two under k1']);
    const replaced = after({
      type: 'EnrollmentGroupAttestationReplaced',
      v: 1,
      data: { ...id, attestation: keysUnder('k2') },
    });
    const present = keysOf(replaced);
    expect(present.map(String)).toEqual(['one under k2', 'two under k2']);
    expect(after({ type: 'EnrollmentGroupDeleted', v: 1, data: id })).toBeUndefined();
    for (const key of [...former, ...present]) expect(key.every((byte) => byte === 0)).toBe(true);
  });

  it('completes no chain with a certificate that its group no longer has', () => {
    const configuration = opening();
    const after = (event: ConfigurationEvent) => {
      evolveConfiguration(configuration, event, place);
      return configuration.certificates.completed([leaf]).length;
    };
    const x509 = { type: 'x509', primary: lineCa, secondary: null } as const;
    const created = (): number =>
      after({ type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData('Line-7', { attestation: x509 }) });
    const byName = { type: 'caReference', primary: { name: 'Works', thumbprint }, secondary: null } as const;
    expect(created()).toBe(2);
    const data = { name: 'line-7', attestation: byName };
    expect(after({ type: 'EnrollmentGroupAttestationReplaced', v: 1, data })).toBe(1);
    expect(created()).toBe(2);
    expect(after({ type: 'EnrollmentGroupDeleted', v: 1, data: { name: 'LINE-7' } })).toBe(1);
  });

  it('comes back with a data key whose record is still to come, and with what is known of latencies', () => {
    const [kept, restored] = [opening(), opening()];
    const after = (configuration: Configuration, ...events: ConfigurationEvent[]) => {
      for (const event of events) evolveConfiguration(configuration, event, place);
    };
    const region = { region: 'EU', latencies: [{ hub: 'A', ms: 12 }] };
    const report = { source: trusted, offset: 3, latencies: [{ hub: 'a', us: 9, measuredAt: 1000 }] };
    const attestation = keysUnder('k1');
    after(
      kept,
      linked('A'),
      { type: 'DataKeyCreated', v: 1, data: { keyId: 'k1', masterKeyId: 'm', nonce: '', wrapped: '' } },
      { type: 'RegionLatenciesSet', v: 1, data: { region: 'US', latencies: region.latencies } },
      { type: 'RegionLatenciesSet', v: 1, data: region },
      { type: 'RegionLatenciesSet', v: 1, data: { region: 'us', latencies: [] } },
      { type: 'GatewayLatenciesReported', v: 1, data: report },
      policy({ kind: 'static', hubs: ['A'] }),
    );
    restoreFacts(restored, JSON.parse(JSON.stringify(factsOf(kept))) as ConfigurationFacts);
    for (const configuration of [kept, restored]) {
      expect([...configuration.hubs.keys()]).toEqual(['a']);
      expect([...configuration.regions]).toEqual([['eu', region]]);
      expect(configuration.gateways.get(trusted)).toEqual(report);
      expect(configuration.policy).toEqual({ kind: 'static', hubs: ['A'] });
      after(
        configuration,
        { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData('Line-7', { attestation }) },
        { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData('Hall-2', { attestation: byCertificate }) },
      );
    }
    // And once more, the group's own keys now among the facts.
    const again = opening();
    restoreFacts(again, JSON.parse(JSON.stringify(factsOf(restored))) as ConfigurationFacts);
    for (const { groups } of [kept, restored, again]) {
      const own = groups.get('line-7')!.attestation;
      const keys = own.type === 'symmetricKey' && [own.primary, own.secondary].map((it) => Buffer.from(it!).toString());
      expect(keys).toEqual(['one under k1', 'two under k1']);
      expect(groups.get('hall-2')!.attestation).toEqual({ type: 'x509', thumbprints: [lineCa.thumbprint] });
    }
  });

  const byCertificate = { type: 'x509', primary: lineCa, secondary: null } as const;

  it('knows since when a hub is open, and from which event it has its capacity', () => {
    const configuration = opening();
    let number = 0;
    const after = (event: ConfigurationEvent) => {
      const version = configuration.hubsVersion;
      evolveConfiguration(configuration, event, { position: String(number), at: 1000 * number });
      number += 1;
      expect(configuration.hubsVersion).not.toBe(version);
      const it = configuration.hubs.get('a');
      return it && [it.openedAt, it.capacitySince];
    };
    const capacity = (it: number | null): ConfigurationEvent => {
      return { type: 'HubCapacityChanged', v: 1, data: { name: 'a', capacity: it } };
    };
    expect(after(linked('A', { capacity: 5 }))).toEqual([0, '0']);
    expect(after({ type: 'HubWeightChanged', v: 1, data: { name: 'a', weight: 3 } })).toEqual([0, '0']);
    expect(after(capacity(6))).toEqual([0, '2']);
    expect(after(hub('HubCordoned', 'a'))).toEqual([0, '2']);
    expect(after(hub('HubUncordoned', 'a'))).toEqual([4000, '2']);
    expect(after(capacity(null))).toEqual([4000, '5']);
    expect(after(hub('HubUnlinked', 'a'))).toBeUndefined();
    expect(configuration.hubs.size).toBe(0);
    expect(after(linked('a'))).toEqual([7000, '7']);
  });
});
