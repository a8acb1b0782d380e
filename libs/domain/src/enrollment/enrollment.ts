import { accepted, type Decision, rejected, unreachable } from '../decision.js';
import { type AllocationPolicyKind, faultInHubList } from '../policy/allocation-policy.js';
import { isRegistrationId } from '../registration/registration-id.js';
import { type SealedSecret } from '../secret/sealed-secret.js';

/** An individual enrollment's life: the permission of one device to provision. Stream `enrollment-<registrationId>`. */
export type EnrollmentEvent =
  | { type: 'EnrollmentCreated'; v: 1; data: EnrollmentData }
  | { type: 'EnrollmentEnabled'; v: 1; data: { registrationId: string } }
  | { type: 'EnrollmentDisabled'; v: 1; data: { registrationId: string } }
  | { type: 'EnrollmentDeleted'; v: 1; data: { registrationId: string } };

export interface EnrollmentData {
  /** As the operator spelled it. */
  registrationId: string;
  /** What the hub shall know the device by; null is the registration id. */
  deviceId: string | null;
  attestation: Attestation;
  /** Null inherits the default policy at the time of each registration. */
  policy: AllocationPolicyKind | null;
  /** Hubs the device may be placed on, in order of preference for `static`; empty is every linked hub. */
  hubs: readonly string[];
  reprovision: ReprovisionPolicy;
  /** Tags and desired properties the hub's twin starts with; null is none. */
  initialTwin: unknown;
  enabled: boolean;
  /** What makes a repeated create recognisable as the same one; null when the caller gave no key. */
  idempotency: { key: string; inputHash: string } | null;
}

/** How a device proves who it is. */
export type Attestation =
  | { type: 'symmetricKey'; primary: SealedSecret; secondary: SealedSecret }
  /** A trusted edge gateway vouches: `sources` are the CloudEvents sources that may. */
  | { type: 'gateway'; sources: readonly string[] };

/** What happens on a second and later registration (section 3 of the reference service's feature list). */
export interface ReprovisionPolicy {
  /** False: the device stays on its hub while that is linked. */
  updateHubAssignment: boolean;
  /** On a change of hub: true copies the device's data, false starts from the initial twin. */
  migrateDeviceData: boolean;
}

export type Enrollment = { status: 'none' } | ({ status: 'enrolled' } & EnrollmentData);

export const noEnrollment: Enrollment = { status: 'none' };

/** Most trusted sources of one enrollment, and the longest one. */
export const gatewaySources = { max: 100, lengthMax: 1024 } as const;
/** Largest initial twin as JSON, in bytes: 8 KB of tags and 32 KB of desired properties, as a hub takes them. */
export const initialTwinBytesMax = 40 * 1024;

export type EnrollmentRejection =
  | { kind: 'invalidRegistrationId'; registrationId: string }
  | { kind: 'invalidDeviceId'; deviceId: string }
  | { kind: 'gatewayNeedsSources' }
  | { kind: 'invalidSource'; index: number }
  | { kind: 'tooManySources'; max: number }
  | { kind: 'initialTwinTooLarge'; bytes: number; max: number }
  | { kind: 'staticNeedsHubs' }
  | { kind: 'tooManyHubs'; max: number }
  | { kind: 'hubNotLinked'; name: string; index: number }
  | { kind: 'hubNamedTwice'; name: string; index: number }
  | { kind: 'enrollmentExists'; registrationId: string }
  | { kind: 'idempotencyKeyReused'; key: string }
  | { kind: 'enrollmentNotFound'; registrationId: string };

export function evolveEnrollment(enrollment: Enrollment, event: EnrollmentEvent): Enrollment {
  if (event.type === 'EnrollmentCreated') return { status: 'enrolled', ...event.data };
  if (enrollment.status === 'none') return enrollment;
  switch (event.type) {
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

/** @param linked keys (lower case) of the hubs linked at the moment of enrolling. */
export function createEnrollment(
  command: EnrollmentData,
  enrollment: Enrollment,
  linked: ReadonlySet<string>,
): EnrollmentDecision {
  const fault = faultIn(command, linked);
  if (fault) return rejected(fault);
  if (enrollment.status === 'enrolled') {
    const { idempotency } = command;
    if (idempotency && enrollment.idempotency?.key === idempotency.key) {
      return enrollment.idempotency.inputHash === idempotency.inputHash
        ? accepted()
        : rejected({ kind: 'idempotencyKeyReused', key: idempotency.key });
    }
    return rejected({ kind: 'enrollmentExists', registrationId: enrollment.registrationId });
  }
  return accepted({ type: 'EnrollmentCreated', v: 1, data: command });
}

export function enableEnrollment(
  command: { registrationId: string; enabled: boolean },
  enrollment: Enrollment,
): EnrollmentDecision {
  if (enrollment.status === 'none') {
    return rejected({ kind: 'enrollmentNotFound', registrationId: command.registrationId });
  }
  if (enrollment.enabled === command.enabled) return accepted();
  const type = command.enabled ? 'EnrollmentEnabled' : 'EnrollmentDisabled';
  return accepted({ type, v: 1, data: { registrationId: enrollment.registrationId } });
}

export function deleteEnrollment(command: { registrationId: string }, enrollment: Enrollment): EnrollmentDecision {
  if (enrollment.status === 'none') {
    return rejected({ kind: 'enrollmentNotFound', registrationId: command.registrationId });
  }
  return accepted({ type: 'EnrollmentDeleted', v: 1, data: { registrationId: enrollment.registrationId } });
}

function faultIn(data: EnrollmentData, linked: ReadonlySet<string>): EnrollmentRejection | null {
  const { registrationId, deviceId, attestation, hubs, initialTwin } = data;
  if (!isRegistrationId(registrationId)) return { kind: 'invalidRegistrationId', registrationId };
  if (deviceId !== null && !isRegistrationId(deviceId)) return { kind: 'invalidDeviceId', deviceId };
  if (attestation.type === 'gateway') {
    if (attestation.sources.length === 0) return { kind: 'gatewayNeedsSources' };
    if (attestation.sources.length > gatewaySources.max) return { kind: 'tooManySources', max: gatewaySources.max };
    const index = attestation.sources.findIndex((it) => it === '' || it.length > gatewaySources.lengthMax);
    if (index >= 0) return { kind: 'invalidSource', index };
  }
  if (initialTwin !== null) {
    const bytes = Buffer.byteLength(JSON.stringify(initialTwin));
    if (bytes > initialTwinBytesMax) return { kind: 'initialTwinTooLarge', bytes, max: initialTwinBytesMax };
  }
  if (data.policy === 'static' && hubs.length === 0) return { kind: 'staticNeedsHubs' };
  return faultInHubList(hubs, linked);
}
