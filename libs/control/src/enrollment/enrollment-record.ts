import {
  type Decision,
  type Enrollment,
  type EnrollmentEvent,
  type EnrollmentRejection,
  evolveEnrollment,
  isRegistrationId,
  noEnrollment,
} from '@berth/domain';
import { type EventStore, streams, type Transacted } from '@berth/event-store';
import { type RecordOptions, refusalWithoutStream, transactRecord } from '../record.js';

export type EnrollmentOutcome = Transacted<Enrollment, EnrollmentRejection>;

const decider = { initial: noEnrollment, evolve: evolveEnrollment };

export async function transactEnrollment<R>(
  store: EventStore,
  registrationId: string,
  decide: (enrollment: Enrollment) => Decision<EnrollmentEvent, R>,
  options: RecordOptions,
): Promise<Transacted<Enrollment, R>> {
  if (!isRegistrationId(registrationId)) return refusalWithoutStream(decide(noEnrollment));
  return transactRecord(store, { stream: streams.enrollment(registrationId), decider, keyIds }, decide, options);
}

function keyIds(enrollment: Enrollment): readonly string[] {
  if (enrollment.status === 'none' || enrollment.attestation.type !== 'symmetricKey') return [];
  const { primary, secondary } = enrollment.attestation;
  return [...new Set([primary.keyId, secondary.keyId])];
}
