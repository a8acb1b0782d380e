import {
  ChangeEnrollment,
  type ChangeEnrollmentOutcome,
  CreateEnrollment,
  type CreateEnrollmentOutcome,
  DeleteEnrollment,
  ReplaceEnrollmentCertificate,
  RotateEnrollmentKey,
} from '@berth/control';
import { type Enrollment as EnrollmentState } from '@berth/domain';
import { type Transacted } from '@berth/event-store';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { attestationWishOf } from '../attestation/attestation.inputs.js';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { type ErrorPaths, enrollmentError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { DateTime } from '../scalars.js';
import { timesOf } from '../times.js';
import { type UserError } from '../user-error.js';
import {
  EnrollmentCertificateReplaceInput,
  EnrollmentCreateInput,
  EnrollmentDeleteInput,
  EnrollmentKeyRotateInput,
  EnrollmentsArgs,
  EnrollmentUpdateInput,
} from './enrollment.inputs.js';
import {
  Enrollment,
  EnrollmentConnection,
  enrollmentOf,
  EnrollmentPayload,
  type EnrollmentSource,
} from './enrollment.types.js';
import { changedTerms, newTerms } from './terms.inputs.js';

@UseFilters(PassOn)
@Resolver(() => Enrollment)
export class EnrollmentResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => Enrollment, { nullable: true })
  async enrollment(
    @Args('registrationId', { type: () => String }) registrationId: string,
  ): Promise<EnrollmentSource | null> {
    const row = await this.readModel.enrollment(registrationId);
    return row && enrollmentOf(row, row.version);
  }

  @Query(() => EnrollmentConnection, { description: 'Individual enrollments by registration id.' })
  async enrollments(@Args() { filter, ...page }: EnrollmentsArgs) {
    const rows = await this.readModel.enrollments(pageRequest('enrollments', page), {
      ...(typeof filter?.enabled === 'boolean' && { enabled: filter.enabled }),
      ...(typeof filter?.registrationIdPrefix === 'string' && { registrationIdPrefix: filter.registrationIdPrefix }),
    });
    const nodeOf = (row: (typeof rows.rows)[number]) => enrollmentOf(row, row.version);
    return connection('enrollments', rows, nodeOf, ({ registrationId }) => registrationId);
  }

  @ResolveField(() => DateTime)
  async createdAt(@Parent() enrollment: EnrollmentSource): Promise<string> {
    return (await this.timesOf(enrollment)).createdAt;
  }

  @ResolveField(() => DateTime)
  async updatedAt(@Parent() enrollment: EnrollmentSource): Promise<string> {
    return (await this.timesOf(enrollment)).updatedAt;
  }

  @Mutation(() => EnrollmentPayload, { description: 'Permits one device to provision.' })
  async enrollmentCreate(
    @Args('input', { type: () => EnrollmentCreateInput }) input: EnrollmentCreateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const { registrationId } = input;
    const attestation = attestationWishOf(input.attestation);
    if ('code' in attestation) return refused(attestation);
    const terms = newTerms(input);
    if ('code' in terms) return refused(terms);
    const wish = {
      registrationId,
      deviceId: input.deviceId ?? null,
      attestation,
      ...terms,
      optionalDeviceInformation: input.optionalDeviceInformation ?? null,
      enabled: input.enabled ?? true,
      idempotencyKey: input.idempotencyKey ?? null,
    };
    return payloadWithKeys(await this.commands.execute(new CreateEnrollment(wish, origin)));
  }

  @Mutation(() => EnrollmentPayload, { description: 'Changes what is given and keeps the rest.' })
  async enrollmentUpdate(
    @Args('input', { type: () => EnrollmentUpdateInput }) input: EnrollmentUpdateInput,
    @Context() { origin }: RequestContext,
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
    return payloadWithKeys(await this.commands.execute(command));
  }

  @Mutation(() => EnrollmentPayload, { description: 'Replaces one of two keys; the other stays good.' })
  async enrollmentKeyRotate(
    @Args('input', { type: () => EnrollmentKeyRotateInput }) input: EnrollmentKeyRotateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const { registrationId, slot, key, expectedVersion } = input;
    const rotation = { registrationId, slot, key: key ?? null, expectedVersion: expectedVersion ?? undefined };
    const command = new RotateEnrollmentKey(rotation, origin);
    return payloadWithKeys(await this.commands.execute(command), { key: ['key'] });
  }

  @Mutation(() => EnrollmentPayload, { description: 'Fills, replaces or empties one of two certificate slots.' })
  async enrollmentCertificateReplace(
    @Args('input', { type: () => EnrollmentCertificateReplaceInput }) input: EnrollmentCertificateReplaceInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const { registrationId, slot, certificate, expectedVersion } = input;
    const data = { registrationId, slot, certificate: certificate ?? null };
    const command = new ReplaceEnrollmentCertificate(data, origin, expectedVersion ?? undefined);
    return payloadOf(await this.commands.execute(command), { certificate: ['certificate'] });
  }

  @Mutation(() => EnrollmentPayload, { description: 'The device may not provision any more; its keys are destroyed.' })
  async enrollmentDelete(
    @Args('input', { type: () => EnrollmentDeleteInput }) { registrationId, expectedVersion }: EnrollmentDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const command = new DeleteEnrollment(registrationId, origin, expectedVersion ?? undefined);
    return payloadOf(await this.commands.execute(command));
  }

  private timesOf(enrollment: EnrollmentSource) {
    return timesOf(this.readModel, enrollment, () => this.readModel.enrollment(enrollment.registrationId));
  }
}

function refused(error: UserError): EnrollmentPayload {
  return { enrollment: null, userErrors: [error], position: null };
}

function payloadWithKeys(
  { outcome, generatedKeys }: ChangeEnrollmentOutcome | CreateEnrollmentOutcome,
  paths?: ErrorPaths,
): EnrollmentPayload {
  return { ...payloadOf(outcome, paths), generatedKeys };
}

function payloadOf(
  outcome: Transacted<EnrollmentState, Parameters<typeof enrollmentError>[0]>,
  paths?: ErrorPaths,
): EnrollmentPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { enrollment: null, userErrors: [enrollmentError(outcome.rejection, paths)], position };
  const { state, version } = outcome;
  const enrollment = state.status === 'enrolled' ? enrollmentOf(state, version, outcome.position) : null;
  return { enrollment, userErrors: [], position };
}
