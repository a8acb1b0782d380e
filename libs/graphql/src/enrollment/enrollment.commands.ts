import {
  ChangeEnrollment,
  type ChangeEnrollmentOutcome,
  CreateEnrollment,
  type CreateEnrollmentOutcome,
  DeleteEnrollment,
  type EnrollmentWish,
  type Origin,
} from '@berth/control';
import { type Enrollment as EnrollmentState } from '@berth/domain';
import { type Transacted } from '@berth/event-store';
import { type CommandBus } from '@nestjs/cqrs';
import { attestationWishOf } from '../attestation/attestation.inputs.js';
import { positionText } from '../payload.js';
import { type ErrorPaths, enrollmentError } from '../rejections.js';
import { type UserError } from '../user-error.js';
import {
  type EnrollmentCreateInput,
  type EnrollmentDeleteInput,
  type EnrollmentUpdateInput,
} from './enrollment.inputs.js';
import { enrollmentOf, type EnrollmentPayload } from './enrollment.types.js';
import { changedTerms, newTerms } from './terms.inputs.js';

/** What mutations of an enrollment do, one at a time or many: the input as a command, its outcome as a payload. */
export async function createEnrollment(
  commands: CommandBus,
  input: EnrollmentCreateInput,
  origin: Origin,
): Promise<EnrollmentPayload> {
  const wish = enrollmentWishOf(input);
  if ('code' in wish) return refused(wish);
  return payloadWithKeys(await commands.execute(new CreateEnrollment(wish, origin)));
}

export async function updateEnrollment(
  commands: CommandBus,
  input: EnrollmentUpdateInput,
  origin: Origin,
): Promise<EnrollmentPayload> {
  const { registrationId, deviceId, optionalDeviceInformation, enabled, expectedVersion } = input;
  const attestation = input.attestation ? attestationWishOf(input.attestation) : undefined;
  if (attestation && 'code' in attestation) return refused(attestation);
  const terms = changedTerms(input);
  if ('code' in terms) return refused(terms);
  const change = {
    registrationId,
    enabled: enabled ?? undefined,
    terms: { ...terms, deviceId, optionalDeviceInformation },
    attestation,
  };
  const command = new ChangeEnrollment(change, origin, expectedVersion ?? undefined);
  return payloadWithKeys(await commands.execute(command));
}

export async function deleteEnrollment(
  commands: CommandBus,
  { registrationId, expectedVersion }: EnrollmentDeleteInput,
  origin: Origin,
): Promise<EnrollmentPayload> {
  const command = new DeleteEnrollment(registrationId, origin, expectedVersion ?? undefined);
  return payloadOf(await commands.execute(command));
}

export function enrollmentWishOf(input: EnrollmentCreateInput): EnrollmentWish | UserError {
  const { registrationId } = input;
  const attestation = attestationWishOf(input.attestation);
  if ('code' in attestation) return attestation;
  const terms = newTerms(input);
  if ('code' in terms) return terms;
  return {
    registrationId,
    deviceId: input.deviceId ?? null,
    attestation,
    ...terms,
    optionalDeviceInformation: input.optionalDeviceInformation ?? null,
    enabled: input.enabled ?? true,
    idempotencyKey: input.idempotencyKey ?? null,
  };
}

export function refused(error: UserError): EnrollmentPayload {
  return { enrollment: null, userErrors: [error], position: null };
}

export function payloadWithKeys(
  { outcome, generatedKeys }: ChangeEnrollmentOutcome | CreateEnrollmentOutcome,
  paths?: ErrorPaths,
): EnrollmentPayload {
  return { ...payloadOf(outcome, paths), generatedKeys };
}

export function payloadOf(
  outcome: Transacted<EnrollmentState, Parameters<typeof enrollmentError>[0]>,
  paths?: ErrorPaths,
): EnrollmentPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { enrollment: null, userErrors: [enrollmentError(outcome.rejection, paths)], position };
  const { state, version } = outcome;
  const enrollment = state.status === 'enrolled' ? enrollmentOf(state, version, outcome.position) : null;
  return { enrollment, userErrors: [], position };
}
