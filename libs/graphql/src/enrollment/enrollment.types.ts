import { type AllocationPolicyKind as Kind, type EnrollmentData } from '@berth/domain';
import { type EnrollmentRow } from '@berth/read-model';
import { Field, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { AllocationPolicyKind } from '../policy/policy.types.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { JSONObject } from '../scalars.js';

export const AttestationType = { SYMMETRIC_KEY: 'symmetricKey', GATEWAY: 'gateway' } as const;
registerEnumType(AttestationType, {
  name: 'AttestationType',
  valuesMap: {
    SYMMETRIC_KEY: { description: 'The device signs a token with one of two keys.' },
    GATEWAY: { description: 'A trusted edge gateway vouches for the device.' },
  },
});

@ObjectType({ description: 'How a device proves who it is. Keys are never given out.' })
export class Attestation {
  @Field(() => AttestationType)
  type!: (typeof AttestationType)[keyof typeof AttestationType];
  @Field(() => [String], { nullable: true, description: 'With GATEWAY: CloudEvents sources that may vouch.' })
  sources!: readonly string[] | null;
}

@ObjectType({ description: 'What happens on a second and later registration.' })
export class ReprovisionPolicy {
  @Field(() => Boolean, { description: 'False: the device stays on its hub while that is linked.' })
  updateHubAssignment!: boolean;
  @Field(() => Boolean, {
    description: 'On a change of hub: true copies the data, false starts from the initial twin.',
  })
  migrateDeviceData!: boolean;
}

@ObjectType({ implements: () => [Node], description: 'The permission of one device to provision.' })
export class Enrollment implements Node {
  readonly __typename = 'Enrollment';
  id!: string;
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, {
    nullable: true,
    description: 'What the hub shall know the device by; null is the registration id.',
  })
  deviceId!: string | null;
  @Field(() => Attestation)
  attestation!: Attestation;
  @Field(() => AllocationPolicyKind, { nullable: true, description: 'Null inherits the default policy.' })
  policy!: Kind | null;
  @Field(() => [String], { description: 'Hubs the device may be placed on; empty is every linked hub.' })
  hubs!: readonly string[];
  @Field(() => ReprovisionPolicy)
  reprovision!: ReprovisionPolicy;
  @Field(() => JSONObject, { nullable: true })
  initialTwin!: unknown;
  @Field(() => Boolean)
  enabled!: boolean;
  @Field(() => Int, { description: 'Counts its changes: what `expectedVersion` is compared with.' })
  version!: number;
  /** Null after a mutation: the read model tells the times once it has reached `changedAt`. */
  times!: { createdAt: string; updatedAt: string } | null;
  changedAt!: bigint | null;
}

@ObjectType()
export class EnrollmentConnection extends connectionOf('Enrollment', Enrollment) {}

@ObjectType({ description: 'Keys that Berth generated, base64. They are not shown again, so keep them.' })
export class GeneratedKeys {
  @Field(() => String, { nullable: true, description: 'Null when the input brought it.' })
  primary!: string | null;
  @Field(() => String, { nullable: true, description: 'Null when the input brought it.' })
  secondary!: string | null;
}

@ObjectType()
export class EnrollmentPayload extends Payload {
  @Field(() => Enrollment, {
    nullable: true,
    description: 'The enrollment after the change; null when refused or deleted.',
  })
  enrollment!: Enrollment | null;
  @Field(() => GeneratedKeys, {
    nullable: true,
    description: 'Keys that creating it generated; again only for the same input under the same idempotency key.',
  })
  generatedKeys?: GeneratedKeys | null;
}

export function enrollmentOf(
  source: EnrollmentRow | EnrollmentData,
  version: number,
  changedAt: bigint | null = null,
): Enrollment {
  const { registrationId, deviceId, attestation, policy, hubs, reprovision, initialTwin, enabled } = source;
  const { type } = attestation;
  return {
    __typename: 'Enrollment',
    id: globalId('Enrollment', registrationId),
    registrationId,
    deviceId,
    attestation: { type, sources: attestation.type === 'gateway' ? attestation.sources : null },
    policy,
    hubs,
    reprovision,
    initialTwin,
    enabled,
    version,
    times: 'createdAt' in source ? source : null,
    changedAt,
  };
}
