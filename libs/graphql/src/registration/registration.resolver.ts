import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { Args, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { connection } from '../relay/connection.js';
import { pageRequest } from '../relay/page-args.js';
import { Registration, RegistrationConnection, registrationOf, RegistrationsArgs } from './registration.types.js';

/** No resolver for any single field: pages of a hundred rows are read far more often than anything else. */
@UseFilters(PassOn)
@Resolver(() => Registration)
export class RegistrationResolver {
  constructor(private readonly readModel: ReadModel) {}

  @Query(() => Registration, { nullable: true })
  async registration(
    @Args('registrationId', { type: () => String }) registrationId: string,
  ): Promise<Registration | null> {
    const row = await this.readModel.registration(registrationId);
    return row && registrationOf(row);
  }

  @Query(() => RegistrationConnection, { description: 'Registrations by registration id.' })
  async registrations(@Args() { filter, ...page }: RegistrationsArgs): Promise<RegistrationConnection> {
    const { status, hub, registrationIdPrefix } = filter ?? {};
    const rows = await this.readModel.registrations(pageRequest('registrations', page), {
      ...(typeof status === 'string' && { status }),
      ...(typeof hub === 'string' && { hub }),
      ...(typeof registrationIdPrefix === 'string' && { registrationIdPrefix }),
    });
    return connection('registrations', rows, registrationOf, ({ registrationId }) => registrationId);
  }
}
