import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type EnrolledDevice, EnrollmentTable } from './enrollment-table.js';

const anyKeyBytes = fc.option(fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes)));
const anyTerms = fc.record({
  policy: fc.constantFrom(null, 'evenlyWeighted' as const, 'static' as const),
  hubs: fc.constantFrom([], ['hub-a'], ['hub-b', 'hub-a']),
  reprovision: fc.record({ updateHubAssignment: fc.boolean(), migrateDeviceData: fc.boolean() }),
  enabled: fc.boolean(),
});
const anyAttestation = fc.oneof(
  fc.record({ type: fc.constant('symmetricKey' as const), primary: anyKeyBytes, secondary: anyKeyBytes }),
  fc.record({ type: fc.constant('gateway' as const), sources: fc.constantFrom(['/one'], ['/one', '/two']) }),
);
const anyDevice: fc.Arbitrary<EnrolledDevice> = fc.record({
  registrationId: fc.constantFrom('press-01', 'Press-01', 'PRESS-02', 'lathe'),
  deviceId: fc.constantFrom(null, 'P1', 'press-01'),
  attestation: anyAttestation,
  terms: anyTerms,
});
const anyStep = fc.record({ device: anyDevice, isRemoval: fc.boolean() });

describe('an enrollment table', () => {
  it('gives back what was put in, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        const table = new EnrollmentTable([1, 2]);
        const expected = new Map<string, EnrolledDevice>();
        for (const { device, isRemoval } of steps) {
          const key = device.registrationId.toLowerCase();
          if (isRemoval) {
            expect(table.delete(key)).toBe(expected.delete(key));
          } else {
            table.set(key, device);
            expected.set(key, structuredClone(device));
          }
          for (const id of ['press-01', 'press-02', 'lathe'])
            expect(plain(table.get(id))).toEqual(plain(expected.get(id)));
        }
        expect(table.size).toBe(expected.size);
      }),
    );
  });

  it('can be given what it gave', () => {
    const table = new EnrollmentTable([1, 2]);
    const keys = { primary: Buffer.alloc(64, 1), secondary: Buffer.alloc(16, 2) };
    const terms = { policy: null, hubs: [], reprovision: { updateHubAssignment: true, migrateDeviceData: true } };
    const device = {
      registrationId: 'press-01',
      deviceId: null,
      attestation: { type: 'symmetricKey' as const, ...keys },
    };
    table.set('press-01', { ...device, terms: { ...terms, enabled: true } });
    const given = table.get('press-01')!;
    table.set('press-01', { ...given, terms: { ...given.terms, enabled: false } });
    expect(plain(table.get('press-01'))).toEqual(
      plain({ ...device, attestation: { type: 'symmetricKey', ...keys }, terms: { ...terms, enabled: false } }),
    );
  });

  it('has one object for equal terms', () => {
    const table = new EnrollmentTable([1, 2]);
    const attestation = { type: 'gateway' as const, sources: ['/one'] };
    for (const registrationId of ['one', 'two']) {
      const reprovision = { updateHubAssignment: true, migrateDeviceData: true };
      const terms = { policy: null, hubs: [], reprovision, enabled: true };
      table.set(registrationId, { registrationId, deviceId: null, attestation, terms });
    }
    expect(table.get('one')!.terms).toBe(table.get('two')!.terms);
  });
});

/** Keys as text, for a Buffer and a view of one are not equal to Jest. */
function plain(device: EnrolledDevice | undefined): unknown {
  if (device?.attestation.type !== 'symmetricKey') return device;
  const [primary, secondary] = [device.attestation.primary, device.attestation.secondary].map((key) => {
    return key && Buffer.from(key).toString('hex');
  });
  return { ...device, attestation: { type: 'symmetricKey', primary, secondary } };
}
