import { Field, ObjectType } from '@nestjs/graphql';
import { Payload } from '../payload.js';
import { EnrollmentGroupPayload } from './enrollment-group.types.js';

@ObjectType({ description: 'What came of one row, as its single mutation would say it. `field` leads through `rows`.' })
export class EnrollmentGroupRowPayload extends EnrollmentGroupPayload {
  @Field(() => String)
  name!: string;
}

@ObjectType({ description: '`userErrors` and `position` are those of the call: errors of rows stand with them.' })
export class EnrollmentGroupsPayload extends Payload {
  @Field(() => [EnrollmentGroupRowPayload], {
    description: 'One for each row, in their order; none when there were too many.',
  })
  rows!: EnrollmentGroupRowPayload[];
}
