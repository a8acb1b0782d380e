import { type CaReference, type CertificateUseRejection, type GroupAttestation, type Slot, slots } from '@berth/domain';
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

export async function prepareGroupAttestation(
  wish: GroupAttestationWish,
  store: EventStore,
  masterKey: MasterKey,
): Promise<Prepared<GroupAttestation> | GroupWishRejection> {
  if (wish.type === 'symmetricKey') return prepareKeys(wish, masterKey);
  if (wish.type === 'x509') return prepareCertificates(wish);
  const references: Record<Slot, CaReference | null> = { primary: null, secondary: null };
  const certificates: Prepared<GroupAttestation>['certificates'][number][] = [];
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
