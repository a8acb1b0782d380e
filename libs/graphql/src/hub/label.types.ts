import { type Label as DomainLabel } from '@berth/domain';
import { Field, InputType, ObjectType } from '@nestjs/graphql';

const partShape = '1–63 letters, digits, and between them - . _ /';

@ObjectType({ description: 'What is said of a hub, or wanted of one. Compared exactly, case included.' })
export class Label implements DomainLabel {
  @Field(() => String)
  key!: string;
  @Field(() => String)
  value!: string;
}

@InputType()
export class LabelInput implements DomainLabel {
  @Field(() => String, { description: partShape })
  key!: string;
  @Field(() => String, { description: partShape })
  value!: string;
}
