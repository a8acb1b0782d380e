import { type RegionLatencies, type RegionLatency } from '@berth/domain';
import { type RegionRow } from '@berth/read-model';
import { Field, Float, InputType, Int, ObjectType } from '@nestjs/graphql';
import { ExpectedVersion } from '../expected-version.js';
import { Node } from '../node/node.js';
import { Payload } from '../payload.js';
import { connectionOf } from '../relay/connection.js';
import { globalId } from '../relay/global-id.js';

@ObjectType({ description: 'How far a hub is from a region.' })
export class RegionHubLatency implements RegionLatency {
  @Field(() => String)
  hub!: string;
  @Field(() => Float, { description: 'Milliseconds.' })
  ms!: number;
}

@ObjectType({
  implements: () => [Node],
  description:
    'How far hubs are from a region, for devices whose `data.region` names it: what LOWEST_LATENCY goes by where neither the registration event nor its gateway says anything fresh.',
})
export class Region implements Node {
  readonly __typename = 'Region';
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => [RegionHubLatency], { description: 'By hub.' })
  latencies!: readonly RegionLatency[];
  @Field(() => Int, { description: 'Counts its changes: what `expectedVersion` is compared with.' })
  version!: number;
}

@ObjectType()
export class RegionConnection extends connectionOf('Region', Region) {}

@ObjectType()
export class RegionPayload extends Payload {
  @Field(() => Region, { nullable: true, description: 'The region after the change; null when refused or forgotten.' })
  region!: Region | null;
}

@InputType()
export class RegionHubLatencyInput implements RegionLatency {
  @Field(() => String, { description: 'A linked hub.' })
  hub!: string;
  @Field(() => Float, { description: 'Milliseconds, 0–86,400,000.' })
  ms!: number;
}

@InputType()
export class RegionLatenciesSetInput extends ExpectedVersion {
  @Field(() => String, {
    description: 'As messages name it, case aside: 1–128 letters, digits, and between them - . _ : / and spaces.',
  })
  region!: string;
  @Field(() => [RegionHubLatencyInput], {
    description: 'All that is known from now on, each hub once; empty: the region is forgotten.',
  })
  latencies!: RegionHubLatencyInput[];
}

export function regionOf({ name, latencies }: Pick<RegionRow, 'name' | 'latencies'>, version: number): Region {
  return { __typename: 'Region', id: globalId('Region', name), name, latencies, version };
}

/** Null for a region that is forgotten. */
export function regionAfter({ region: name, latencies }: RegionLatencies, version: number): Region | null {
  return latencies.length === 0 ? null : regionOf({ name, latencies }, version);
}
