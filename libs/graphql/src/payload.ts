import { Field, ObjectType } from '@nestjs/graphql';
import { UserError } from './user-error.js';

/** What every mutation's payload has beside the changed object. */
@ObjectType({ isAbstract: true })
export abstract class Payload {
  @Field(() => [UserError], { description: 'Empty means success.' })
  userErrors!: UserError[];
  @Field(() => String, {
    nullable: true,
    description:
      'Place of the last event of what was asked about, also when nothing changed: send it as `berth-min-position` to read your own write. Null when it has no events.',
  })
  position!: string | null;
}

export function positionText(position: bigint | null): string | null {
  return position === null ? null : position.toString();
}
