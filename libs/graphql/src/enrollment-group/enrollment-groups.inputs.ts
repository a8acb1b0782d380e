import { Field, InputType } from '@nestjs/graphql';
import {
  EnrollmentGroupCreateInput,
  EnrollmentGroupDeleteInput,
  EnrollmentGroupUpdateInput,
} from './enrollment-group.inputs.js';

@InputType()
export class EnrollmentGroupsCreateInput {
  @Field(() => [EnrollmentGroupCreateInput])
  rows!: EnrollmentGroupCreateInput[];
}

@InputType()
export class EnrollmentGroupsUpdateInput {
  @Field(() => [EnrollmentGroupUpdateInput])
  rows!: EnrollmentGroupUpdateInput[];
}

@InputType()
export class EnrollmentGroupsDeleteInput {
  @Field(() => [EnrollmentGroupDeleteInput])
  rows!: EnrollmentGroupDeleteInput[];
}
