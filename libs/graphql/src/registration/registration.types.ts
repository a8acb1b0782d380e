import {
  type AllocationPolicyKind as Kind,
  type BuiltInPolicyKind,
  type Candidate as CandidateRow,
  type ExplainedWebhook,
  type LatencySource as Source,
} from '@berth/domain';
import { type RegistrationRow } from '@berth/read-model';
import { ArgsType, Field, Float, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { FallbackPolicyKind } from '../policy/custom-allocation.js';
import { AllocationPolicyKind } from '../policy/policy.types.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { PageArgs } from '../relay/page-args.js';
import { DateTime, JSONObject } from '../scalars.js';

type Status = RegistrationRow['status'];

export const RegistrationStatus = {
  ASSIGNED: 'assigned',
  FAILED: 'failed',
  DISABLED: 'disabled',
} as const satisfies Record<string, Status>;
registerEnumType(RegistrationStatus, { name: 'RegistrationStatus' });

export const LatencySource = {
  REGISTRATION: 'registration',
  GATEWAY: 'gateway',
  REGION: 'region',
} as const satisfies Record<string, Source>;
registerEnumType(LatencySource, {
  name: 'LatencySource',
  valuesMap: {
    REGISTRATION: { description: 'The registration event itself.' },
    GATEWAY: { description: 'The latest report of its gateway.' },
    REGION: { description: 'The table of the region that it names.' },
  },
});

@ObjectType({ description: 'How far a hub was, and who said so.' })
export class CandidateLatency {
  @Field(() => Float, { description: 'Milliseconds.' })
  ms!: number;
  @Field(() => LatencySource)
  from!: Source;
}

@ObjectType({ description: 'A hub as it was just before the decision.' })
export class HubSnapshot {
  @Field(() => Int, { description: 'Devices on it.' })
  load!: number;
  @Field(() => Int)
  weight!: number;
  @Field(() => Int, { nullable: true, description: 'Null: without bound.' })
  capacity!: number | null;
}

@ObjectType({ description: 'A hub that was looked at, and what came of it.' })
export class Candidate {
  @Field(() => String)
  hub!: string;
  @Field(() => String, {
    description:
      'chosen, kept, eligible, lacksLabels, cordoned, draining, full, leased, slowStart, farther, unscored or notLinked.',
  })
  verdict!: string;
  @Field(() => String, { nullable: true, description: 'Why it was ruled out.' })
  reason!: string | null;
  @Field(() => String, { nullable: true, description: "The policy's exact figure for it; the lowest wins." })
  score!: string | null;
  @Field(() => CandidateLatency, {
    nullable: true,
    description: 'Null when nobody knows, or the policy does not go by it.',
  })
  latency?: CandidateLatency;
  @Field(() => HubSnapshot, { nullable: true, description: 'Null when the hub is not linked.' })
  snapshot?: HubSnapshot;
}

@ObjectType({ description: "A webhook's part in a decision." })
export class DecisionWebhook implements ExplainedWebhook {
  @Field(() => String, { description: 'Its query is not shown.' })
  url!: string;
  @Field(() => String, { nullable: true, description: 'The hub that it named.' })
  hub!: string | null;
  @Field(() => JSONObject, { nullable: true, description: "In place of the enrollment's initial twin." })
  initialTwin!: unknown;
  @Field(() => JSONObject, { nullable: true, description: 'What it had to say to the device.' })
  payload!: unknown;
  @Field(() => String, { nullable: true, description: 'Why its answer was of no use, after "the webhook".' })
  fault!: string | null;
  @Field(() => FallbackPolicyKind, { nullable: true, description: 'What chose instead.' })
  fallback!: BuiltInPolicyKind | null;
}

@ObjectType({ description: 'The recorded choice with everything that led to it.' })
export class Decision {
  @Field(() => String, { description: 'Its place in the order of all events.' })
  position!: string;
  @Field(() => DateTime)
  at!: string;
  @Field(() => AllocationPolicyKind)
  policy!: Kind;
  @Field(() => String, { description: '`default` or `enrollment`.' })
  policySource!: string;
  @Field(() => String, { nullable: true, description: 'The hub; null when the device was refused.' })
  chosen!: string | null;
  @Field(() => String, { nullable: true, description: 'Why it was refused.' })
  reason!: string | null;
  @Field(() => [Candidate])
  candidates!: readonly CandidateRow[];
  @Field(() => String, {
    nullable: true,
    description:
      'Place of the newest change of enrollments, hubs, policies and the like that it was made on; null before the first.',
  })
  configuration!: string | null;
  @Field(() => Int, {
    description: 'Build of the algorithm that decided: the same inputs and build give the same choice.',
  })
  build!: number;
  @Field(() => DecisionWebhook, { nullable: true, description: 'Null unless a webhook was asked.' })
  webhook!: ExplainedWebhook | null;
}

@ObjectType({ description: 'An attempt in which nobody proved to be the device; it changed nothing.' })
export class RejectedAttempt {
  @Field(() => String)
  position!: string;
  @Field(() => DateTime)
  at!: string;
  @Field(() => Int, { nullable: true })
  errorCode!: number | null;
  @Field(() => String)
  reason!: string;
}

@ObjectType({
  implements: () => [Node],
  description: "A device's passage through an enrollment to a hub, as its latest authenticated attempt left it.",
})
export class Registration implements Node {
  readonly __typename = 'Registration';
  id!: string;
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, { nullable: true })
  deviceId!: string | null;
  @Field(() => RegistrationStatus)
  status!: Status;
  @Field(() => String, { nullable: true })
  substatus!: string | null;
  @Field(() => String, { nullable: true, description: 'The hub it is on, also while it is disabled.' })
  hub!: string | null;
  @Field(() => String, { nullable: true, description: 'Registration id of the individual enrollment it went through.' })
  enrollment!: string | null;
  @Field(() => String, { nullable: true, description: 'Name of the group it went through; it may be gone.' })
  enrollmentGroup!: string | null;
  @Field(() => Int, { nullable: true })
  errorCode!: number | null;
  @Field(() => String, { nullable: true })
  reason!: string | null;
  @Field(() => JSONObject, { nullable: true, description: 'What the webhook had to say to the device.' })
  payload!: unknown;
  @Field(() => DateTime)
  createdAt!: string;
  @Field(() => DateTime)
  updatedAt!: string;
  @Field(() => Decision, { nullable: true })
  decision!: Decision;
  @Field(() => RejectedAttempt, { nullable: true, description: 'The latest attempt by somebody else, if any.' })
  rejected!: RejectedAttempt | null;
}

@ObjectType()
export class RegistrationConnection extends connectionOf('Registration', Registration) {}

@ObjectType()
export class RegistrationPayload extends Payload {
  @Field(() => String, {
    nullable: true,
    description: 'The hub that has one device less; null when the device was on none, or nothing was released.',
  })
  releasedFrom!: string | null;
}

@ObjectType({ description: 'What came of one row, as its single mutation would say it. `field` leads through `rows`.' })
export class RegistrationRowPayload extends RegistrationPayload {
  @Field(() => String)
  registrationId!: string;
}

@ObjectType({ description: '`userErrors` and `position` are those of the call: errors of rows stand with them.' })
export class RegistrationsPayload extends Payload {
  @Field(() => [RegistrationRowPayload], {
    description: 'One for each row, in their order; none when there were too many.',
  })
  rows!: RegistrationRowPayload[];
}

@InputType()
export class RegistrationFilter {
  @Field(() => RegistrationStatus, { nullable: true })
  status?: Status | null;
  @Field(() => String, { nullable: true, description: 'Name of the hub the device is on.' })
  hub?: string | null;
  @Field(() => String, {
    nullable: true,
    description: 'Name of the group the device came through last; also of one that is gone.',
  })
  enrollmentGroup?: string | null;
  @Field(() => String, { nullable: true, description: 'Without regard to case.' })
  registrationIdPrefix?: string | null;
}

@ArgsType()
export class RegistrationsArgs extends PageArgs {
  @Field(() => RegistrationFilter, { nullable: true })
  filter?: RegistrationFilter | null;
}

export function registrationOf(row: RegistrationRow): Registration {
  const payload = row.status === 'assigned' ? (row.decision.webhook?.payload ?? null) : null;
  return { ...row, payload, __typename: 'Registration', id: globalId('Registration', row.registrationId) };
}
