import { type AllocationPolicyKind as Kind, defaultTerms, inKeyOrder, labelsMax, type Terms } from '@berth/domain';
import { Field, InputType, IntersectionType } from '@nestjs/graphql';
import { ExpectedVersion } from '../expected-version.js';
import { LabelInput } from '../hub/label.types.js';
import { CustomAllocationInput, customIn } from '../policy/custom-allocation.js';
import { AllocationPolicyKind } from '../policy/policy.types.js';
import { DateTime, JSONObject } from '../scalars.js';
import { type UserError } from '../user-error.js';

@InputType()
export class ReprovisionInput {
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  updateHubAssignment?: boolean | null;
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  migrateDeviceData?: boolean | null;
}

@InputType()
export class CapabilitiesInput {
  @Field(() => Boolean, { nullable: true, defaultValue: false })
  iotEdge?: boolean | null;
}

@InputType({ description: 'When devices may register, both inclusive; null is unbounded.' })
export class ValidityInput {
  @Field(() => DateTime, { nullable: true })
  notBefore?: string | null;
  @Field(() => DateTime, { nullable: true })
  notAfter?: string | null;
}

/** What individual enrollments and groups have alike. */
@InputType({ isAbstract: true })
export class TermsInput {
  @Field(() => AllocationPolicyKind, { nullable: true, description: 'Null: the default policy.' })
  policy?: Kind | null;
  @Field(() => CustomAllocationInput, { nullable: true })
  custom?: CustomAllocationInput | null;
  @Field(() => [String], {
    nullable: true,
    description: 'Empty: every linked hub. With STATIC: in order of preference.',
  })
  hubs?: string[] | null;
  @Field(() => [LabelInput], {
    nullable: true,
    description: `Labels that a hub must have, at most ${labelsMax.required}; null: none.`,
  })
  require?: LabelInput[] | null;
  @Field(() => ReprovisionInput, { nullable: true })
  reprovision?: ReprovisionInput | null;
  @Field(() => JSONObject, { nullable: true })
  initialTwin?: Record<string, unknown> | null;
  @Field(() => CapabilitiesInput, { nullable: true })
  capabilities?: CapabilitiesInput | null;
  @Field(() => ValidityInput, { nullable: true })
  validity?: ValidityInput | null;
  @Field(() => Boolean, {
    nullable: true,
    description: 'A device that has been assigned is refused from then on, but for repeats of the same message.',
  })
  singleUse?: boolean | null;
}

/** A change of them, which may be one of the version that the caller saw only. */
@InputType({ isAbstract: true })
export class TermsUpdateInput extends IntersectionType(TermsInput, ExpectedVersion) {}

type Changed = { [K in keyof Terms]?: Terms[K] | undefined };

/** Fields left out are undefined, and so are those whose null means nothing; null stands for what holds without the field. */
export function changedTerms(input: TermsInput): Changed | UserError {
  const { policy, custom, hubs, require, reprovision, initialTwin, capabilities, validity, singleUse } = input;
  return {
    policy,
    custom: customIn(custom),
    hubs: hubs === null ? [] : hubs,
    require: require === undefined ? undefined : inKeyOrder(require ?? []),
    reprovision: reprovision
      ? {
          updateHubAssignment: reprovision.updateHubAssignment ?? true,
          migrateDeviceData: reprovision.migrateDeviceData ?? true,
        }
      : undefined,
    initialTwin,
    capabilities: capabilities ? { iotEdge: capabilities.iotEdge ?? false } : undefined,
    validity: validity === undefined ? undefined : boundsOf(validity),
    singleUse: singleUse ?? undefined,
  };
}

/** The terms of a new record. */
export function newTerms(input: TermsInput): Terms | UserError {
  const given = changedTerms(input);
  if ('code' in given) return given;
  return {
    policy: given.policy ?? defaultTerms.policy,
    ...(given.custom && { custom: given.custom }),
    hubs: given.hubs ?? defaultTerms.hubs,
    ...(given.require && given.require.length > 0 && { require: given.require }),
    reprovision: given.reprovision ?? defaultTerms.reprovision,
    initialTwin: given.initialTwin ?? defaultTerms.initialTwin,
    capabilities: given.capabilities ?? defaultTerms.capabilities,
    validity: given.validity ?? defaultTerms.validity,
    singleUse: given.singleUse ?? defaultTerms.singleUse,
  };
}

function boundsOf(validity: ValidityInput | null): Terms['validity'] {
  return { notBefore: validity?.notBefore ?? null, notAfter: validity?.notAfter ?? null };
}
