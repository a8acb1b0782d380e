import {
  type CertificateUseRejection,
  type Decision,
  type Enrollment,
  type EnrollmentEvent,
  type EnrollmentRejection,
  evolveEnrollment,
  isRegistrationId,
  keyIdsOf,
  noEnrollment,
  thumbprintsOf,
} from '@berth/domain';
import { type EventStore, streams, type Transacted } from '@berth/event-store';
import { type Belongings, type RecordOptions, refusalWithoutStream, transactRecord } from '../record.js';

export type EnrollmentOutcome<R = never> = Transacted<Enrollment, EnrollmentRejection | CertificateUseRejection | R>;

const decider = { initial: noEnrollment, evolve: evolveEnrollment };

export async function transactEnrollment<R>(
  store: EventStore,
  registrationId: string,
  decide: (enrollment: Enrollment) => Decision<EnrollmentEvent, R>,
  options: RecordOptions,
): Promise<Transacted<Enrollment, R | CertificateUseRejection>> {
  if (!isRegistrationId(registrationId)) return refusalWithoutStream(decide(noEnrollment));
  const holder = { type: 'enrollment' as const, name: registrationId };
  const record = { stream: streams.enrollment(registrationId), decider, belongingsOf, holder };
  return transactRecord(store, record, decide, options);
}

export async function readEnrollment(
  store: EventStore,
  registrationId: string,
): Promise<{ enrollment: Enrollment; version: number }> {
  let [enrollment, version] = [noEnrollment, -1];
  if (!isRegistrationId(registrationId)) return { enrollment, version };
  for await (const { event, revision } of store.read<EnrollmentEvent>(streams.enrollment(registrationId))) {
    [enrollment, version] = [evolveEnrollment(enrollment, event), revision];
  }
  return { enrollment, version };
}

function belongingsOf(enrollment: Enrollment): Belongings {
  if (enrollment.status === 'none') return { keyIds: [], thumbprints: [] };
  const { attestation } = enrollment;
  return { keyIds: keyIdsOf(attestation), thumbprints: thumbprintsOf(attestation) };
}
