import { type RateLimits } from '@berth/platform';
import { type DocumentNode, GraphQLError, type OperationDefinitionNode, OperationTypeNode } from 'graphql';
import { weightOf } from './document-limits.js';

/** The caller has asked for too many mutations in a minute. Nothing of the document was done. */
export class Throttled extends GraphQLError {
  constructor(readonly retryAfterS: number) {
    const message = `Too many operations in a minute: ask again in ${retryAfterS} s.`;
    super(message, { extensions: { code: 'THROTTLED', retryAfterS } });
  }
}

/** Counts the mutations of an operation for its caller. @throws Throttled. */
export function countMutations(
  rates: RateLimits,
  caller: string,
  document: DocumentNode,
  operation: OperationDefinitionNode | null | undefined,
): void {
  if (operation?.operation !== OperationTypeNode.MUTATION) return;
  const waitS = rates.take('operationsPerMinute', caller, weightOf(document, operation));
  if (waitS !== null) throw new Throttled(waitS);
}
