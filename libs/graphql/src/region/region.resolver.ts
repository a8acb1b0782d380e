import { type RegionOutcome, SetRegionLatencies } from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { regionError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { PageArgs, pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import {
  Region,
  regionAfter,
  RegionConnection,
  RegionLatenciesSetInput,
  regionOf,
  RegionPayload,
} from './region.types.js';

@UseFilters(PassOn)
@Resolver(() => Region)
export class RegionResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => Region, { nullable: true })
  async region(@Args('name', { type: () => String }) name: string): Promise<Region | null> {
    const row = await this.readModel.region(name);
    return row && regionOf(row, row.version);
  }

  @Query(() => RegionConnection, { description: 'Regions from which it is known how far hubs are, by name.' })
  async regions(@Args() page: PageArgs): Promise<RegionConnection> {
    const rows = await this.readModel.regions(pageRequest('regions', page));
    return connection(
      'regions',
      rows,
      (row) => regionOf(row, row.version),
      ({ name }) => name,
    );
  }

  @Mutation(() => RegionPayload, {
    description: 'Says how far hubs are from a region, in place of what was said before.',
  })
  async regionLatenciesSet(
    @Args('input', { type: () => RegionLatenciesSetInput }) input: RegionLatenciesSetInput,
    @Context() { origin }: RequestContext,
  ): Promise<RegionPayload> {
    const { region, latencies, expectedVersion } = input;
    const command = new SetRegionLatencies({ region, latencies }, origin, expectedVersion ?? undefined);
    return payloadOf(await this.commands.execute(command));
  }
}

function payloadOf(outcome: RegionOutcome): RegionPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { region: null, userErrors: [regionError(outcome.rejection)], position };
  return { region: regionAfter(outcome.state, outcome.version), userErrors: [], position };
}
