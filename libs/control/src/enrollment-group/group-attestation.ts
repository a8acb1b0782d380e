import {
  type CaReference,
  type CertificateUseRejection,
  type GroupAttestation,
  type ReserveCertificate,
  type Slot,
  slots,
  thumbprintsOf,
} from '@berth/domain';
import { type EventStore } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import {
  type GroupAttestationWish,
  type Prepared,
  prepareCertificates,
  prepareKeys,
  type WishRejection,
} from '../attestation/attestation-wish.js';
import { readCaCertificate } from '../certificate/ca-certificates.js';

export type GroupWishRejection = WishRejection | CertificateUseRejection;

/** A group's wish made ready to be recorded, with the certificates that have to be reserved for it. */
export interface PreparedGroup extends Prepared<GroupAttestation> {
  certificates: readonly Omit<ReserveCertificate, 'holder'>[];
}

export async function prepareGroupAttestation(
  wish: GroupAttestationWish,
  store: EventStore,
  masterKey: MasterKey,
): Promise<PreparedGroup | GroupWishRejection> {
  if (wish.type === 'symmetricKey') {
    const prepared = prepareKeys(wish, masterKey);
    return 'kind' in prepared ? prepared : { ...prepared, certificates: [] };
  }
  if (wish.type === 'x509') {
    const prepared = prepareCertificates(wish);
    if ('kind' in prepared) return prepared;
    const thumbprints = thumbprintsOf(prepared.attestation);
    return { ...prepared, certificates: thumbprints.map((thumbprint) => ({ thumbprint, caCertificate: null })) };
  }
  const references: Record<Slot, CaReference | null> = { primary: null, secondary: null };
  const certificates: Omit<ReserveCertificate, 'holder'>[] = [];
  for (const slot of slots) {
    const name = wish[slot];
    if (name === null) continue;
    const reference = await referTo(name, store);
    if ('kind' in reference) return reference;
    references[slot] = reference;
    certificates.push({ thumbprint: reference.thumbprint, caCertificate: reference.name });
  }
  return { attestation: { type: 'caReference', ...references }, dataKey: null, certificates };
}

/** What an uploaded CA certificate is now. That it stays so while the group refers to it is up to the reservation. */
export async function referTo(name: string, store: EventStore): Promise<CaReference | CertificateUseRejection> {
  const ca = await readCaCertificate(store, name);
  if (ca.status === 'none') return { kind: 'caCertificateNotFound', name };
  return { name: ca.name, thumbprint: ca.thumbprint };
}
