import { Field, InputType, Int } from '@nestjs/graphql';
import { labelsMax } from '@berth/domain';
import { ExpectedVersion } from '../expected-version.js';
import { LabelInput } from './label.types.js';

@InputType()
export class HubLinkInput {
  @Field(() => String)
  name!: string;
  @Field(() => Int, {
    nullable: true,
    defaultValue: 1,
    description: 'Share of new devices relative to the other hubs, 1–1000.',
  })
  weight?: number | null;
  @Field(() => Int, { nullable: true, description: 'Most devices it takes; null is unbounded.' })
  capacity?: number | null;
  @Field(() => String, { nullable: true })
  region?: string | null;
  @Field(() => [LabelInput], { nullable: true, description: `At most ${labelsMax.hub}, each key once.` })
  labels?: LabelInput[] | null;
  @Field(() => String, { nullable: true, description: "The hub's connection string. Kept encrypted, never given out." })
  connection?: string | null;
}

@InputType({ description: 'A field left out keeps its value.' })
export class HubUpdateInput extends ExpectedVersion {
  @Field(() => String)
  name!: string;
  @Field(() => Int, { nullable: true })
  weight?: number | null;
  @Field(() => Int, { nullable: true, description: 'Null makes it unbounded.' })
  capacity?: number | null;
  @Field(() => String, { nullable: true, description: 'Null removes it.' })
  region?: string | null;
  @Field(() => [LabelInput], { nullable: true, description: 'All that it has from now on; null removes them.' })
  labels?: LabelInput[] | null;
}

@InputType()
export class HubCordonInput {
  @Field(() => String)
  name!: string;
}

@InputType()
export class HubDrainInput {
  @Field(() => String)
  name!: string;
}

@InputType()
export class HubUnlinkInput {
  @Field(() => String)
  name!: string;
  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Unlink it also when the default policy or enrollments name it.',
  })
  force?: boolean | null;
}
