import { Field, ObjectType } from '@nestjs/graphql';
import { Payload } from '../payload.js';
import { EnrollmentPayload } from './enrollment.types.js';

@ObjectType({ description: 'What came of one row, as its single mutation would say it. `field` leads through `rows`.' })
export class EnrollmentRowPayload extends EnrollmentPayload {
  @Field(() => String)
  registrationId!: string;
}

@ObjectType({ description: '`userErrors` and `position` are those of the call: errors of rows stand with them.' })
export class EnrollmentsPayload extends Payload {
  @Field(() => [EnrollmentRowPayload], {
    description: 'One for each row, in their order; none when there were too many.',
  })
  rows!: EnrollmentRowPayload[];
}
