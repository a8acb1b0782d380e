import { GraphQLError } from 'graphql';

/** A request that can't be answered as it was put; the message says what to do. */
export function badInput(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });
}
