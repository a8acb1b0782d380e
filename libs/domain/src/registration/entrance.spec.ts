import { describe, expect, it } from '@jest/globals';
import { enrollmentData, enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { type EnrollmentData } from '../enrollment/enrollment.js';
import { type EnrollmentGroupData } from '../enrollment-group/enrollment-group.js';
import { type Answer } from './answer.js';
import { type ConfigurationEvent } from './configuration.js';
import { type Wish } from './decide.js';
import { type DecisionsRecorded, emptyLedger, evolveLedger } from './ledger.js';
import { idScope, trusted, World } from './under-test/world.js';

const hub: ConfigurationEvent = {
  type: 'HubLinked',
  v: 1,
  data: { name: 'hub-a', weight: 1, capacity: null, region: null, connection: null },
};
const enrollment = (registrationId: string, change: Partial<EnrollmentData> = {}): ConfigurationEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: enrollmentData(registrationId, trusted, change),
});
const deleted = (registrationId: string): ConfigurationEvent => ({
  type: 'EnrollmentDeleted',
  v: 1,
  data: { registrationId },
});
/** Its key lies open: it is the group's name. */
const group = (name: string, change: Partial<EnrollmentGroupData> = {}): ConfigurationEvent[] => {
  const sealed = { keyId: name, nonce: '', ciphertext: name };
  const attestation = { type: 'symmetricKey', primary: sealed, secondary: sealed } as const;
  return [
    { type: 'DataKeyCreated', v: 1, data: { keyId: name, masterKeyId: '', nonce: '', wrapped: '' } },
    { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData(name, { attestation, ...change }) },
  ];
};
const ofGroup = (type: 'Deleted' | 'Disabled' | 'Enabled', name: string): ConfigurationEvent => ({
  type: `EnrollmentGroup${type}`,
  v: 1,
  data: { name },
});

const macOf = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
function proofBy(groupName: string, registrationId: string): Wish['attestation'] {
  const resource = `${idScope}/registrations/${registrationId}`;
  const mac = macOf(macOf(groupName, registrationId), `${resource}\n4000000000`).toString('base64');
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(mac)}&skn=registration&se=4000000000`;
  return { type: 'symmetricKey', token };
}

const vouched: Wish['attestation'] = { type: 'gateway' };

function register(world: World, registrationId: string, attestation: Wish['attestation'], requestId?: string): Answer {
  const [answer] = world.register({ registrationId, attestation, ...(requestId !== undefined && { requestId }) });
  return answer as Answer;
}

function outcomesOf(world: World) {
  return world.pages.flatMap(({ outcomes }) => outcomes);
}

describe('a registration through a group', () => {
  it('is recorded with the group, and stands while nothing changes', () => {
    const world = new World(hub, ...group('line-7'));
    const first = register(world, 'Press-01', proofBy('line-7', 'Press-01'));
    expect(first).toMatchObject({ status: 'assigned', hub: 'hub-a', deviceId: 'Press-01' });
    expect(register(world, 'Press-01', proofBy('line-7', 'Press-01'))).toMatchObject({ position: first.position });
    expect(outcomesOf(world)).toEqual([
      expect.objectContaining({ type: 'DeviceAssigned', enrollment: null, enrollmentGroup: 'line-7' }),
    ]);
  });

  it('is recorded anew when the device comes through another group, or through an enrollment of its own', () => {
    const world = new World(hub, ...group('line-7'), ...group('hall-2'));
    register(world, 'press-01', proofBy('line-7', 'press-01'));
    register(world, 'press-01', proofBy('hall-2', 'press-01'));
    world.after(enrollment('press-01'));
    register(world, 'press-01', vouched);
    const through = outcomesOf(world).map(({ type, enrollment: own, enrollmentGroup }) => [type, own, enrollmentGroup]);
    expect(through).toEqual([
      ['DeviceAssigned', null, 'line-7'],
      ['AssignmentConfirmed', null, 'hall-2'],
      ['AssignmentConfirmed', 'press-01', undefined],
    ]);
    expect(world.ledger.loads.get('hub-a')).toBe(1);
  });

  it('that is refused for want of a hub is refused anew when the device comes another way, though in the same words', () => {
    const world = new World(...group('line-7'), ...group('hall-2'), enrollment('press-01'));
    const refused = [
      register(world, 'press-01', vouched),
      register(world, 'press-01', vouched),
      register(world.after(deleted('press-01')), 'press-01', proofBy('line-7', 'press-01')),
      register(world, 'press-01', proofBy('hall-2', 'press-01')),
    ];
    expect(refused.map(({ reason }) => reason)).toEqual(refused.map(() => 'no hub is linked'));
    expect(outcomesOf(world).map(({ enrollment: own, enrollmentGroup }) => [own, enrollmentGroup])).toEqual([
      ['press-01', undefined],
      [null, 'line-7'],
      [null, 'hall-2'],
    ]);
  });

  it('is asked about as one of its group, when a webhook chooses', () => {
    const custom = {
      webhookUrl: 'https://hooks.example.com/',
      apiVersion: '2021-10-01',
      fallback: null,
      deadlineMs: 1,
    };
    const world = new World(hub, ...group('line-7', { policy: 'custom', custom }));
    world.webhook = () => ({ hub: 'hub-a' });
    expect(register(world, 'press-01', proofBy('line-7', 'press-01'))).toMatchObject({ hub: 'hub-a' });
    expect(world.asked.map(({ entrance }) => entrance)).toEqual([{ enrollmentGroup: 'line-7' }]);
  });

  it('is refused once the group is disabled, and confirmed once it is enabled again', () => {
    const world = new World(hub, ...group('line-7'));
    const proof = proofBy('line-7', 'press-01');
    register(world, 'press-01', proof);
    world.after(ofGroup('Disabled', 'line-7'));
    expect(register(world, 'press-01', proof)).toMatchObject({ status: 'disabled', errorCode: 401002 });
    const refused = outcomesOf(world).at(-1)!;
    expect(refused).toMatchObject({ type: 'RegistrationRejected', enrollment: null, enrollmentGroup: 'line-7' });
    world.after(ofGroup('Enabled', 'line-7'));
    expect(register(world, 'press-01', proof)).toMatchObject({ status: 'assigned', hub: 'hub-a' });
    world.after(ofGroup('Deleted', 'line-7'));
    expect(register(world, 'press-01', proof)).toMatchObject({ status: 'failed', errorCode: 404201 });
    expect(outcomesOf(world).at(-1)).not.toHaveProperty('enrollmentGroup');
  });
});

describe('a single-use enrollment or group', () => {
  it.each([
    ['enrollment', enrollment('press-01', { singleUse: true }), vouched],
    ['group', group('line-7', { singleUse: true }), proofBy('line-7', 'press-01')],
  ])('lets a device in once: %s', (_what, events, proof) => {
    const world = new World(hub, ...[events].flat());
    const first = register(world, 'press-01', proof, 'first');
    expect(first).toMatchObject({ status: 'assigned' });
    // The gateway sends the same message again when it got no answer.
    expect(register(world, 'press-01', proof, 'first')).toEqual(first);
    expect(register(world, 'press-01', proof, 'second')).toMatchObject({
      ...{ status: 'failed', errorCode: 401002 },
      reason: expect.stringContaining('is for a single use'),
    });
    expect(world.ledger.loads.get('hub-a')).toBe(1);
    expect(world.ledger.devices.get('press-01')?.assigned?.hub).toBe('hub-a');
  });

  it('is not used by a refusal', () => {
    const world = new World(enrollment('press-01', { singleUse: true }));
    expect(register(world, 'press-01', vouched)).toMatchObject({ status: 'failed', errorCode: 503000 });
    expect(register(world.after(hub), 'press-01', vouched)).toMatchObject({ status: 'assigned' });
  });

  it('that becomes so later has been used by whoever has a hub', () => {
    const world = new World(hub, enrollment('press-01'));
    register(world, 'press-01', vouched, 'first');
    world.after({
      type: 'EnrollmentTermsChanged',
      v: 1,
      data: { registrationId: 'press-01', changed: { singleUse: true } },
    });
    expect(register(world, 'press-01', vouched, 'first')).toMatchObject({ status: 'failed' });
  });
});

describe('any history with groups', () => {
  const anyGroup = fc.constantFrom('a', 'b');
  const anyDevice = fc.constantFrom('d1', 'd2', 'd3');
  const anyStep = fc.oneof(
    { weight: 3, arbitrary: fc.record({ device: anyDevice, by: anyGroup, repeat: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.tuple(anyGroup, fc.boolean()).map(([name, singleUse]) => ({ events: group(name, { singleUse }) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(anyGroup, fc.constantFrom('Deleted' as const, 'Disabled' as const, 'Enabled' as const))
        .map(([name, type]) => ({ events: [ofGroup(type, name)] })),
    },
  );

  it('folds to the ledger that decided it, with one hub a device', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        const world = new World(hub);
        for (const step of steps) {
          if ('events' in step) world.after(...step.events);
          else register(world, step.device, proofBy(step.by, step.device), step.repeat ? 'again' : undefined);
        }
        const folded = emptyLedger(0);
        for (const [revision, data] of world.pages.entries()) {
          const stored = JSON.parse(JSON.stringify(data)) as DecisionsRecorded;
          evolveLedger(
            folded,
            { type: 'DecisionsRecorded', v: 1, data: stored },
            { revision, position: String(1000 + revision) },
          );
        }
        expect(new Map(folded.devices)).toEqual(new Map(world.ledger.devices));
        const assigned = [...world.ledger.devices].filter(([, it]) => it.assigned !== null);
        expect(world.ledger.loads.get('hub-a') ?? 0).toBe(assigned.length);
      }),
    );
  });
});
