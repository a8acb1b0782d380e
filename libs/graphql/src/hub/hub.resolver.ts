import { ChangeHub, CordonHub, DrainHub, type HubOutcome, LinkHub, UncordonHub, UnlinkHub } from '@berth/control';
import { hubKey, inKeyOrder } from '@berth/domain';
import { type HubLoadRow, ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { caughtUp } from '../caught-up.js';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { hubError, userError } from '../rejections.js';
import { connection } from '../relay/connection.js';
import { PageArgs, pageRequest } from '../relay/page-args.js';
import { RequestContext } from '../request-context.js';
import { HubCordonInput, HubDrainInput, HubLinkInput, HubUnlinkInput, HubUpdateInput } from './hub.inputs.js';
import { Hub, HubConnection, HubLoad, hubOf, HubPayload } from './hub.types.js';

/** Longest connection string, in characters; an honest one has a few hundred. */
const connectionLengthMax = 4096;

@UseFilters(PassOn)
@Resolver(() => Hub)
export class HubResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => Hub, { nullable: true })
  async hub(@Args('name', { type: () => String }) name: string): Promise<Hub | null> {
    const row = await this.readModel.hub(name);
    return row && hubOf(row, row.version);
  }

  @Query(() => HubConnection, { description: 'Linked hubs by name.' })
  async hubs(@Args() page: PageArgs): Promise<HubConnection> {
    const rows = await this.readModel.hubs(pageRequest('hubs', page));
    return connection(
      'hubs',
      rows,
      (row) => hubOf(row, row.version),
      ({ name }) => name,
    );
  }

  @Query(() => [HubLoad], { description: 'How the devices are spread over the linked hubs, by name.' })
  async hubLoads(@Context() context: RequestContext): Promise<readonly HubLoad[]> {
    return [...(await this.loadsFor(context)).values()];
  }

  @ResolveField(() => HubLoad)
  async load(@Parent() { name, capacity, changedAt }: Hub, @Context() context: RequestContext): Promise<HubLoad> {
    if (changedAt !== null) {
      await caughtUp(this.readModel, changedAt);
      context.hubLoads = null;
    }
    const load = (await this.loadsFor(context)).get(hubKey(name));
    // Unlinked between the two reads: it has no share any more.
    return load ?? { hub: name, devices: 0, share: 0, targetShare: 0, utilization: capacity === null ? null : 0 };
  }

  @Mutation(() => HubPayload, { description: 'Links a hub: new devices may be placed on it from now on.' })
  async hubLink(
    @Args('input', { type: () => HubLinkInput }) { name, weight, ...rest }: HubLinkInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    const { capacity = null, region = null, labels, connection: secret = null } = rest;
    if (secret !== null && (secret === '' || secret.length > connectionLengthMax)) {
      const message = `A connection string has 1–${connectionLengthMax} characters.`;
      return { hub: null, userErrors: [userError('INVALID_CONNECTION', ['connection'], message)], position: null };
    }
    const labelled = labels && labels.length > 0 && { labels: inKeyOrder(labels) };
    const data = { name, weight: weight ?? 1, capacity, region, ...labelled, connection: secret };
    return payloadOf(await this.commands.execute(new LinkHub(data, origin)));
  }

  @Mutation(() => HubPayload, { description: 'Changes weight, capacity, region or labels.' })
  async hubUpdate(
    @Args('input', { type: () => HubUpdateInput }) input: HubUpdateInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    const { name, weight, capacity, region, labels, expectedVersion } = input;
    const labelled = { labels: labels === undefined ? undefined : inKeyOrder(labels ?? []) };
    const change = { name, weight: weight ?? undefined, capacity, region, ...labelled };
    return payloadOf(await this.commands.execute(new ChangeHub(change, origin, expectedVersion ?? undefined)));
  }

  @Mutation(() => HubPayload, { description: 'The hub keeps its devices and takes no new ones.' })
  async hubCordon(
    @Args('input', { type: () => HubCordonInput }) { name }: HubCordonInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    return payloadOf(await this.commands.execute(new CordonHub(name, origin)));
  }

  @Mutation(() => HubPayload, {
    description:
      'The hub takes no new devices, and gives those it has away as they register again and another hub can take them. `hubUncordon` ends it.',
  })
  async hubDrain(
    @Args('input', { type: () => HubDrainInput }) { name }: HubDrainInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    return payloadOf(await this.commands.execute(new DrainHub(name, origin)));
  }

  @Mutation(() => HubPayload, { description: 'The hub takes devices again.' })
  async hubUncordon(
    @Args('input', { type: () => HubCordonInput }) { name }: HubCordonInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    return payloadOf(await this.commands.execute(new UncordonHub(name, origin)));
  }

  @Mutation(() => HubPayload, {
    description:
      'The hub is no candidate any more; its connection string is destroyed. Refused with HUB_REFERENCED while the default policy or enrollments name it, unless forced.',
  })
  async hubUnlink(
    @Args('input', { type: () => HubUnlinkInput }) { name, force }: HubUnlinkInput,
    @Context() { origin }: RequestContext,
  ): Promise<HubPayload> {
    return payloadOf(await this.commands.execute(new UnlinkHub(name, origin, force ?? false)));
  }

  private loadsFor(context: RequestContext): Promise<ReadonlyMap<string, HubLoadRow>> {
    const read = async () => new Map((await this.readModel.hubLoads()).map((load) => [hubKey(load.hub), load]));
    return (context.hubLoads ??= read());
  }
}

function payloadOf(outcome: HubOutcome): HubPayload {
  const position = positionText(outcome.position);
  if (!outcome.ok) return { hub: null, userErrors: [hubError(outcome.rejection)], position };
  const { state, version } = outcome;
  return { hub: state.status === 'linked' ? hubOf(state, version, outcome.position) : null, userErrors: [], position };
}
