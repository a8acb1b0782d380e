import { ReleaseRegistration } from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { releaseError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { RegistrationReleaseInput } from './registration.inputs.js';
import {
  Registration,
  RegistrationConnection,
  registrationOf,
  RegistrationPayload,
  RegistrationsArgs,
} from './registration.types.js';

/** No resolver for any single field: pages of a hundred rows are read far more often than anything else. */
@UseFilters(PassOn)
@Resolver(() => Registration)
export class RegistrationResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => Registration, { nullable: true })
  async registration(
    @Args('registrationId', { type: () => String }) registrationId: string,
  ): Promise<Registration | null> {
    const row = await this.readModel.registration(registrationId);
    return row && registrationOf(row);
  }

  @Query(() => RegistrationConnection, { description: 'Registrations by registration id.' })
  async registrations(@Args() { filter, ...page }: RegistrationsArgs): Promise<RegistrationConnection> {
    const { status, hub, enrollmentGroup, registrationIdPrefix } = filter ?? {};
    const rows = await this.readModel.registrations(pageRequest('registrations', page), {
      ...(typeof status === 'string' && { status }),
      ...(typeof hub === 'string' && { hub }),
      ...(typeof enrollmentGroup === 'string' && { enrollmentGroup }),
      ...(typeof registrationIdPrefix === 'string' && { registrationIdPrefix }),
    });
    return connection('registrations', rows, registrationOf, ({ registrationId }) => registrationId);
  }

  @Mutation(() => RegistrationPayload, {
    description:
      "Forgets a device's registration: its hub has one device less, and the device's next registration is an initial assignment. Its enrollment stays.",
  })
  async registrationRelease(
    @Args('input', { type: () => RegistrationReleaseInput })
    { registrationId, idempotencyKey }: RegistrationReleaseInput,
    @Context() { origin }: RequestContext,
  ): Promise<RegistrationPayload> {
    const wish = { registrationId, idempotencyKey: idempotencyKey ?? null };
    const outcome = await this.commands.execute(new ReleaseRegistration(wish, origin));
    const position = positionText(outcome.position);
    if (!outcome.ok) return { releasedFrom: null, userErrors: [releaseError(outcome.rejection)], position };
    return { releasedFrom: outcome.hub, userErrors: [], position };
  }
}
