import { accepted, type Decision, rejected } from '../decision.js';
import { registrationKey } from '../registration/registration-id.js';

/**
 * What one certificate is used for. Stream `certificate-<thumbprint>`: a certificate belongs to one enrollment or group, and is
 * uploaded as one CA certificate, however many ask at once, because whoever is first in its stream has it.
 */
export type CertificateUseEvent =
  | { type: 'CertificateReserved'; v: 1; data: { thumbprint: string; holder: CertificateHolder } }
  | { type: 'CertificateReleased'; v: 1; data: { thumbprint: string; holder: CertificateHolder } };

/** By name as the operator spelled it; for an enrollment that is its registration id. */
export interface CertificateHolder {
  type: 'enrollment' | 'enrollmentGroup' | 'caCertificate';
  name: string;
}

export interface CertificateUse {
  /** The enrollment or group whose devices it vouches for. */
  entry: CertificateHolder | null;
  /** The CA certificate it was uploaded as. */
  caCertificate: CertificateHolder | null;
}

export const unusedCertificate: CertificateUse = { entry: null, caCertificate: null };

export type CertificateUseRejection =
  | { kind: 'certificateInUse'; thumbprint: string; holder: CertificateHolder }
  | { kind: 'caCertificateReferenced'; name: string; holder: CertificateHolder }
  | { kind: 'caCertificateNotFound'; name: string };

export function evolveCertificateUse(use: CertificateUse, event: CertificateUseEvent): CertificateUse {
  const { holder } = event.data;
  return { ...use, [fieldOf(holder)]: event.type === 'CertificateReserved' ? holder : null };
}

type CertificateUseDecision = Decision<CertificateUseEvent, CertificateUseRejection>;

export interface ReserveCertificate {
  thumbprint: string;
  holder: CertificateHolder;
  /** The CA certificate by whose name the holder refers to it; null: it brought the certificate itself. */
  caCertificate: string | null;
}

export function reserveCertificate(command: ReserveCertificate, use: CertificateUse): CertificateUseDecision {
  const { thumbprint, holder, caCertificate } = command;
  if (caCertificate !== null && !isSame(use.caCertificate, { type: 'caCertificate', name: caCertificate })) {
    return rejected({ kind: 'caCertificateNotFound', name: caCertificate });
  }
  const present = use[fieldOf(holder)];
  if (!present) return accepted({ type: 'CertificateReserved', v: 1, data: { thumbprint, holder } });
  return isSame(present, holder) ? accepted() : rejected({ kind: 'certificateInUse', thumbprint, holder: present });
}

/** A CA certificate isn't let go while a group goes by it. */
export function releaseCertificate(
  { thumbprint, holder }: { thumbprint: string; holder: CertificateHolder },
  use: CertificateUse,
): CertificateUseDecision {
  if (!isSame(use[fieldOf(holder)], holder)) return accepted();
  if (holder.type === 'caCertificate' && use.entry) {
    return rejected({ kind: 'caCertificateReferenced', name: holder.name, holder: use.entry });
  }
  return accepted({ type: 'CertificateReleased', v: 1, data: { thumbprint, holder } });
}

/** For a holder that has been found not to have the certificate: what it reserved was left over when Berth died. */
export function takeOverCertificate(
  { from, ...command }: ReserveCertificate & { from: CertificateHolder },
  use: CertificateUse,
): CertificateUseDecision {
  if (isSame(from, command.holder) || !isSame(use[fieldOf(command.holder)], from))
    return reserveCertificate(command, use);
  const { thumbprint } = command;
  const released: CertificateUseEvent = { type: 'CertificateReleased', v: 1, data: { thumbprint, holder: from } };
  const reserved = reserveCertificate(command, evolveCertificateUse(use, released));
  return reserved.ok ? accepted(released, ...reserved.events) : reserved;
}

export function isSame(one: CertificateHolder | null, other: CertificateHolder): boolean {
  return one?.type === other.type && registrationKey(one.name) === registrationKey(other.name);
}

function fieldOf({ type }: CertificateHolder): keyof CertificateUse {
  return type === 'caCertificate' ? 'caCertificate' : 'entry';
}
