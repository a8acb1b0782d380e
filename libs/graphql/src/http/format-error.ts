import { Logger } from '@nestjs/common';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

const logger = new Logger('GraphQL');

/** Where an error without a code of its own came from. */
export type Phase = 'request' | 'execution';

/**
 * An error as a client gets it: always with a code, never with a stack or the words of an unexpected failure. Those are
 * logged under the request's correlation id.
 */
export function formatError(error: unknown, phase: Phase, correlationId: string): GraphQLFormattedError {
  const { message, locations, path } = error instanceof GraphQLError ? error : new GraphQLError('');
  const place = { ...(locations && { locations }), ...(path && { path }) };
  const cause = rootCause(error);
  const own = codeIn(error) ?? codeIn(cause);
  if (own) return { message: messageOf(cause, message), ...place, extensions: own };
  const fault = faultIn(cause);
  if (fault) {
    logger.warn({ message: 'A request met a fault', code: fault.extensions['code'], correlationId });
    return { ...fault, ...place };
  }
  if (cause instanceof GraphQLError && (phase === 'request' || !path)) {
    return { message, ...place, extensions: { code: requestCode(message) } };
  }
  // The parser calls itself for every level, and no honest document exhausts the stack.
  if (phase === 'request' && cause instanceof RangeError) {
    return { message: 'Syntax Error: nested too deep.', extensions: { code: 'GRAPHQL_PARSE_FAILED' } };
  }
  logger.error(
    { message: 'A request failed unexpectedly', correlationId },
    cause instanceof Error ? cause.stack : undefined,
  );
  return {
    message: 'Something went wrong inside Berth. Its log says more under the correlation id.',
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', correlationId },
  };
}

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function messageOf(cause: unknown, fallback: string): string {
  return fallback !== '' || !(cause instanceof Error) ? fallback : cause.message;
}

function codeIn(error: unknown): Record<string, unknown> | null {
  if (!(error instanceof GraphQLError)) return null;
  // The compiler's errors have none.
  const extensions = error.extensions as Record<string, unknown> | undefined;
  return typeof extensions?.['code'] === 'string' ? extensions : null;
}

/** What is said of faults instead of their own words, which are for operators. */
const faultMessages: Readonly<Record<string, string>> = {
  STORE_UNAVAILABLE:
    'The event store does not answer. What was asked may or may not have happened; asking again is safe.',
  REVISION_CONFLICT: 'Too many changes of the same thing at once. Nothing was changed: ask again.',
  LOG_AWAY: 'The registration log does not answer. What was asked may or may not happen; asking again is safe.',
  RELEASE_UNDECIDED:
    'The release is in the log, and will happen once an allocator comes to it: ask again with the same idempotencyKey.',
};

/** Faults of adapters carry a code and whether asking again may help. */
export function faultIn(cause: unknown): { message: string; extensions: Record<string, unknown> } | null {
  if (!(cause instanceof Error) || !('code' in cause) || !('retriable' in cause)) return null;
  if (typeof cause.code !== 'string') return null;
  const code = cause.code.toUpperCase().replaceAll('-', '_');
  const retriable = cause.retriable === true || code === 'REVISION_CONFLICT';
  const message = faultMessages[code];
  if (message === undefined && !retriable) return null;
  return { message: message ?? 'A part of Berth does not answer: ask again.', extensions: { code, retriable } };
}

function requestCode(message: string): string {
  if (message.startsWith('Syntax Error')) return 'GRAPHQL_PARSE_FAILED';
  return message.startsWith('Variable "$') ? 'BAD_USER_INPUT' : 'GRAPHQL_VALIDATION_FAILED';
}
