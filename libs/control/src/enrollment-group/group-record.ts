import {
  type CertificateUseRejection,
  type Decision,
  type EnrollmentGroup,
  type EnrollmentGroupEvent,
  type EnrollmentGroupRejection,
  evolveEnrollmentGroup,
  isRegistrationId,
  keyIdsOf,
  noEnrollmentGroup,
  thumbprintsOf,
} from '@berth/domain';
import { type EventStore, streams, type Transacted } from '@berth/event-store';
import { type Belongings, type RecordOptions, refusalWithoutStream, transactRecord } from '../record.js';

export type EnrollmentGroupOutcome<R = never> = Transacted<
  EnrollmentGroup,
  EnrollmentGroupRejection | CertificateUseRejection | R
>;

const decider = { initial: noEnrollmentGroup, evolve: evolveEnrollmentGroup };

export async function transactGroup<R>(
  store: EventStore,
  name: string,
  decide: (group: EnrollmentGroup) => Decision<EnrollmentGroupEvent, R>,
  options: RecordOptions,
): Promise<Transacted<EnrollmentGroup, R | CertificateUseRejection>> {
  if (!isRegistrationId(name)) return refusalWithoutStream(decide(noEnrollmentGroup));
  const holder = { type: 'enrollmentGroup' as const, name };
  const record = { stream: streams.enrollmentGroup(name), decider, belongingsOf, holder };
  return transactRecord(store, record, decide, options);
}

export async function readGroup(store: EventStore, name: string): Promise<{ group: EnrollmentGroup; version: number }> {
  let [group, version] = [noEnrollmentGroup, -1];
  if (!isRegistrationId(name)) return { group, version };
  for await (const { event, revision } of store.read<EnrollmentGroupEvent>(streams.enrollmentGroup(name))) {
    [group, version] = [evolveEnrollmentGroup(group, event), revision];
  }
  return { group, version };
}

function belongingsOf(group: EnrollmentGroup): Belongings {
  if (group.status === 'none') return { keyIds: [], thumbprints: [] };
  return { keyIds: keyIdsOf(group.attestation), thumbprints: thumbprintsOf(group.attestation) };
}
