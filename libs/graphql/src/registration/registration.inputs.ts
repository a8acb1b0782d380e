import { Field, InputType } from '@nestjs/graphql';

@InputType()
export class RegistrationReleaseInput {
  @Field(() => String)
  registrationId!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Makes asking again safe: the same key is the same release, also when the first one got no answer.',
  })
  idempotencyKey?: string | null;
}

@InputType()
export class RegistrationsReleaseInput {
  @Field(() => [RegistrationReleaseInput])
  rows!: RegistrationReleaseInput[];
}
