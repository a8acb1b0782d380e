import { ReadModel } from '@berth/read-model';
import { UseFilters } from '@nestjs/common';
import { Args, Context, Float, Resolver, Subscription } from '@nestjs/graphql';
import { badInput } from '../bad-input.js';
import { PassOn } from '../pass-on.filter.js';
import { RequestContext } from '../request-context.js';
import { HubLoadFeed } from './hub-load-feed.js';
import { HubLoad } from './hub.types.js';

/** Most loads a second that one subscriber gets. */
const maxPerSecondMax = 10;

@UseFilters(PassOn)
@Resolver()
export class HubLoadResolver {
  constructor(private readonly readModel: ReadModel) {}

  @Subscription(() => [HubLoad], {
    name: 'hubLoads',
    description: 'The loads now, and again when they have changed; what happens in between is left out.',
  })
  hubLoadsChanged(
    @Context() context: RequestContext,
    @Args('maxPerSecond', { type: () => Float, defaultValue: 1, description: `Above 0, at most ${maxPerSecondMax}.` })
    maxPerSecond: number,
  ): HubLoadFeed {
    if (!(maxPerSecond > 0 && maxPerSecond <= maxPerSecondMax)) {
      throw badInput(`\`maxPerSecond\` is above 0 and at most ${maxPerSecondMax}.`);
    }
    return new HubLoadFeed(this.readModel, context, 1_000 / maxPerSecond);
  }
}
