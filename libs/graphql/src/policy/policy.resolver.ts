import { ChooseAllocationPolicy } from '@berth/control';
import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { policyError } from '../rejections.js';
import { RequestContext } from '../request-context.js';
import { customIn } from './custom-allocation.js';
import { AllocationPolicy, AllocationPolicyPayload, AllocationPolicySetInput, policyOf } from './policy.types.js';

@UseFilters(PassOn)
@Resolver()
export class PolicyResolver {
  constructor(
    private readonly readModel: ReadModel,
    private readonly commands: CommandBus,
  ) {}

  @Query(() => AllocationPolicy, { description: 'The default policy.' })
  async allocationPolicy(): Promise<AllocationPolicy> {
    return policyOf(await this.readModel.allocationPolicy());
  }

  @Mutation(() => AllocationPolicyPayload, {
    description: 'Chooses the default policy, for registrations from now on.',
  })
  async allocationPolicySet(
    @Args('input', { type: () => AllocationPolicySetInput }) { policy: kind, hubs, custom }: AllocationPolicySetInput,
    @Context() { origin }: RequestContext,
  ): Promise<AllocationPolicyPayload> {
    const choice = { kind, hubs: hubs ?? [], custom: customIn(custom) ?? null };
    const outcome = await this.commands.execute(new ChooseAllocationPolicy(choice, origin));
    const position = positionText(outcome.position);
    if (!outcome.ok) return { allocationPolicy: null, userErrors: [policyError(outcome.rejection)], position };
    return { allocationPolicy: policyOf(outcome.state), userErrors: [], position };
  }
}
