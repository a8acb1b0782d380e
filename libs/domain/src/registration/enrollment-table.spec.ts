import { describe, expect, it } from '@jest/globals';
import { enrollmentData } from '@berth/testing';
import fc from 'fast-check';
import { type EnrolledDevice, EnrollmentTable } from './enrollment-table.js';

const anyKeyBytes = fc.option(fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes)));
const anyTerms = fc.record({
  policy: fc.constantFrom(null, 'evenlyWeighted' as const, 'static' as const),
  hubs: fc.constantFrom([], ['hub-a'], ['hub-b', 'hub-a']),
  reprovision: fc.record({ updateHubAssignment: fc.boolean(), migrateDeviceData: fc.boolean() }),
  validity: fc.constantFrom({ notBefore: null, notAfter: null }, { notBefore: null, notAfter: '2026-01-01T00:00:00Z' }),
  singleUse: fc.boolean(),
  enabled: fc.boolean(),
});
const anyThumbprint = fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)));
const anyAttestation = fc.oneof(
  fc.record({ type: fc.constant('x509' as const), primary: anyThumbprint, secondary: anyThumbprint }),
  fc.constant({ type: 'tpm' as const }),
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
    const { validity, singleUse, policy, hubs, reprovision } = enrollmentData('press-01', '/gateways/one');
    const terms = { validity, singleUse, policy, hubs, reprovision };
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

  it('comes back from its parts, with the events folded meanwhile folded in again', () => {
    const anyChange = fc.record({
      number: fc.integer({ min: 0, max: 20_000 }),
      device: anyDevice,
      isRemoval: fc.boolean(),
    });
    const changes = fc.array(anyChange, { minLength: 50, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.array(changes, { minLength: 3, maxLength: 3 }),
        fc.infiniteStream(anyDevice),
        (bursts, devices) => {
          const fold = (table: EnrollmentTable, burst: number) => {
            for (const { number, device, isRemoval } of bursts[burst]!) {
              if (isRemoval) table.delete(`device-${number}`);
              else table.set(`device-${number}`, device);
            }
          };
          const some = Array.from({ length: 30 }, () => devices.next().value as EnrolledDevice);
          const table = new EnrollmentTable([1, 2]);
          for (let number = 0; number < 20_000; number += 1) table.set(`device-${number}`, some[number % some.length]!);
          const restored = new EnrollmentTable([3, 4]);
          let folded = 0;
          for (const { shared, records } of table.parts()) {
            restored.restore({
              shared: JSON.parse(JSON.stringify(shared)) as typeof shared,
              records: Buffer.from(records),
            });
            if (folded < bursts.length) fold(table, folded++);
          }
          // How many parts there are hangs on how much the devices have to say.
          expect(folded).toBeGreaterThan(1);
          for (let burst = 0; burst < folded; burst += 1) fold(restored, burst);
          expect(restored.size).toBe(table.size);
          const keys = Array.from({ length: 20_001 }, (_, number) => `device-${number}`);
          const differs = keys.filter((key) => textOf(restored.get(key)) !== textOf(table.get(key)));
          expect(differs).toEqual([]);
        },
      ),
      { numRuns: 3, endOnFailure: true },
    );
  });

  it('has one object for equal terms', () => {
    const table = new EnrollmentTable([1, 2]);
    const attestation = { type: 'gateway' as const, sources: ['/one'] };
    for (const registrationId of ['one', 'two']) {
      const { policy, hubs, reprovision, validity, singleUse, enabled } = enrollmentData(
        registrationId,
        '/gateways/one',
      );
      const terms = { policy, hubs, reprovision, validity, singleUse, enabled };
      table.set(registrationId, { registrationId, deviceId: null, attestation, terms });
    }
    expect(table.get('one')!.terms).toBe(table.get('two')!.terms);
  });
});

const textOf = (device: EnrolledDevice | undefined) => JSON.stringify(plain(device));

/** Keys as text, for a Buffer and a view of one are not equal to Jest. */
function plain(device: EnrolledDevice | undefined): unknown {
  if (!device || !('primary' in device.attestation)) return device;
  const [primary, secondary] = [device.attestation.primary, device.attestation.secondary].map((key) => {
    return key && Buffer.from(key).toString('hex');
  });
  return { ...device, attestation: { type: device.attestation.type, primary, secondary } };
}
