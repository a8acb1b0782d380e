import {
  type AttestationWish,
  CreateEnrollment,
  DeleteEnrollment,
  EnableEnrollment,
  type EnrollmentWish,
} from '@berth/control';
import { type Enrollment as EnrollmentState } from '@berth/domain';
import { type Transacted } from '@berth/event-store';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { GraphQLError } from 'graphql';
import { caughtUp } from '../caught-up.js';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { policyNotSupported } from '../policy/policy.resolver.js';
import { enrollmentError, userError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { DateTime } from '../scalars.js';
import { type UserError } from '../user-error.js';
import {
  type AttestationInput,
  EnrollmentCreateInput,
  EnrollmentDeleteInput,
  EnrollmentsArgs,
  EnrollmentUpdateInput,
} from './enrollment.inputs.js';
import { Enrollment, EnrollmentConnection, enrollmentOf, EnrollmentPayload } from './enrollment.types.js';

@UseFilters(PassOn)
@Resolver(() => Enrollment)
export class EnrollmentResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => Enrollment, { nullable: true })
  async enrollment(@Args('registrationId', { type: () => String }) registrationId: string): Promise<Enrollment | null> {
    const row = await this.readModel.enrollment(registrationId);
    return row && enrollmentOf(row, row.version);
  }

  @Query(() => EnrollmentConnection, { description: 'Individual enrollments by registration id.' })
  async enrollments(@Args() { filter, ...page }: EnrollmentsArgs): Promise<EnrollmentConnection> {
    const rows = await this.readModel.enrollments(pageRequest('enrollments', page), {
      ...(typeof filter?.enabled === 'boolean' && { enabled: filter.enabled }),
      ...(typeof filter?.registrationIdPrefix === 'string' && { registrationIdPrefix: filter.registrationIdPrefix }),
    });
    const nodeOf = (row: (typeof rows.rows)[number]) => enrollmentOf(row, row.version);
    return connection('enrollments', rows, nodeOf, ({ registrationId }) => registrationId);
  }

  @ResolveField(() => DateTime)
  async createdAt(@Parent() enrollment: Enrollment): Promise<string> {
    return (await this.timesOf(enrollment)).createdAt;
  }

  @ResolveField(() => DateTime)
  async updatedAt(@Parent() enrollment: Enrollment): Promise<string> {
    return (await this.timesOf(enrollment)).updatedAt;
  }

  @Mutation(() => EnrollmentPayload, { description: 'Permits one device to provision.' })
  async enrollmentCreate(
    @Args('input', { type: () => EnrollmentCreateInput }) input: EnrollmentCreateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const wish = wishOf(input);
    if ('code' in wish) return { enrollment: null, userErrors: [wish], position: null };
    const { outcome, generatedKeys } = await this.commands.execute(new CreateEnrollment(wish, origin));
    return { ...payloadOf(outcome), generatedKeys };
  }

  @Mutation(() => EnrollmentPayload, { description: 'Enables or disables an enrollment.' })
  async enrollmentUpdate(
    @Args('input', { type: () => EnrollmentUpdateInput }) input: EnrollmentUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const { registrationId, enabled, expectedVersion } = input;
    const command = new EnableEnrollment({ registrationId, enabled }, origin, expectedVersion ?? undefined);
    return payloadOf(await this.commands.execute(command));
  }

  @Mutation(() => EnrollmentPayload, { description: 'The device may not provision any more; its keys are destroyed.' })
  async enrollmentDelete(
    @Args('input', { type: () => EnrollmentDeleteInput }) { registrationId, expectedVersion }: EnrollmentDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    const command = new DeleteEnrollment(registrationId, origin, expectedVersion ?? undefined);
    return payloadOf(await this.commands.execute(command));
  }

  private async timesOf({
    times,
    changedAt,
    registrationId,
  }: Enrollment): Promise<{ createdAt: string; updatedAt: string }> {
    if (times) return times;
    if (changedAt !== null) await caughtUp(this.readModel, changedAt);
    const row = await this.readModel.enrollment(registrationId);
    if (row) return row;
    throw new GraphQLError('The enrollment was deleted meanwhile.', { extensions: { code: 'NOT_FOUND' } });
  }
}

function payloadOf(outcome: Transacted<EnrollmentState, Parameters<typeof enrollmentError>[0]>): EnrollmentPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { enrollment: null, userErrors: [enrollmentError(outcome.rejection)], position };
  const { state, version } = outcome;
  const enrollment = state.status === 'enrolled' ? enrollmentOf(state, version, outcome.position) : null;
  return { enrollment, userErrors: [], position };
}

function wishOf(input: EnrollmentCreateInput): EnrollmentWish | UserError {
  const attestation = attestationOf(input.attestation);
  if ('code' in attestation) return attestation;
  if (input.policy === 'lowestLatency') return policyNotSupported;
  const { reprovision } = input;
  return {
    registrationId: input.registrationId,
    deviceId: input.deviceId ?? null,
    attestation,
    policy: input.policy ?? null,
    hubs: input.hubs ?? [],
    reprovision: {
      updateHubAssignment: reprovision?.updateHubAssignment ?? true,
      migrateDeviceData: reprovision?.migrateDeviceData ?? true,
    },
    initialTwin: input.initialTwin ?? null,
    enabled: input.enabled ?? true,
    idempotencyKey: input.idempotencyKey ?? null,
  };
}

function attestationOf({ symmetricKey, x509, gateway }: AttestationInput): AttestationWish | UserError {
  const given = [symmetricKey, x509, gateway].filter((it) => it !== undefined && it !== null);
  if (given.length !== 1) {
    const message = 'Name exactly one attestation: symmetricKey or gateway.';
    return userError('INVALID_ATTESTATION', ['attestation'], message);
  }
  if (symmetricKey) {
    const { primary, secondary } = symmetricKey;
    return { type: 'symmetricKey', primary: primary ?? null, secondary: secondary ?? null };
  }
  if (gateway) return { type: 'gateway', sources: gateway.sources };
  const message = 'This version of Berth knows symmetricKey and gateway attestation.';
  return userError('ATTESTATION_NOT_SUPPORTED', ['attestation', 'x509'], message);
}
