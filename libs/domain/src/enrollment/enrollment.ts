import { type Attestation, type KeptCertificate, type Slot, slots } from '../attestation/attestation.js';
import { faultInKeptLeaf } from '../attestation/x509/kept-certificate.js';
import { accepted, type Decision, rejected, unreachable } from '../decision.js';
import { isRegistrationId } from '../registration/registration-id.js';
import {
  changesIn,
  faultInTerms,
  jsonBytes,
  type Terms,
  type TermsRejection,
  type TermsSurroundings,
} from './terms.js';

/** An individual enrollment's life: the permission of one device to provision. Stream `enrollment-<registrationId>`. */
export type EnrollmentEvent =
  | { type: 'EnrollmentCreated'; v: 2; data: EnrollmentData }
  /** Fields that are there have a new value. */
  | { type: 'EnrollmentTermsChanged'; v: 1; data: { registrationId: string; changed: Partial<IndividualTerms> } }
  | { type: 'EnrollmentAttestationReplaced'; v: 1; data: { registrationId: string; attestation: Attestation } }
  | { type: 'EnrollmentEnabled'; v: 1; data: { registrationId: string } }
  | { type: 'EnrollmentDisabled'; v: 1; data: { registrationId: string } }
  | { type: 'EnrollmentDeleted'; v: 1; data: { registrationId: string } };

export interface EnrollmentData extends IndividualTerms {
  /** As the operator spelled it. */
  registrationId: string;
  attestation: Attestation;
  enabled: boolean;
  /** What makes a repeated create recognisable as the same one; null when the caller gave no key. */
  idempotency: Idempotency | null;
}

export interface IndividualTerms extends Terms {
  /** What the hub shall know the device by; null is the registration id. */
  deviceId: string | null;
  /** Whatever the operator wants to keep with it, a JSON object; null is none. */
  optionalDeviceInformation: unknown;
}

export interface Idempotency {
  key: string;
  inputHash: string;
}

export type Enrollment = { status: 'none' } | ({ status: 'enrolled' } & EnrollmentData);

export const noEnrollment: Enrollment = { status: 'none' };

/** Most trusted sources of one enrollment, and the longest one. */
export const gatewaySources = { max: 100, lengthMax: 1024 } as const;
/** Largest optional device information as JSON, in bytes. */
export const deviceInformationBytesMax = 8 * 1024;
/** Largest key of a TPM, base64: room for an RSA key of 4096 bits with its frame. */
export const tpmKeyLengthMax = 2048;

export type EnrollmentRejection =
  | TermsRejection
  | AttestationRejection
  | AttestationTypeFixed
  | { kind: 'invalidRegistrationId'; registrationId: string }
  | { kind: 'invalidDeviceId'; deviceId: string }
  | { kind: 'deviceInformationTooLarge'; bytes: number; max: number }
  | { kind: 'enrollmentExists'; registrationId: string }
  | { kind: 'idempotencyKeyReused'; key: string }
  | { kind: 'enrollmentNotFound'; registrationId: string };

export type AttestationRejection =
  | { kind: 'gatewayNeedsSources' }
  | { kind: 'invalidSource'; index: number }
  | { kind: 'tooManySources'; max: number }
  | { kind: 'invalidTpmKey'; key: 'endorsementKey' | 'storageRootKey'; max: number }
  | CertificateRejection;

/** A record keeps the kind of attestation it was created with. */
export interface AttestationTypeFixed {
  kind: 'attestationTypeFixed';
  type: string;
}

export type CertificateRejection =
  | { kind: 'certificateMissing' }
  | { kind: 'certificateNamedTwice' }
  | { kind: 'invalidCertificate'; slot: Slot; reason: string };

export function evolveEnrollment(enrollment: Enrollment, event: EnrollmentEvent): Enrollment {
  if (event.type === 'EnrollmentCreated') return { status: 'enrolled', ...event.data };
  if (enrollment.status === 'none') return enrollment;
  switch (event.type) {
    case 'EnrollmentTermsChanged':
      return { ...enrollment, ...event.data.changed };
    case 'EnrollmentAttestationReplaced':
      return { ...enrollment, attestation: event.data.attestation };
    case 'EnrollmentEnabled':
      return { ...enrollment, enabled: true };
    case 'EnrollmentDisabled':
      return { ...enrollment, enabled: false };
    case 'EnrollmentDeleted':
      return noEnrollment;
    default:
      return unreachable(event);
  }
}

type EnrollmentDecision = Decision<EnrollmentEvent, EnrollmentRejection>;

/** What a decision needs to know of the world at the moment of the command. */
export interface Surroundings {
  /** Keys (lower case) of the hubs linked. */
  linked: ReadonlySet<string>;
  /** Hosts that webhooks may be on, as `hostOf` writes them. */
  webhookHosts: ReadonlySet<string>;
  /** Milliseconds since 1970. */
  at: number;
}

export function createEnrollment(
  command: EnrollmentData,
  enrollment: Enrollment,
  surroundings: Surroundings,
): EnrollmentDecision {
  const { registrationId, idempotency } = command;
  if (!isRegistrationId(registrationId)) return rejected({ kind: 'invalidRegistrationId', registrationId });
  const fault =
    faultInIndividualTerms(command, surroundings) ??
    faultInAttestation(command.attestation, registrationId, surroundings.at);
  if (fault) return rejected(fault);
  if (enrollment.status === 'enrolled') {
    if (idempotency && enrollment.idempotency?.key === idempotency.key) {
      return enrollment.idempotency.inputHash === idempotency.inputHash
        ? accepted()
        : rejected({ kind: 'idempotencyKeyReused', key: idempotency.key });
    }
    return rejected({ kind: 'enrollmentExists', registrationId: enrollment.registrationId });
  }
  return accepted({ type: 'EnrollmentCreated', v: 2, data: command });
}

/** A change of terms; a field left out keeps its value. */
export interface ChangeEnrollment {
  registrationId: string;
  enabled?: boolean | undefined;
  terms: { [K in keyof IndividualTerms]?: IndividualTerms[K] | undefined };
}

export function changeEnrollment(
  command: ChangeEnrollment,
  enrollment: Enrollment,
  { linked, webhookHosts }: Pick<Surroundings, 'linked' | 'webhookHosts'>,
): EnrollmentDecision {
  const { enabled } = command;
  if (enrollment.status === 'none') return notFound(command);
  const { registrationId } = enrollment;
  const changed = changesIn(termsOf(enrollment), command.terms);
  const named = changed && {
    linked: changed.hubs ? linked : null,
    webhookHosts: changed.custom ? webhookHosts : null,
  };
  const fault = named && faultInIndividualTerms({ ...enrollment, ...changed }, named);
  if (fault) return rejected(fault);
  const events: EnrollmentEvent[] = [];
  if (changed) events.push({ type: 'EnrollmentTermsChanged', v: 1, data: { registrationId, changed } });
  if (enabled !== undefined && enabled !== enrollment.enabled) {
    const type = enabled ? 'EnrollmentEnabled' : 'EnrollmentDisabled';
    events.push({ type, v: 1, data: { registrationId } });
  }
  return accepted(...events);
}

/** New keys, certificates or sources. */
export function replaceAttestation(
  command: { registrationId: string; attestation: Attestation },
  enrollment: Enrollment,
  { at }: Pick<Surroundings, 'at'>,
): EnrollmentDecision {
  if (enrollment.status === 'none') return notFound(command);
  const { registrationId } = enrollment;
  const { attestation } = command;
  const { type } = enrollment.attestation;
  if (attestation.type !== type) return rejected({ kind: 'attestationTypeFixed', type });
  const fault = faultInAttestation(attestation, registrationId, at);
  if (fault) return rejected(fault);
  if (JSON.stringify(attestation) === JSON.stringify(enrollment.attestation)) return accepted();
  return accepted({ type: 'EnrollmentAttestationReplaced', v: 1, data: { registrationId, attestation } });
}

/** Fills, replaces or (null) empties one of the two slots. */
export function replaceCertificate(
  { registrationId, slot, certificate }: { registrationId: string; slot: Slot; certificate: KeptCertificate | null },
  enrollment: Enrollment,
  surroundings: Pick<Surroundings, 'at'>,
): EnrollmentDecision {
  if (enrollment.status === 'none') return notFound({ registrationId });
  const { attestation } = enrollment;
  if (attestation.type !== 'x509') return rejected({ kind: 'attestationTypeFixed', type: attestation.type });
  const replaced = { ...attestation, [slot]: certificate };
  return replaceAttestation({ registrationId, attestation: replaced }, enrollment, surroundings);
}

export function deleteEnrollment(command: { registrationId: string }, enrollment: Enrollment): EnrollmentDecision {
  if (enrollment.status === 'none') return notFound(command);
  return accepted({ type: 'EnrollmentDeleted', v: 1, data: { registrationId: enrollment.registrationId } });
}

function notFound({ registrationId }: { registrationId: string }): EnrollmentDecision {
  return rejected({ kind: 'enrollmentNotFound', registrationId });
}

function termsOf(data: IndividualTerms): IndividualTerms {
  const { deviceId, policy, custom = null, hubs, require = [], reprovision, initialTwin, capabilities } = data;
  const { validity, singleUse, optionalDeviceInformation } = data;
  return {
    ...{ deviceId, policy, custom, hubs, require, reprovision, initialTwin, capabilities, validity, singleUse },
    optionalDeviceInformation,
  };
}

function faultInIndividualTerms(terms: IndividualTerms, surroundings: TermsSurroundings): EnrollmentRejection | null {
  const { deviceId, optionalDeviceInformation } = terms;
  if (deviceId !== null && !isRegistrationId(deviceId)) return { kind: 'invalidDeviceId', deviceId };
  const bytes = jsonBytes(optionalDeviceInformation);
  if (bytes > deviceInformationBytesMax) {
    return { kind: 'deviceInformationTooLarge', bytes, max: deviceInformationBytesMax };
  }
  return faultInTerms(terms, surroundings);
}

function faultInAttestation(attestation: Attestation, registrationId: string, at: number): AttestationRejection | null {
  switch (attestation.type) {
    case 'symmetricKey':
      return null;
    case 'x509':
      return faultInSlots(attestation, (certificate) => faultInKeptLeaf(certificate, registrationId, at));
    case 'tpm': {
      const { endorsementKey, storageRootKey } = attestation;
      if (!isTpmKey(endorsementKey)) return { kind: 'invalidTpmKey', key: 'endorsementKey', max: tpmKeyLengthMax };
      return storageRootKey === null || isTpmKey(storageRootKey)
        ? null
        : { kind: 'invalidTpmKey', key: 'storageRootKey', max: tpmKeyLengthMax };
    }
    case 'gateway':
      return faultInSources(attestation.sources);
    default:
      return unreachable(attestation);
  }
}

/** What must hold for a pair of certificates: one at least, not the same twice, and each what it is wanted for. */
export function faultInSlots<T extends { thumbprint: string }>(
  pair: Record<Slot, T | null>,
  faultIn: (certificate: T) => string | null,
): CertificateRejection | null {
  if (!pair.primary && !pair.secondary) return { kind: 'certificateMissing' };
  if (pair.primary?.thumbprint === pair.secondary?.thumbprint) return { kind: 'certificateNamedTwice' };
  for (const slot of slots) {
    const certificate = pair[slot];
    const reason = certificate && faultIn(certificate);
    if (reason) return { kind: 'invalidCertificate', slot, reason };
  }
  return null;
}

function faultInSources(sources: readonly string[]): AttestationRejection | null {
  if (sources.length === 0) return { kind: 'gatewayNeedsSources' };
  if (sources.length > gatewaySources.max) return { kind: 'tooManySources', max: gatewaySources.max };
  const index = sources.findIndex((it) => it === '' || it.length > gatewaySources.lengthMax);
  return index >= 0 ? { kind: 'invalidSource', index } : null;
}

function isTpmKey(text: string): boolean {
  return text.length <= tpmKeyLengthMax && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
