import { Limits, type Origin, ReleaseRegistration, rowsAtOnce } from '@berth/control';
import { registrationKey } from '@berth/domain';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { bulk } from '../bulk/bulk.js';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { releaseError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { RegistrationReleaseInput, RegistrationsReleaseInput } from './registration.inputs.js';
import {
  Registration,
  RegistrationConnection,
  registrationOf,
  RegistrationPayload,
  RegistrationsArgs,
  RegistrationsPayload,
} from './registration.types.js';

/** No resolver for any single field: pages of a hundred rows are read far more often than anything else. */
@UseFilters(PassOn)
@Resolver(() => Registration)
export class RegistrationResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
    private readonly limits: Limits,
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
    @Args('input', { type: () => RegistrationReleaseInput }) input: RegistrationReleaseInput,
    @Context() { origin }: RequestContext,
  ): Promise<RegistrationPayload> {
    return this.release(input, origin);
  }

  @Mutation(() => RegistrationsPayload, {
    description:
      'Not atomic: each row comes out as if it had been asked for singly, rows of one id in their order. For those that a deleted group has left, for example.',
  })
  async registrationsRelease(
    @Args('input', { type: () => RegistrationsReleaseInput }) { rows }: RegistrationsReleaseInput,
    @Context() { origin }: RequestContext,
  ): Promise<RegistrationsPayload> {
    return bulk(
      rows,
      {
        rowsMax: this.limits.bulkRowsMax,
        atOnceMax: rowsAtOnce,
        keyOf: ({ registrationId }) => registrationKey(registrationId),
        refused: ({ registrationId }, error) => ({
          registrationId,
          releasedFrom: null,
          userErrors: [error],
          position: null,
        }),
      },
      async (row) => ({ ...(await this.release(row, origin)), registrationId: row.registrationId }),
    );
  }

  private async release(
    { registrationId, idempotencyKey }: RegistrationReleaseInput,
    origin: Origin,
  ): Promise<RegistrationPayload> {
    const wish = { registrationId, idempotencyKey: idempotencyKey ?? null };
    const outcome = await this.commands.execute(new ReleaseRegistration(wish, origin));
    const position = positionText(outcome.position);
    if (!outcome.ok) return { releasedFrom: null, userErrors: [releaseError(outcome.rejection)], position };
    return { releasedFrom: outcome.hub, userErrors: [], position };
  }
}
