import { type EnrollmentData } from '@berth/domain';
import { type EnrollmentRow } from '@berth/read-model';
import { Field, ObjectType } from '@nestjs/graphql';
import { Attestation, attestationOf, GeneratedKeys } from '../attestation/attestation.types.js';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { Registration } from '../registration/registration.types.js';
import { JSONObject } from '../scalars.js';
import { TermsFields, termsOf, type Unread } from './terms.types.js';

@ObjectType({ implements: () => [Node], description: 'The permission of one device to provision.' })
export class Enrollment extends TermsFields implements Node {
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
  @Field(() => JSONObject, { nullable: true, description: 'Whatever was noted down with it.' })
  optionalDeviceInformation!: unknown;
  @Field(() => Registration, {
    nullable: true,
    description: 'The registration of its device; null before the first attempt, and after a release.',
  })
  registration!: Registration | null;
}

/** An enrollment without what its resolver still has to find. */
export type EnrollmentSource = Omit<Enrollment, 'createdAt' | 'updatedAt' | 'registration'> & Unread;

@ObjectType()
export class EnrollmentConnection extends connectionOf('Enrollment', Enrollment) {}

@ObjectType()
export class EnrollmentPayload extends Payload {
  @Field(() => Enrollment, {
    nullable: true,
    description: 'The enrollment after the change; null when refused or deleted.',
  })
  enrollment!: EnrollmentSource | null;
  @Field(() => GeneratedKeys, {
    nullable: true,
    description: 'Keys that were generated; again only for the same input under the same idempotency key.',
  })
  generatedKeys?: GeneratedKeys | null;
}

export function enrollmentOf(
  source: EnrollmentRow | EnrollmentData,
  version: number,
  changedAt: bigint | null = null,
): EnrollmentSource {
  const { registrationId, deviceId, attestation, optionalDeviceInformation } = source;
  return {
    __typename: 'Enrollment',
    id: globalId('Enrollment', registrationId),
    registrationId,
    deviceId,
    attestation: attestationOf(attestation),
    ...termsOf(source),
    optionalDeviceInformation,
    version,
    times: 'createdAt' in source ? source : null,
    changedAt,
  };
}
