import { Field, InputType, Int } from '@nestjs/graphql';

/** What every change of a record may say besides. */
@InputType({ isAbstract: true })
export class ExpectedVersion {
  @Field(() => Int, { nullable: true, description: 'Refuse with VERSION_CONFLICT when the version is another.' })
  expectedVersion?: number | null;
}
