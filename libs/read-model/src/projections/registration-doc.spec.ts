import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { packedRegistration, type RegistrationDoc } from './registration-doc.js';

const at = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString());
const id = fc.constantFrom('dev-1', 'DEV-1', 'other');
const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
const absent = { nil: undefined };

const anyDoc: fc.Arbitrary<RegistrationDoc> = fc.record({
  registrationId: fc.constantFrom('dev-1', 'DEV-1'),
  status: fc.constantFrom('assigned', 'failed', 'disabled'),
  substatus: fc.option(fc.constantFrom('initialAssignment', 'deviceDataMigrated', 'deviceDataReset'), absent),
  deviceId: fc.option(id, absent),
  hub: fc.option(fc.constantFrom('hub-a', 'Hub-B'), absent),
  enrollment: fc.option(id, absent),
  enrollmentGroup: fc.option(fc.constantFrom('line-7', 'Hall-2'), absent),
  errorCode: fc.option(fc.nat(), absent),
  reason: fc.option(fc.string(), absent),
  createdAt: at,
  updatedAt: at,
  decision: fc.record({
    position,
    rule: fc.constant('rule'),
    build: fc.nat(99),
    configuration: fc.option(position, absent),
    hubSet: fc.option(fc.constant('hubs'), absent),
    loads: fc.option(fc.array(fc.nat()), absent),
    present: fc.option(fc.constant('hub-a'), absent),
    turns: fc.option(fc.record({ unit: fc.nat(), passes: fc.array(fc.nat()) }), absent),
    placeless: fc.option(fc.array(fc.nat()), absent),
    moves: fc.option(fc.nat(), absent),
    webhook: fc.option(
      fc.oneof(
        fc.record({ fault: fc.string() }),
        fc.record({ hub: fc.constant('hub-a'), payload: fc.constant({ n: [1] }) }),
        fc.record({ hub: fc.constant('hub-a'), initialTwin: fc.constant({ tags: {} }) }),
      ),
      absent,
    ),
  }),
  rejected: fc.option(fc.record({ position, at, errorCode: fc.option(fc.nat(), absent), reason: fc.string() }), absent),
});

describe('a registration as text', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyDoc, (doc) => {
        expect(packedRegistration.read(packedRegistration.write(doc, 'dev-1'), 'dev-1')).toEqual(doc);
      }),
    );
  });

  it('takes about 120 bytes beside the loads for a device on its first hub', () => {
    const doc: RegistrationDoc = {
      registrationId: 'device-000001',
      status: 'assigned',
      substatus: 'initialAssignment',
      deviceId: 'device-000001',
      hub: 'hub-a.example.net',
      enrollment: 'device-000001',
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
      decision: {
        position: '123456789012',
        rule: 'abcdefghijkl',
        build: 7,
        configuration: '123456780000',
        hubSet: 'abcdefghijkl',
        loads: [100_000, 100_001],
      },
    };
    expect(packedRegistration.write(doc, 'device-000001').length).toBeLessThan(142);
  });
});
