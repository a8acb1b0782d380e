import { MasterKeyRotation } from '@berth/control';
import { UseFilters } from '@nestjs/common';
import { Args, Context, Mutation, Query, Resolver } from '@nestjs/graphql';
import { PassOn } from '../pass-on.filter.js';
import { positionText } from '../payload.js';
import { masterKeyError } from '../rejections.js';
import { RequestContext } from '../request-context.js';
import { MasterKeyInUse, masterKeyOf, MasterKeyPayload, MasterKeyRotateInput } from './master-key.types.js';

@UseFilters(PassOn)
@Resolver()
export class MasterKeyResolver {
  constructor(private readonly rotation: MasterKeyRotation) {}

  @Query(() => MasterKeyInUse, { nullable: true, description: 'Null where nothing has ever been kept secret.' })
  async masterKey(): Promise<MasterKeyInUse | null> {
    const { use, version } = await this.rotation.find();
    return masterKeyOf(use, version);
  }

  @Mutation(() => MasterKeyPayload, {
    description:
      'Begins to wrap all data keys by this process’s BERTH_MASTER_KEY, or goes on with it; `masterKey` says how far it is. Every process must have that key by now, and the former ones in BERTH_FORMER_MASTER_KEYS.',
  })
  async masterKeyRotate(
    @Args('input', { type: () => MasterKeyRotateInput }) { expectedVersion }: MasterKeyRotateInput,
    @Context() { origin }: RequestContext,
  ): Promise<MasterKeyPayload> {
    const outcome = await this.rotation.begin(origin, expectedVersion ?? undefined);
    const position = positionText(outcome.position);
    if (!outcome.ok) return { masterKey: null, userErrors: [masterKeyError(outcome.rejection)], position };
    return { masterKey: masterKeyOf(outcome.state, outcome.version), userErrors: [], position };
  }
}
