import { type ReadModel } from '@berth/read-model';
import { GraphQLError } from 'graphql';
import { positionText } from './payload.js';

/** How long a request waits for the read model to show what it wants to see. */
export const catchUpDeadlineMs = 2_000;

/** @throws GraphQLError PROJECTION_LAGGING (retriable) with the position reached, when that takes too long. */
export async function caughtUp(readModel: ReadModel, position: bigint): Promise<void> {
  if (await readModel.reached(position, catchUpDeadlineMs)) return;
  throw new GraphQLError(`The read model does not show position ${position} yet: ask again.`, {
    extensions: { code: 'PROJECTION_LAGGING', retriable: true, position: positionText(readModel.position()) },
  });
}
