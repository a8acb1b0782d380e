import { type AllocationPolicyKind as Kind, type Label as DomainLabel, type Terms } from '@berth/domain';
import { Field, Int, ObjectType } from '@nestjs/graphql';
import { Label } from '../hub/label.types.js';
import { CustomAllocation, customShown } from '../policy/custom-allocation.js';
import { AllocationPolicyKind } from '../policy/policy.types.js';
import { DateTime, JSONObject } from '../scalars.js';

@ObjectType({ description: 'What happens on a second and later registration.' })
export class ReprovisionPolicy {
  @Field(() => Boolean, { description: 'False: the device stays on its hub while that is linked.' })
  updateHubAssignment!: boolean;
  @Field(() => Boolean, {
    description: 'On a change of hub: true copies the data, false starts from the initial twin.',
  })
  migrateDeviceData!: boolean;
}

@ObjectType({ description: 'What the hub shall know the device as.' })
export class Capabilities {
  @Field(() => Boolean)
  iotEdge!: boolean;
}

@ObjectType({ description: 'When devices may register, both inclusive; null is unbounded.' })
export class Validity {
  @Field(() => DateTime, { nullable: true })
  notBefore!: string | null;
  @Field(() => DateTime, { nullable: true })
  notAfter!: string | null;
}

/** What individual enrollments and groups have alike. */
@ObjectType({ isAbstract: true })
export abstract class TermsFields implements Terms {
  @Field(() => AllocationPolicyKind, { nullable: true, description: 'Null inherits the default policy.' })
  policy!: Kind | null;
  @Field(() => CustomAllocation, { nullable: true, description: 'Null unless its own policy is CUSTOM.' })
  custom!: CustomAllocation | null;
  @Field(() => [String], { description: 'Hubs the device may be placed on; empty is every linked hub.' })
  hubs!: readonly string[];
  @Field(() => [Label], { description: 'Labels that a hub must have to be a candidate, by key.' })
  require!: readonly DomainLabel[];
  @Field(() => ReprovisionPolicy)
  reprovision!: ReprovisionPolicy;
  @Field(() => JSONObject, { nullable: true })
  initialTwin!: unknown;
  @Field(() => Capabilities)
  capabilities!: Capabilities;
  @Field(() => Validity)
  validity!: Validity;
  @Field(() => Boolean, { description: 'A device that has been assigned is refused from then on.' })
  singleUse!: boolean;
  @Field(() => Boolean)
  enabled!: boolean;
  @Field(() => Int, { description: 'Counts its changes: what `expectedVersion` is compared with.' })
  version!: number;
  @Field(() => DateTime)
  createdAt!: string;
  @Field(() => DateTime)
  updatedAt!: string;
}

export function termsOf({
  policy,
  custom,
  hubs,
  require = [],
  reprovision,
  initialTwin,
  capabilities,
  validity,
  singleUse,
  enabled,
}: Terms & { enabled: boolean }): Terms & Pick<TermsFields, 'enabled' | 'custom' | 'require'> {
  return {
    policy,
    custom: customShown(custom),
    hubs,
    require,
    reprovision,
    initialTwin,
    capabilities,
    validity,
    singleUse,
    enabled,
  };
}

/** Of a record as a command left it: the read model tells the times once it has reached `changedAt`. */
export interface Unread {
  times: { createdAt: string; updatedAt: string } | null;
  changedAt: bigint | null;
}
