import { type EnrollmentTerms, type OpenKeys } from './enrollment-table.js';
import { registrationKey } from './registration-id.js';

/** An enrollment group as decisions see it. */
export interface EnrolledGroup {
  /** As the operator spelled it. */
  name: string;
  attestation: OpenGroupAttestation;
  terms: EnrollmentTerms;
}

/** How the devices of a group prove who they are, secrets opened. */
export type OpenGroupAttestation = OpenKeys | { type: 'x509'; thumbprints: readonly string[] };

/** A group as snapshots keep it. */
export interface GroupFacts extends Omit<EnrolledGroup, 'attestation'> {
  attestation:
    | { type: 'symmetricKey'; primary: string | null; secondary: string | null }
    | Extract<OpenGroupAttestation, { type: 'x509' }>;
}

/** Enrollment groups by key (lower-case name). A few hundred at most. */
export class GroupTable {
  private readonly groups = new Map<string, EnrolledGroup>();
  private inOrder: readonly EnrolledGroup[] | null = null;

  get(key: string): EnrolledGroup | undefined {
    return this.groups.get(key);
  }

  set(key: string, group: EnrolledGroup): void {
    this.groups.set(key, group);
    this.inOrder = null;
  }

  delete(key: string): void {
    this.groups.delete(key);
    this.inOrder = null;
  }

  /** All of them as plain JSON, keys open and base64, for snapshots. */
  facts(): GroupFacts[] {
    const base64 = (key: Uint8Array | null) => key && Buffer.from(key).toString('base64');
    return [...this.groups.values()].map(({ name, attestation, terms }) => ({
      name,
      attestation:
        attestation.type === 'x509'
          ? attestation
          : { ...attestation, primary: base64(attestation.primary), secondary: base64(attestation.secondary) },
      terms,
    }));
  }

  /** Into an empty table. */
  restore(facts: readonly GroupFacts[]): void {
    const key = (base64: string | null) => (base64 === null ? null : Buffer.from(base64, 'base64'));
    for (const { name, attestation, terms } of facts) {
      const opened: OpenGroupAttestation =
        attestation.type === 'x509'
          ? attestation
          : { ...attestation, primary: key(attestation.primary), secondary: key(attestation.secondary) };
      this.set(registrationKey(name), { name, attestation: opened, terms });
    }
  }

  /** Those with symmetric keys, by key: the order in which a token is tried. */
  get withKeys(): readonly EnrolledGroup[] {
    this.inOrder ??= [...this.groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, group]) => (group.attestation.type === 'symmetricKey' ? [group] : []));
    return this.inOrder;
  }
}
