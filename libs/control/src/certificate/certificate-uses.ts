import {
  type CaCertificateEvent,
  type CertificateHolder,
  type CertificateUse,
  type CertificateUseEvent,
  type CertificateUseRejection,
  type EnrollmentEvent,
  type EnrollmentGroupEvent,
  evolveCaCertificate,
  evolveCertificateUse,
  evolveEnrollment,
  evolveEnrollmentGroup,
  noCaCertificate,
  noEnrollment,
  noEnrollmentGroup,
  releaseCertificate,
  reserveCertificate,
  type ReserveCertificate,
  takeOverCertificate,
  thumbprintsOf,
  unusedCertificate,
} from '@berth/domain';
import { type EventMetadata, type EventStore, streams, transact } from '@berth/event-store';

const decider = { initial: unusedCertificate, evolve: evolveCertificateUse };

/**
 * How old a reservation must be before somebody looks whether its holder has the certificate at all. A command under way has
 * reserved what its record doesn't have yet; an append is tried for some 20 s, and several belong to a command.
 */
export const takeOverAfterMs = 5 * 60 * 1000;

/** @returns whether it was free before, or why it can't be had. */
export async function reserve(
  store: EventStore,
  command: ReserveCertificate,
  metadata: EventMetadata,
): Promise<{ isNew: boolean } | CertificateUseRejection> {
  const { thumbprint } = command;
  const first = await decideOn(store, thumbprint, (use) => reserveCertificate(command, use), metadata);
  if (!('kind' in first) || first.kind !== 'certificateInUse') return first;
  const from = first.holder;
  if (!(await isLeftOver(store, thumbprint, from, Date.parse(metadata.at)))) return first;
  return decideOn(store, thumbprint, (use) => takeOverCertificate({ ...command, from }, use), metadata);
}

/** Lets a certificate go. @returns why not: only a CA certificate that a group goes by is kept. */
export async function release(
  store: EventStore,
  command: { thumbprint: string; holder: CertificateHolder },
  metadata: EventMetadata,
): Promise<CertificateUseRejection | null> {
  const released = await decideOn(store, command.thumbprint, (use) => releaseCertificate(command, use), metadata);
  return 'kind' in released ? released : null;
}

async function decideOn(
  store: EventStore,
  thumbprint: string,
  decide: (use: CertificateUse) => ReturnType<typeof reserveCertificate>,
  metadata: EventMetadata,
): Promise<{ isNew: boolean } | CertificateUseRejection> {
  let isNew = false;
  const outcome = await transact<CertificateUse, CertificateUseEvent, CertificateUseRejection>(
    store,
    streams.certificate(thumbprint),
    decider,
    (use) => {
      const decision = decide(use);
      isNew = decision.ok && decision.events.length > 0;
      return decision;
    },
    { metadata },
  );
  if (outcome.ok) return { isNew };
  if (outcome.rejection.kind === 'versionConflict') throw new Error('No version was expected');
  return outcome.rejection;
}

/** Whether a reservation is one that its holder never came to use, because Berth died in between. */
async function isLeftOver(
  store: EventStore,
  thumbprint: string,
  holder: CertificateHolder,
  at: number,
): Promise<boolean> {
  let reservedAt = at;
  for await (const { event, metadata, recordedAt } of store.read<CertificateUseEvent>(
    streams.certificate(thumbprint),
  )) {
    const isOfHolder = event.type === 'CertificateReserved' && event.data.holder.type === holder.type;
    if (isOfHolder) reservedAt = metadata ? Date.parse(metadata.at) : recordedAt.getTime();
  }
  return at - reservedAt >= takeOverAfterMs && !(await has(store, holder, thumbprint));
}

async function has(store: EventStore, { type, name }: CertificateHolder, thumbprint: string): Promise<boolean> {
  switch (type) {
    case 'enrollment': {
      let enrollment = noEnrollment;
      for await (const { event } of store.read<EnrollmentEvent>(streams.enrollment(name))) {
        enrollment = evolveEnrollment(enrollment, event);
      }
      return enrollment.status === 'enrolled' && thumbprintsOf(enrollment.attestation).includes(thumbprint);
    }
    case 'enrollmentGroup': {
      let group = noEnrollmentGroup;
      for await (const { event } of store.read<EnrollmentGroupEvent>(streams.enrollmentGroup(name))) {
        group = evolveEnrollmentGroup(group, event);
      }
      return group.status === 'enrolled' && thumbprintsOf(group.attestation).includes(thumbprint);
    }
    case 'caCertificate': {
      let ca = noCaCertificate;
      for await (const { event } of store.read<CaCertificateEvent>(streams.caCertificate(name))) {
        ca = evolveCaCertificate(ca, event);
      }
      return ca.status === 'uploaded' && ca.thumbprint === thumbprint;
    }
  }
}
