import {
  type CaReference,
  type GroupAttestation,
  type KeptCertificate,
  type Slot,
} from '../attestation/attestation.js';
import { faultInKeptCa } from '../attestation/x509/kept-certificate.js';
import { accepted, type Decision, rejected, unreachable } from '../decision.js';
import {
  type AttestationTypeFixed,
  type CertificateRejection,
  faultInSlots,
  type Idempotency,
  type Surroundings,
} from '../enrollment/enrollment.js';
import { changesIn, faultInTerms, type Terms, type TermsRejection } from '../enrollment/terms.js';
import { type Limit } from '../limit.js';
import { isRegistrationId } from '../registration/registration-id.js';

/** The permission of a family of devices to provision. Stream `enrollmentGroup-<name>`. */
export type EnrollmentGroupEvent =
  | { type: 'EnrollmentGroupCreated'; v: 1; data: EnrollmentGroupData }
  /** Fields that are there have a new value. */
  | { type: 'EnrollmentGroupTermsChanged'; v: 1; data: { name: string; changed: Partial<Terms> } }
  | { type: 'EnrollmentGroupAttestationReplaced'; v: 1; data: { name: string; attestation: GroupAttestation } }
  | { type: 'EnrollmentGroupEnabled'; v: 1; data: { name: string } }
  | { type: 'EnrollmentGroupDisabled'; v: 1; data: { name: string } }
  | { type: 'EnrollmentGroupDeleted'; v: 1; data: { name: string } };

export interface EnrollmentGroupData extends Terms {
  /** As the operator spelled it; the same characters as in a registration id, and without regard to case. */
  name: string;
  attestation: GroupAttestation;
  enabled: boolean;
  idempotency: Idempotency | null;
}

export type EnrollmentGroup = { status: 'none' } | ({ status: 'enrolled' } & EnrollmentGroupData);

export const noEnrollmentGroup: EnrollmentGroup = { status: 'none' };

export type EnrollmentGroupRejection =
  | TermsRejection
  | CertificateRejection
  | AttestationTypeFixed
  | { kind: 'invalidGroupName'; name: string }
  | { kind: 'tooManyGroups'; max: number }
  | { kind: 'groupExists'; name: string }
  | { kind: 'idempotencyKeyReused'; key: string }
  | { kind: 'groupNotFound'; name: string };

export function evolveEnrollmentGroup(group: EnrollmentGroup, event: EnrollmentGroupEvent): EnrollmentGroup {
  if (event.type === 'EnrollmentGroupCreated') return { status: 'enrolled', ...event.data };
  if (group.status === 'none') return group;
  switch (event.type) {
    case 'EnrollmentGroupTermsChanged':
      return { ...group, ...event.data.changed };
    case 'EnrollmentGroupAttestationReplaced':
      return { ...group, attestation: event.data.attestation };
    case 'EnrollmentGroupEnabled':
      return { ...group, enabled: true };
    case 'EnrollmentGroupDisabled':
      return { ...group, enabled: false };
    case 'EnrollmentGroupDeleted':
      return noEnrollmentGroup;
    default:
      return unreachable(event);
  }
}

type EnrollmentGroupDecision = Decision<EnrollmentGroupEvent, EnrollmentGroupRejection>;

/** @param surroundings.limit groups with the same kind of attestation. */
export function createEnrollmentGroup(
  command: EnrollmentGroupData,
  group: EnrollmentGroup,
  { limit, ...surroundings }: Surroundings & { limit: Limit },
): EnrollmentGroupDecision {
  const { name, attestation, idempotency } = command;
  if (!isRegistrationId(name)) return rejected({ kind: 'invalidGroupName', name });
  const fault = faultInTerms(command, surroundings) ?? faultInGroupAttestation(attestation, surroundings.at);
  if (fault) return rejected(fault);
  if (group.status === 'enrolled') {
    if (idempotency && group.idempotency?.key === idempotency.key) {
      return group.idempotency.inputHash === idempotency.inputHash
        ? accepted()
        : rejected({ kind: 'idempotencyKeyReused', key: idempotency.key });
    }
    return rejected({ kind: 'groupExists', name: group.name });
  }
  if (limit.count >= limit.max) return rejected({ kind: 'tooManyGroups', max: limit.max });
  return accepted({ type: 'EnrollmentGroupCreated', v: 1, data: command });
}

/** A change of terms; a field left out keeps its value. */
export interface ChangeEnrollmentGroup {
  name: string;
  enabled?: boolean | undefined;
  terms: { [K in keyof Terms]?: Terms[K] | undefined };
}

export function changeEnrollmentGroup(
  command: ChangeEnrollmentGroup,
  group: EnrollmentGroup,
  { linked, webhookHosts }: Pick<Surroundings, 'linked' | 'webhookHosts'>,
): EnrollmentGroupDecision {
  const { enabled } = command;
  if (group.status === 'none') return notFound(command);
  const { name, policy, custom = null, hubs, require = [], reprovision, initialTwin, capabilities } = group;
  const { validity, singleUse } = group;
  const terms = { policy, custom, hubs, require, reprovision, initialTwin, capabilities };
  const holding: Terms = { ...terms, validity, singleUse };
  const changed = changesIn(holding, command.terms);
  const named = changed && {
    linked: changed.hubs ? linked : null,
    webhookHosts: changed.custom ? webhookHosts : null,
  };
  const fault = named && faultInTerms({ ...holding, ...changed }, named);
  if (fault) return rejected(fault);
  const events: EnrollmentGroupEvent[] = [];
  if (changed) events.push({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name, changed } });
  if (enabled !== undefined && enabled !== group.enabled) {
    const type = enabled ? 'EnrollmentGroupEnabled' : 'EnrollmentGroupDisabled';
    events.push({ type, v: 1, data: { name } });
  }
  return accepted(...events);
}

export function replaceGroupAttestation(
  command: { name: string; attestation: GroupAttestation },
  group: EnrollmentGroup,
  { at }: Pick<Surroundings, 'at'>,
): EnrollmentGroupDecision {
  if (group.status === 'none') return notFound(command);
  const { attestation } = command;
  const { type } = group.attestation;
  if ((attestation.type === 'symmetricKey') !== (type === 'symmetricKey')) {
    return rejected({ kind: 'attestationTypeFixed', type });
  }
  const fault = faultInGroupAttestation(attestation, at);
  if (fault) return rejected(fault);
  if (JSON.stringify(attestation) === JSON.stringify(group.attestation)) return accepted();
  return accepted({ type: 'EnrollmentGroupAttestationReplaced', v: 1, data: { name: group.name, attestation } });
}

/** Fills, replaces or (null) empties one of the two slots. */
export function replaceGroupCertificate(
  { name, slot, certificate }: { name: string; slot: Slot; certificate: KeptCertificate | CaReference | null },
  group: EnrollmentGroup,
  surroundings: Pick<Surroundings, 'at'>,
): EnrollmentGroupDecision {
  if (group.status === 'none') return notFound({ name });
  const { attestation } = group;
  const type = certificate === null ? attestation.type : 'name' in certificate ? 'caReference' : 'x509';
  if (attestation.type !== type || attestation.type === 'symmetricKey') {
    return rejected({ kind: 'attestationTypeFixed', type: attestation.type });
  }
  const replaced = { ...attestation, [slot]: certificate };
  return replaceGroupAttestation({ name, attestation: replaced }, group, surroundings);
}

export function deleteEnrollmentGroup(command: { name: string }, group: EnrollmentGroup): EnrollmentGroupDecision {
  if (group.status === 'none') return notFound(command);
  return accepted({ type: 'EnrollmentGroupDeleted', v: 1, data: { name: group.name } });
}

function notFound({ name }: { name: string }): EnrollmentGroupDecision {
  return rejected({ kind: 'groupNotFound', name });
}

function faultInGroupAttestation(attestation: GroupAttestation, at: number): CertificateRejection | null {
  switch (attestation.type) {
    case 'symmetricKey':
      return null;
    case 'x509':
      return faultInSlots(attestation, (certificate) => faultInKeptCa(certificate, at));
    case 'caReference':
      return faultInSlots(attestation, () => null);
    default:
      return unreachable(attestation);
  }
}
