import { Inject } from '@nestjs/common';
import { Field, ObjectType, Query, Resolver } from '@nestjs/graphql';

@ObjectType({ description: 'This Berth as a whole.' })
export class Deployment {
  @Field({ description: "The ID scope that devices' tokens name." })
  idScope!: string;
}

/** Injection token of the `Deployment` that is served. */
export const DEPLOYMENT = Symbol('Deployment');

@Resolver()
export class DeploymentResolver {
  constructor(@Inject(DEPLOYMENT) private readonly served: Deployment) {}

  @Query(() => Deployment, { description: 'What identifies this Berth towards devices.' })
  deployment(): Deployment {
    return this.served;
  }
}
