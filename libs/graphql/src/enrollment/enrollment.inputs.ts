import { ArgsType, Field, InputType, Int } from '@nestjs/graphql';
import { AllocationPolicyKind, type AskedPolicyKind } from '../policy/policy.types.js';
import { PageArgs } from '../relay/page-args.js';
import { JSONObject } from '../scalars.js';

@InputType({ description: 'Base64 of 16–64 bytes each; one that is left out is generated.' })
export class SymmetricKeyInput {
  @Field(() => String, { nullable: true })
  primary?: string | null;
  @Field(() => String, { nullable: true })
  secondary?: string | null;
}

@InputType()
export class GatewayInput {
  @Field(() => [String], { description: 'CloudEvents sources that may vouch for the device.' })
  sources!: string[];
}

@InputType({ description: 'Exactly one of these.' })
export class AttestationInput {
  @Field(() => SymmetricKeyInput, { nullable: true })
  symmetricKey?: SymmetricKeyInput | null;
  @Field(() => JSONObject, {
    nullable: true,
    description: 'Not supported by this version: refused with ATTESTATION_NOT_SUPPORTED.',
  })
  x509?: unknown;
  @Field(() => GatewayInput, { nullable: true })
  gateway?: GatewayInput | null;
}

@InputType()
export class ReprovisionInput {
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  updateHubAssignment?: boolean | null;
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  migrateDeviceData?: boolean | null;
}

@InputType()
export class EnrollmentCreateInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, { nullable: true })
  deviceId?: string | null;
  @Field(() => AttestationInput)
  attestation!: AttestationInput;
  @Field(() => AllocationPolicyKind, { nullable: true, description: 'Left out: the default policy.' })
  policy?: AskedPolicyKind | null;
  @Field(() => [String], {
    nullable: true,
    description: 'Left out: every linked hub. With STATIC: in order of preference.',
  })
  hubs?: string[] | null;
  @Field(() => ReprovisionInput, { nullable: true })
  reprovision?: ReprovisionInput | null;
  @Field(() => JSONObject, { nullable: true })
  initialTwin?: Record<string, unknown> | null;
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  enabled?: boolean | null;
  @Field(() => String, {
    nullable: true,
    description: 'Makes repeating safe: the same key with the same input is answered like the first time.',
  })
  idempotencyKey?: string | null;
}

@InputType()
export class EnrollmentUpdateInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => Boolean)
  enabled!: boolean;
  @Field(() => Int, { nullable: true, description: 'Refuse with VERSION_CONFLICT when the version is another.' })
  expectedVersion?: number | null;
}

@InputType()
export class EnrollmentDeleteInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => Int, { nullable: true, description: 'Refuse with VERSION_CONFLICT when the version is another.' })
  expectedVersion?: number | null;
}

@InputType()
export class EnrollmentFilter {
  @Field(() => Boolean, { nullable: true })
  enabled?: boolean | null;
  @Field(() => String, { nullable: true, description: 'Without regard to case.' })
  registrationIdPrefix?: string | null;
}

@ArgsType()
export class EnrollmentsArgs extends PageArgs {
  @Field(() => EnrollmentFilter, { nullable: true })
  filter?: EnrollmentFilter | null;
}
