import { Field, Int, ObjectType, registerEnumType } from '@nestjs/graphql';

const codes = [
  'ATTESTATION_TYPE_FIXED',
  'CA_CERTIFICATE_EXISTS',
  'CA_CERTIFICATE_NOT_FOUND',
  'CA_CERTIFICATE_REFERENCED',
  'CERTIFICATE_IN_USE',
  'CERTIFICATE_MISSING',
  'CERTIFICATE_NAMED_TWICE',
  'CUSTOM_NEEDS_WEBHOOK',
  'DEVICE_INFORMATION_TOO_LARGE',
  'ENROLLMENT_EXISTS',
  'ENROLLMENT_NOT_FOUND',
  'GATEWAY_NEEDS_SOURCES',
  'GROUP_EXISTS',
  'GROUP_NOT_FOUND',
  'HUBS_ONLY_FOR_STATIC',
  'HUB_ALREADY_LINKED',
  'HUB_NAMED_TWICE',
  'HUB_NOT_LINKED',
  'HUB_REFERENCED',
  'IDEMPOTENCY_KEY_REUSED',
  'INITIAL_TWIN_TOO_LARGE',
  'INVALID_API_VERSION',
  'INVALID_ATTESTATION',
  'INVALID_CAPACITY',
  'INVALID_CA_CERTIFICATE_NAME',
  'INVALID_CERTIFICATE',
  'INVALID_CONNECTION',
  'INVALID_DEADLINE',
  'INVALID_DEVICE_ID',
  'INVALID_GROUP_NAME',
  'INVALID_HUB_NAME',
  'INVALID_IDEMPOTENCY_KEY',
  'INVALID_LABEL',
  'INVALID_LATENCY',
  'INVALID_REGION',
  'INVALID_REGISTRATION_ID',
  'INVALID_SOURCE',
  'INVALID_SYMMETRIC_KEY',
  'INVALID_TPM_KEY',
  'INVALID_VALIDITY',
  'INVALID_WEBHOOK_URL',
  'INVALID_WEIGHT',
  'LABEL_NAMED_TWICE',
  'OTHER_KEY_LOST',
  'OTHER_MASTER_KEY',
  'OUTCOME_UNKNOWN',
  'REGISTRATION_NOT_FOUND',
  'STATIC_NEEDS_HUBS',
  'TOO_MANY_CA_CERTIFICATES',
  'TOO_MANY_GROUPS',
  'TOO_MANY_HUBS',
  'TOO_MANY_LABELS',
  'TOO_MANY_REGIONS',
  'TOO_MANY_ROWS',
  'TOO_MANY_SOURCES',
  'VERIFICATION_FAILED',
  'VERIFICATION_NOT_BEGUN',
  'VERSION_CONFLICT',
  'WEBHOOK_HOST_NOT_ALLOWED',
  'WEBHOOK_ONLY_FOR_CUSTOM',
] as const;

export type UserErrorCode = (typeof codes)[number];
const UserErrorCodes = Object.fromEntries(codes.map((code) => [code, code]));
registerEnumType(UserErrorCodes, {
  name: 'UserErrorCode',
  description: 'Why a mutation was refused. Codes are stable, messages are not; expect new ones.',
});

@ObjectType({ description: 'An expected refusal. Nothing was changed.' })
export class UserError {
  @Field(() => UserErrorCodes)
  code!: UserErrorCode;
  @Field(() => [String], { nullable: true, description: 'Path into the arguments; null when no field is to blame.' })
  field!: string[] | null;
  @Field(() => String)
  message!: string;
  @Field(() => Int, { nullable: true, description: 'With VERSION_CONFLICT: the version that holds now.' })
  currentVersion?: number | null;
}
