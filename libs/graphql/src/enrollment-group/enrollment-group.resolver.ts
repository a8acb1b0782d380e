import { ReplaceEnrollmentGroupCertificate, RotateEnrollmentGroupKey } from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { RegistrationConnection, registrationOf } from '../registration/registration.types.js';
import { userError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { PageArgs, pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { DateTime } from '../scalars.js';
import { timesOf } from '../times.js';
import {
  createGroup,
  deleteGroup,
  payloadOf,
  payloadWithKeys,
  refused,
  updateGroup,
} from './enrollment-group.commands.js';
import {
  EnrollmentGroupCertificateReplaceInput,
  EnrollmentGroupCreateInput,
  EnrollmentGroupDeleteInput,
  EnrollmentGroupKeyRotateInput,
  EnrollmentGroupUpdateInput,
} from './enrollment-group.inputs.js';
import {
  EnrollmentGroup,
  EnrollmentGroupConnection,
  enrollmentGroupOf,
  EnrollmentGroupPayload,
  type EnrollmentGroupSource,
} from './enrollment-group.types.js';

@UseFilters(PassOn)
@Resolver(() => EnrollmentGroup)
export class EnrollmentGroupResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => EnrollmentGroup, { nullable: true })
  async enrollmentGroup(@Args('name', { type: () => String }) name: string): Promise<EnrollmentGroupSource | null> {
    const row = await this.readModel.enrollmentGroup(name);
    return row && enrollmentGroupOf(row, row.version);
  }

  @Query(() => EnrollmentGroupConnection, { description: 'Enrollment groups by name.' })
  async enrollmentGroups(@Args() page: PageArgs) {
    const rows = await this.readModel.enrollmentGroups(pageRequest('enrollmentGroups', page));
    const nodeOf = (row: (typeof rows.rows)[number]) => enrollmentGroupOf(row, row.version);
    return connection('enrollmentGroups', rows, nodeOf, ({ name }) => name);
  }

  @ResolveField(() => RegistrationConnection, {
    description: 'Devices that came through the group last. `totalCount` counts up to 1,000.',
  })
  async registrations(@Parent() { name }: EnrollmentGroupSource, @Args() page: PageArgs) {
    const rows = await this.readModel.registrations(pageRequest('registrations', page), { enrollmentGroup: name });
    return connection('registrations', rows, registrationOf, ({ registrationId }) => registrationId);
  }

  @ResolveField(() => DateTime)
  async createdAt(@Parent() group: EnrollmentGroupSource): Promise<string> {
    return (await this.timesOf(group)).createdAt;
  }

  @ResolveField(() => DateTime)
  async updatedAt(@Parent() group: EnrollmentGroupSource): Promise<string> {
    return (await this.timesOf(group)).updatedAt;
  }

  @Mutation(() => EnrollmentGroupPayload, { description: 'Permits a family of devices to provision.' })
  async enrollmentGroupCreate(
    @Args('input', { type: () => EnrollmentGroupCreateInput }) input: EnrollmentGroupCreateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupPayload> {
    return createGroup(this.commands, input, origin);
  }

  @Mutation(() => EnrollmentGroupPayload, { description: 'Changes what is given and keeps the rest.' })
  async enrollmentGroupUpdate(
    @Args('input', { type: () => EnrollmentGroupUpdateInput }) input: EnrollmentGroupUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupPayload> {
    return updateGroup(this.commands, input, origin);
  }

  @Mutation(() => EnrollmentGroupPayload, {
    description: 'Replaces one of two keys; keys derived from the other stay good.',
  })
  async enrollmentGroupKeyRotate(
    @Args('input', { type: () => EnrollmentGroupKeyRotateInput }) input: EnrollmentGroupKeyRotateInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupPayload> {
    const { name, slot, key, expectedVersion } = input;
    const rotation = { name, slot, key: key ?? null, expectedVersion: expectedVersion ?? undefined };
    const command = new RotateEnrollmentGroupKey(rotation, origin);
    return payloadWithKeys(await this.commands.execute(command), { key: ['key'] });
  }

  @Mutation(() => EnrollmentGroupPayload, { description: 'Fills, replaces or empties one of two certificate slots.' })
  async enrollmentGroupCertificateReplace(
    @Args('input', { type: () => EnrollmentGroupCertificateReplaceInput })
    input: EnrollmentGroupCertificateReplaceInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupPayload> {
    const { name, slot, certificate: text, caCertificate, expectedVersion } = input;
    if (typeof text === 'string' && typeof caCertificate === 'string') {
      return refused(
        userError('INVALID_ATTESTATION', ['caCertificate'], 'Give one: `certificate` or `caCertificate`.'),
      );
    }
    const named = typeof caCertificate === 'string' ? { caCertificate } : null;
    const certificate = typeof text === 'string' ? { text } : named;
    const command = new ReplaceEnrollmentGroupCertificate(
      { name, slot, certificate },
      origin,
      expectedVersion ?? undefined,
    );
    const path = named ? ['caCertificate'] : ['certificate'];
    return payloadOf(await this.commands.execute(command), { certificate: path, caReference: path });
  }

  @Mutation(() => EnrollmentGroupPayload, {
    description: 'Its devices may not provision any more; its keys are destroyed. Their registrations stay.',
  })
  async enrollmentGroupDelete(
    @Args('input', { type: () => EnrollmentGroupDeleteInput }) input: EnrollmentGroupDeleteInput,
    @Context() { origin }: RequestContext,
  ): Promise<EnrollmentGroupPayload> {
    return deleteGroup(this.commands, input, origin);
  }

  private timesOf(group: EnrollmentGroupSource) {
    return timesOf(this.readModel, group, () => this.readModel.enrollmentGroup(group.name));
  }
}
