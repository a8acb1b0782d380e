import { ArgsType, Field, InputType, Int } from '@nestjs/graphql';
import { AttestationInput } from '../attestation/attestation.inputs.js';
import { Slot } from '../attestation/attestation.types.js';
import { PageArgs } from '../relay/page-args.js';
import { JSONObject } from '../scalars.js';
import { ExpectedVersion, TermsInput } from './terms.inputs.js';

@InputType()
export class EnrollmentCreateInput extends TermsInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, { nullable: true })
  deviceId?: string | null;
  @Field(() => AttestationInput)
  attestation!: AttestationInput;
  @Field(() => JSONObject, { nullable: true })
  optionalDeviceInformation?: Record<string, unknown> | null;
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  enabled?: boolean | null;
  @Field(() => String, {
    nullable: true,
    description: 'Makes repeating safe: the same key with the same input is answered like the first time.',
  })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Fields that are left out keep their value.' })
export class EnrollmentUpdateInput extends ExpectedVersion {
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, { nullable: true })
  deviceId?: string | null;
  @Field(() => AttestationInput, {
    nullable: true,
    description: 'All keys, certificates or sources anew, of the same kind as before.',
  })
  attestation?: AttestationInput | null;
  @Field(() => JSONObject, { nullable: true })
  optionalDeviceInformation?: Record<string, unknown> | null;
  @Field(() => Boolean, { nullable: true })
  enabled?: boolean | null;
}

@InputType()
export class EnrollmentKeyRotateInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => Slot)
  slot!: (typeof Slot)[keyof typeof Slot];
  @Field(() => String, { nullable: true, description: 'Base64 of 16–64 bytes; generated when left out.' })
  key?: string | null;
  @Field(() => Int, { nullable: true, description: 'Refuse with VERSION_CONFLICT when the version is another.' })
  expectedVersion?: number | null;
}

@InputType()
export class EnrollmentCertificateReplaceInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => Slot)
  slot!: (typeof Slot)[keyof typeof Slot];
  @Field(() => String, { nullable: true, description: 'PEM or base64 DER; null empties the slot.' })
  certificate?: string | null;
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
