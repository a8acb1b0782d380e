import { ReplaceEnrollmentCertificate, RotateEnrollmentKey } from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { Registration, registrationOf } from '../registration/registration.types.js';
import { RequestContext } from '../request-context.js';
import { DateTime } from '../scalars.js';
import { timesOf } from '../times.js';
import {
  createEnrollment,
  deleteEnrollment,
  payloadOf,
  payloadWithKeys,
  updateEnrollment,
} from './enrollment.commands.js';
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

  @ResolveField(() => Registration, { nullable: true })
  async registration(@Parent() { registrationId }: EnrollmentSource): Promise<Registration | null> {
    const row = await this.readModel.registration(registrationId);
    return row && registrationOf(row);
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
    return createEnrollment(this.commands, input, origin);
  }

  @Mutation(() => EnrollmentPayload, { description: 'Changes what is given and keeps the rest.' })
  async enrollmentUpdate(
    @Args('input', { type: () => EnrollmentUpdateInput }) input: EnrollmentUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    return updateEnrollment(this.commands, input, origin);
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
    @Args('input', { type: () => EnrollmentDeleteInput }) input: EnrollmentDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentPayload> {
    return deleteEnrollment(this.commands, input, origin);
  }

  private timesOf(enrollment: EnrollmentSource) {
    return timesOf(this.readModel, enrollment, () => this.readModel.enrollment(enrollment.registrationId));
  }
}
