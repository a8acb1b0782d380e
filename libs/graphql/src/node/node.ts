import { Field, ID, InterfaceType } from '@nestjs/graphql';
import { type NodeType } from '../relay/global-id.js';

/** A durable object. Values carry their type's name, so that an interface can be resolved without asking again. */
@InterfaceType({
  description: 'Anything durable: `node(id)` finds it again.',
  resolveType: (value: { __typename: NodeType }) => value.__typename,
})
export abstract class Node {
  @Field(() => ID, { description: 'Opaque and unique among all types.' })
  id!: string;
}
