import { type AllocationPolicy as Policy, type AllocationPolicyKind as Kind } from '@berth/domain';
import { Field, InputType, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Payload } from '../payload.js';
import { CustomAllocation, CustomAllocationInput, customShown } from './custom-allocation.js';

export const AllocationPolicyKind = {
  EVENLY_WEIGHTED: 'evenlyWeighted',
  STATIC: 'static',
  LOWEST_LATENCY: 'lowestLatency',
  CUSTOM: 'custom',
} as const satisfies Record<string, Kind>;
registerEnumType(AllocationPolicyKind, {
  name: 'AllocationPolicyKind',
  description: 'How a hub is chosen.',
  valuesMap: {
    EVENLY_WEIGHTED: { description: 'New devices go where the load is furthest below its share of the weights.' },
    STATIC: { description: 'The first open hub with room, in the order named.' },
    LOWEST_LATENCY: {
      description:
        "The nearest hub by the latencies that the device's gateway reports; among those just as near, as EVENLY_WEIGHTED.",
    },
    CUSTOM: { description: 'A webhook names the hub.' },
  },
});

@ObjectType({ description: 'How a hub is chosen for devices whose enrollment does not say.' })
export class AllocationPolicy {
  @Field(() => AllocationPolicyKind)
  policy!: Kind;
  @Field(() => [String], { description: 'Hubs in order of preference; empty unless STATIC.' })
  hubs!: readonly string[];
  @Field(() => CustomAllocation, { nullable: true, description: 'Null unless CUSTOM.' })
  custom!: CustomAllocation | null;
}

@InputType()
export class AllocationPolicySetInput {
  @Field(() => AllocationPolicyKind)
  policy!: Kind;
  @Field(() => [String], { nullable: true, description: 'With STATIC: hubs in order of preference.' })
  hubs?: string[] | null;
  @Field(() => CustomAllocationInput, { nullable: true })
  custom?: CustomAllocationInput | null;
}

@ObjectType()
export class AllocationPolicyPayload extends Payload {
  @Field(() => AllocationPolicy, { nullable: true, description: 'The policy after the change; null when refused.' })
  allocationPolicy!: AllocationPolicy | null;
}

export function policyOf(policy: Policy): AllocationPolicy {
  return {
    policy: policy.kind,
    hubs: policy.kind === 'static' ? policy.hubs : [],
    custom: customShown(policy.kind === 'custom' ? policy.custom : null),
  };
}
