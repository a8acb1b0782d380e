import { type Label as DomainLabel, type HubState as State, type LinkedHub } from '@berth/domain';
import { type HubLoadRow, type HubRow } from '@berth/read-model';
import { Field, Float, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';
import { Label } from './label.types.js';

export const HubState = { OPEN: 'open', CORDONED: 'cordoned', DRAINING: 'draining' } as const satisfies Record<
  string,
  State
>;
registerEnumType(HubState, {
  name: 'HubState',
  valuesMap: {
    OPEN: { description: 'Takes devices.' },
    CORDONED: { description: 'Keeps the devices it has and takes no new ones.' },
    DRAINING: {
      description: 'Takes none, and gives its devices away as they register again and another hub can take them.',
    },
  },
});

@ObjectType({ description: 'Devices on a hub, and what that is of its share and capacity.' })
export class HubLoad implements HubLoadRow {
  @Field(() => String)
  hub!: string;
  @Field(() => Int)
  devices!: number;
  @Field(() => Float, { description: 'Part of all assigned devices, 0–1.' })
  share!: number;
  @Field(() => Float, { description: "The hub's part of all weights, 0–1." })
  targetShare!: number;
  @Field(() => Float, { nullable: true, description: 'Part of the capacity in use; null without a capacity.' })
  utilization!: number | null;
}

@ObjectType({ implements: () => [Node], description: 'A linked hub: a back end that takes devices.' })
export class Hub implements Node {
  readonly __typename = 'Hub';
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => HubState)
  state!: State;
  @Field(() => Int, { description: 'Share of new devices relative to the other hubs, 1–1000.' })
  weight!: number;
  @Field(() => Int, { nullable: true, description: 'Most devices it takes; null is unbounded.' })
  capacity!: number | null;
  @Field(() => String, { nullable: true })
  region!: string | null;
  @Field(() => [Label], { description: 'By key.' })
  labels!: readonly DomainLabel[];
  @Field(() => Int, { description: 'Counts its changes: what `expectedVersion` is compared with.' })
  version!: number;
  /** After a mutation: position that a read model must have reached to tell this hub's load; null when it was read there. */
  changedAt!: bigint | null;
}

@ObjectType()
export class HubConnection extends connectionOf('Hub', Hub) {}

@ObjectType()
export class HubPayload extends Payload {
  @Field(() => Hub, { nullable: true, description: 'The hub after the change; null when refused or unlinked.' })
  hub!: Hub | null;
}

export function hubOf(hub: Omit<HubRow, 'version'> | LinkedHub, version: number, changedAt: bigint | null = null): Hub {
  const { name, state, weight, capacity, region, labels = [] } = hub;
  const said = { name, state, weight, capacity, region, labels };
  return { __typename: 'Hub', id: globalId('Hub', name), ...said, version, changedAt };
}
