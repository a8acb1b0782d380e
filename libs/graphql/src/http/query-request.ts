import { badInput } from '../bad-input.js';

export interface QueryRequest {
  query: string;
  variables: Record<string, unknown>;
  operationName: string | undefined;
}

/** What can only be JSON, and never the start of a GraphQL document. */
const jsonStart = /^\s*(?:\{\s*["}]|["[\d-]|(?:true|false|null)\b)/;

/** @throws GraphQLError BAD_USER_INPUT for what is no GraphQL request. */
export function parseQueryRequest(body: unknown): QueryRequest {
  if (Array.isArray(body)) throw badInput('One operation a request, please: batches are not taken.');
  if (typeof body !== 'object' || body === null) throw badInput('The body is a JSON object with `query`.');
  const { query, variables, operationName } = body as Record<string, unknown>;
  // Mercurius takes a document's syntax tree as JSON for a query too, past the parser's limits.
  if (typeof query !== 'string' || jsonStart.test(query)) throw badInput('`query` is a GraphQL document as a string.');
  if (variables !== undefined && variables !== null && (typeof variables !== 'object' || Array.isArray(variables))) {
    throw badInput('`variables` is a JSON object.');
  }
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') {
    throw badInput('`operationName` is a string.');
  }
  return { query, variables: (variables ?? {}) as Record<string, unknown>, operationName: operationName ?? undefined };
}
