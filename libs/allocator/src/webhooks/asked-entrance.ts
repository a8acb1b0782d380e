import {
  type Ask,
  type AskedEntrance,
  type AskedRecord,
  type EnrollmentEvent,
  type EnrollmentGroupEvent,
  evolveEnrollment,
  evolveEnrollmentGroup,
  noEnrollment,
  noEnrollmentGroup,
} from '@berth/domain';
import { type BerthEvent, type EventStreams, streams } from '@berth/event-store';

/** The enrollment or group as its stream has it, for a webhook's eyes; null when it is gone. @throws StoreUnavailable (retriable). */
export async function readAskedEntrance(store: EventStreams, entrance: Ask['entrance']): Promise<AskedEntrance | null> {
  if ('enrollment' in entrance) {
    const stream = streams.enrollment(entrance.enrollment);
    const { state, ...times } = await fold<typeof noEnrollment, EnrollmentEvent>(
      store,
      stream,
      noEnrollment,
      evolveEnrollment,
    );
    return state.status === 'none' ? null : { enrollment: { data: state, ...times } };
  }
  const stream = streams.enrollmentGroup(entrance.enrollmentGroup);
  const { state, ...times } = await fold<typeof noEnrollmentGroup, EnrollmentGroupEvent>(
    store,
    stream,
    noEnrollmentGroup,
    evolveEnrollmentGroup,
  );
  return state.status === 'none' ? null : { enrollmentGroup: { data: state, ...times } };
}

async function fold<S extends { status: string }, E extends BerthEvent>(
  store: EventStreams,
  stream: string,
  initial: S,
  evolve: (state: S, event: E) => S,
): Promise<{ state: S } & Omit<AskedRecord<never>, 'data'>> {
  let state = initial;
  let [version, createdAt, updatedAt] = [-1, '', ''];
  for await (const { event, revision, metadata, recordedAt } of store.read<E>(stream)) {
    const before = state.status;
    state = evolve(state, event);
    updatedAt = metadata?.at ?? recordedAt.toISOString();
    if (before === 'none') createdAt = updatedAt;
    version = revision;
  }
  return { state, version, createdAt, updatedAt };
}
