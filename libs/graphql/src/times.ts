import { type ReadModel } from '@berth/read-model';
import { GraphQLError } from 'graphql';
import { caughtUp } from './caught-up.js';
import { type Unread } from './enrollment/terms.types.js';

interface Times {
  createdAt: string;
  updatedAt: string;
}

/** When a record was created and changed last. @throws GraphQLError NOT_FOUND when it is gone meanwhile. */
export async function timesOf(
  readModel: ReadModel,
  { times, changedAt }: Unread,
  read: () => Promise<Times | null>,
): Promise<Times> {
  if (times) return times;
  if (changedAt !== null) await caughtUp(readModel, changedAt);
  const row = await read();
  if (row) return row;
  throw new GraphQLError('It was deleted meanwhile.', { extensions: { code: 'NOT_FOUND' } });
}
