import { type EnrollmentGroupData } from '@berth/domain';
import { type EnrollmentGroupRow } from '@berth/read-model';
import { Field, ObjectType } from '@nestjs/graphql';
import { GeneratedKeys, GroupAttestation, groupAttestationOf } from '../attestation/attestation.types.js';
import { TermsFields, termsOf, type Unread } from '../enrollment/terms.types.js';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';

@ObjectType({ implements: () => [Node], description: 'The permission of a family of devices to provision.' })
export class EnrollmentGroup extends TermsFields implements Node {
  readonly __typename = 'EnrollmentGroup';
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => GroupAttestation)
  attestation!: GroupAttestation;
}

/** A group without what its resolver still has to find. */
export type EnrollmentGroupSource = Omit<EnrollmentGroup, 'createdAt' | 'updatedAt'> & Unread;

@ObjectType()
export class EnrollmentGroupConnection extends connectionOf('EnrollmentGroup', EnrollmentGroup) {}

@ObjectType()
export class EnrollmentGroupPayload extends Payload {
  @Field(() => EnrollmentGroup, {
    nullable: true,
    description: 'The group after the change; null when refused or deleted.',
  })
  enrollmentGroup!: EnrollmentGroupSource | null;
  @Field(() => GeneratedKeys, {
    nullable: true,
    description: 'Keys that were generated; again only for the same input under the same idempotency key.',
  })
  generatedKeys?: GeneratedKeys | null;
}

export function enrollmentGroupOf(
  source: EnrollmentGroupRow | EnrollmentGroupData,
  version: number,
  changedAt: bigint | null = null,
): EnrollmentGroupSource {
  const { name, attestation } = source;
  return {
    __typename: 'EnrollmentGroup',
    id: globalId('EnrollmentGroup', name),
    name,
    attestation: groupAttestationOf(attestation),
    ...termsOf(source),
    version,
    times: 'createdAt' in source ? source : null,
    changedAt,
  };
}
