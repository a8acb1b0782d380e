import { Field, InputType } from '@nestjs/graphql';
import { GroupAttestationInput, KeyRotateInput } from '../attestation/attestation.inputs.js';
import { Slot } from '../attestation/attestation.types.js';
import { TermsInput, TermsUpdateInput } from '../enrollment/terms.inputs.js';
import { ExpectedVersion } from '../expected-version.js';

@InputType()
export class EnrollmentGroupCreateInput extends TermsInput {
  @Field(() => String)
  name!: string;
  @Field(() => GroupAttestationInput)
  attestation!: GroupAttestationInput;
  @Field(() => Boolean, { nullable: true, defaultValue: true })
  enabled?: boolean | null;
  @Field(() => String, {
    nullable: true,
    description: 'Makes repeating safe: the same key with the same input is answered like the first time.',
  })
  idempotencyKey?: string | null;
}

@InputType({ description: 'Fields that are left out keep their value.' })
export class EnrollmentGroupUpdateInput extends TermsUpdateInput {
  @Field(() => String)
  name!: string;
  @Field(() => GroupAttestationInput, {
    nullable: true,
    description: 'All keys or certificates anew. A group with keys stays one with keys.',
  })
  attestation?: GroupAttestationInput | null;
  @Field(() => Boolean, { nullable: true })
  enabled?: boolean | null;
}

@InputType()
export class EnrollmentGroupKeyRotateInput extends KeyRotateInput {
  @Field(() => String)
  name!: string;
}

@InputType({ description: 'With neither `certificate` nor `caCertificate` the slot is emptied.' })
export class EnrollmentGroupCertificateReplaceInput extends ExpectedVersion {
  @Field(() => String)
  name!: string;
  @Field(() => Slot)
  slot!: (typeof Slot)[keyof typeof Slot];
  @Field(() => String, { nullable: true, description: 'PEM or base64 DER, for a group with certificates of its own.' })
  certificate?: string | null;
  @Field(() => String, {
    nullable: true,
    description: 'Name of an uploaded CA certificate, for a group that names them.',
  })
  caCertificate?: string | null;
}

@InputType()
export class EnrollmentGroupDeleteInput extends ExpectedVersion {
  @Field(() => String)
  name!: string;
}
