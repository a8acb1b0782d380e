import { describe, it } from '@jest/globals';
import { givenWhenThen } from '@berth/testing';
import {
  createEnrollment,
  deleteEnrollment,
  enableEnrollment,
  type EnrollmentData,
  type EnrollmentEvent,
  evolveEnrollment,
  noEnrollment,
} from './enrollment.js';

const given = givenWhenThen({ initial: noEnrollment, evolve: evolveEnrollment });
const linked = new Set(['hub-a']);
const data: EnrollmentData = {
  registrationId: 'Press-01',
  deviceId: null,
  attestation: { type: 'gateway', sources: ['/gateways/one'] },
  policy: null,
  hubs: [],
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  initialTwin: null,
  enabled: true,
  idempotency: null,
};
const created = (change: Partial<EnrollmentData> = {}): EnrollmentEvent => ({
  type: 'EnrollmentCreated',
  v: 1,
  data: { ...data, ...change },
});
const create =
  (change: Partial<EnrollmentData> = {}) =>
  (state: Parameters<typeof createEnrollment>[1]) =>
    createEnrollment({ ...data, ...change }, state, linked);

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
  });

  it('with gateway attestation trusts somebody', () => {
    given()
      .when(create({ attestation: { type: 'gateway', sources: [] } }))
      .thenRejected({ kind: 'gatewayNeedsSources' });
    given()
      .when(create({ attestation: { type: 'gateway', sources: ['a', ''] } }))
      .thenRejected({ kind: 'invalidSource', index: 1 });
  });

  it('keeps its initial twin to what a hub takes', () => {
    const initialTwin = { tags: { text: 'x'.repeat(41_000) } };
    given().when(create({ initialTwin })).thenRejected({ kind: 'initialTwinTooLarge', bytes: 41_020, max: 40_960 });
  });

  it('is disabled, enabled and deleted, each once', () => {
    const disabled: EnrollmentEvent = { type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'Press-01' } };
    const enabled: EnrollmentEvent = { type: 'EnrollmentEnabled', v: 1, data: { registrationId: 'Press-01' } };
    const deleted: EnrollmentEvent = { type: 'EnrollmentDeleted', v: 1, data: { registrationId: 'Press-01' } };
    const id = { registrationId: 'press-01' };
    given(created())
      .when((it) => enableEnrollment({ ...id, enabled: false }, it))
      .then(disabled);
    given(created(), disabled)
      .when((it) => enableEnrollment({ ...id, enabled: false }, it))
      .thenNothing();
    given(created(), disabled)
      .when((it) => enableEnrollment({ ...id, enabled: true }, it))
      .then(enabled);
    given(created())
      .when((it) => deleteEnrollment(id, it))
      .then(deleted);
    given(created(), deleted)
      .when((it) => deleteEnrollment(id, it))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
    given(created(), deleted)
      .when((it) => enableEnrollment({ ...id, enabled: true }, it))
      .thenRejected({ kind: 'enrollmentNotFound', ...id });
    given(created(), deleted).when(create()).then(created());
  });
});
