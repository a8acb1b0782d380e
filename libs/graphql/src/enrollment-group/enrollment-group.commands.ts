import {
  ChangeEnrollmentGroup,
  type ChangeEnrollmentGroupOutcome,
  CreateEnrollmentGroup,
  type CreateEnrollmentGroupOutcome,
  DeleteEnrollmentGroup,
  type Origin,
} from '@berth/control';
import { type EnrollmentGroup as GroupState } from '@berth/domain';
import { type Transacted } from '@berth/event-store';
import { type CommandBus } from '@nestjs/cqrs';
import { groupAttestationWishOf } from '../attestation/attestation.inputs.js';
import { changedTerms, newTerms } from '../enrollment/terms.inputs.js';
import { positionText } from '../payload.js';
import { type ErrorPaths, groupError } from '../rejections.js';
import { type UserError } from '../user-error.js';
import {
  type EnrollmentGroupCreateInput,
  type EnrollmentGroupDeleteInput,
  type EnrollmentGroupUpdateInput,
} from './enrollment-group.inputs.js';
import { enrollmentGroupOf, type EnrollmentGroupPayload } from './enrollment-group.types.js';

/** What mutations of a group do, one at a time or many: the input as a command, its outcome as a payload. */
export async function createGroup(
  commands: CommandBus,
  input: EnrollmentGroupCreateInput,
  origin: Origin,
): Promise<EnrollmentGroupPayload> {
  const attestation = groupAttestationWishOf(input.attestation);
  if ('code' in attestation) return refused(attestation);
  const terms = newTerms(input);
  if ('code' in terms) return refused(terms);
  const { name, enabled, idempotencyKey } = input;
  const wish = { name, attestation, ...terms, enabled: enabled ?? true, idempotencyKey: idempotencyKey ?? null };
  return payloadWithKeys(await commands.execute(new CreateEnrollmentGroup(wish, origin)));
}

export async function updateGroup(
  commands: CommandBus,
  input: EnrollmentGroupUpdateInput,
  origin: Origin,
): Promise<EnrollmentGroupPayload> {
  const { name, enabled, expectedVersion } = input;
  const attestation = input.attestation ? groupAttestationWishOf(input.attestation) : undefined;
  if (attestation && 'code' in attestation) return refused(attestation);
  const terms = changedTerms(input);
  if ('code' in terms) return refused(terms);
  const change = { name, enabled: enabled ?? undefined, terms, attestation };
  const command = new ChangeEnrollmentGroup(change, origin, expectedVersion ?? undefined);
  return payloadWithKeys(await commands.execute(command));
}

export async function deleteGroup(
  commands: CommandBus,
  { name, expectedVersion }: EnrollmentGroupDeleteInput,
  origin: Origin,
): Promise<EnrollmentGroupPayload> {
  return payloadOf(await commands.execute(new DeleteEnrollmentGroup(name, origin, expectedVersion ?? undefined)));
}

export function refused(error: UserError): EnrollmentGroupPayload {
  return { enrollmentGroup: null, userErrors: [error], position: null };
}

export function payloadWithKeys(
  { outcome, generatedKeys }: ChangeEnrollmentGroupOutcome | CreateEnrollmentGroupOutcome,
  paths?: ErrorPaths,
): EnrollmentGroupPayload {
  return { ...payloadOf(outcome, paths), generatedKeys };
}

export function payloadOf(
  outcome: Transacted<GroupState, Parameters<typeof groupError>[0]>,
  paths?: ErrorPaths,
): EnrollmentGroupPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { enrollmentGroup: null, userErrors: [groupError(outcome.rejection, paths)], position };
  const { state, version } = outcome;
  const enrollmentGroup = state.status === 'enrolled' ? enrollmentGroupOf(state, version, outcome.position) : null;
  return { enrollmentGroup, userErrors: [], position };
}
