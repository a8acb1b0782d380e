import { type CaCertificate as State } from '@berth/domain';
import { type CaCertificateRow } from '@berth/read-model';
import { Field, InputType, Int, ObjectType } from '@nestjs/graphql';
import { CertificateInfo, certificateOf } from '../attestation/attestation.types.js';
import { type Unread } from '../enrollment/terms.types.js';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { DateTime } from '../scalars.js';

@ObjectType({
  implements: () => [Node],
  description: "An uploaded CA certificate. Chains of groups' devices must reach a verified one.",
})
export class CaCertificate implements Node {
  readonly __typename = 'CaCertificate';
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => CertificateInfo)
  certificate!: CertificateInfo;
  @Field(() => Boolean, { description: 'Whether somebody has shown, or vouched for, having its key.' })
  verified!: boolean;
  @Field(() => String, {
    nullable: true,
    description:
      'The common name of the certificate that proves possession; null before `caCertificateVerificationBegin`.',
  })
  verificationCode!: string | null;
  @Field(() => Int)
  version!: number;
  @Field(() => DateTime)
  createdAt!: string;
  @Field(() => DateTime)
  updatedAt!: string;
}

export type CaCertificateSource = Omit<CaCertificate, 'createdAt' | 'updatedAt'> & Unread;

@ObjectType()
export class CaCertificateConnection extends connectionOf('CaCertificate', CaCertificate) {}

@ObjectType()
export class CaCertificatePayload extends Payload {
  @Field(() => CaCertificate, {
    nullable: true,
    description: 'The CA certificate after the change; null when refused or deleted.',
  })
  caCertificate!: CaCertificateSource | null;
}

@InputType()
export class CaCertificateUploadInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, { description: 'PEM or base64 DER.' })
  certificate!: string;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Takes your word that the CA is yours, without proof of possession.',
  })
  verified?: boolean | null;
}

@InputType()
export class CaCertificateVerificationBeginInput {
  @Field(() => String)
  name!: string;
}

@InputType()
export class CaCertificateVerifyInput {
  @Field(() => String)
  name!: string;
  @Field(() => String, {
    nullable: true,
    description:
      'A certificate that the CA issued, PEM or base64 DER, with the verification code as common name. Left out: your word is taken.',
  })
  verificationCertificate?: string | null;
}

@InputType()
export class CaCertificateDeleteInput {
  @Field(() => String)
  name!: string;
}

export function caCertificateOf(
  source: CaCertificateRow | Extract<State, { status: 'uploaded' }>,
  version: number,
  changedAt: bigint | null = null,
): CaCertificateSource {
  const { name, verified } = source;
  return {
    __typename: 'CaCertificate',
    id: globalId('CaCertificate', name),
    name,
    certificate: certificateOf(source),
    verified,
    verificationCode: 'code' in source ? source.code : source.verificationCode,
    version,
    times: 'createdAt' in source ? source : null,
    changedAt,
  };
}
