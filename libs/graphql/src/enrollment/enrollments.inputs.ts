import { Field, InputType } from '@nestjs/graphql';
import { EnrollmentCreateInput, EnrollmentDeleteInput, EnrollmentUpdateInput } from './enrollment.inputs.js';

@InputType()
export class EnrollmentsCreateInput {
  @Field(() => [EnrollmentCreateInput])
  rows!: EnrollmentCreateInput[];
}

@InputType()
export class EnrollmentsUpdateInput {
  @Field(() => [EnrollmentUpdateInput])
  rows!: EnrollmentUpdateInput[];
}

@InputType()
export class EnrollmentsDeleteInput {
  @Field(() => [EnrollmentDeleteInput])
  rows!: EnrollmentDeleteInput[];
}
