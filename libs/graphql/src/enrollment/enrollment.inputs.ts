import { ArgsType, Field, InputType } from '@nestjs/graphql';
import { AttestationInput, KeyRotateInput } from '../attestation/attestation.inputs.js';
import { Slot } from '../attestation/attestation.types.js';
import { ExpectedVersion } from '../expected-version.js';
import { PageArgs } from '../relay/page-args.js';
import { JSONObject } from '../scalars.js';
import { TermsInput, TermsUpdateInput } from './terms.inputs.js';

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
export class EnrollmentUpdateInput extends TermsUpdateInput {
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
export class EnrollmentKeyRotateInput extends KeyRotateInput {
  @Field(() => String)
  registrationId!: string;
}

@InputType()
export class EnrollmentCertificateReplaceInput extends ExpectedVersion {
  @Field(() => String)
  registrationId!: string;
  @Field(() => Slot)
  slot!: (typeof Slot)[keyof typeof Slot];
  @Field(() => String, { nullable: true, description: 'PEM or base64 DER; null empties the slot.' })
  certificate?: string | null;
}

@InputType()
export class EnrollmentDeleteInput extends ExpectedVersion {
  @Field(() => String)
  registrationId!: string;
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
