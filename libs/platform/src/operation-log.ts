import { type FastifyInstance, type FastifyRequest } from 'fastify';
import { isIPv4 } from 'node:net';

/** What a route says of the operation that a request came to, beyond what the request shows by itself. */
export interface OperationFacts {
  operationName: string;
  actor: string;
  correlationId: string;
  /** Codes of what went wrong in an answer whose status doesn't tell; empty: nothing. */
  errorCodes: readonly string[];
}

/** A line of the log, with the columns of the reference service's. */
export interface OperationLine {
  time: string;
  level: 'Informational' | 'Warning' | 'Error';
  operationName: string;
  correlationId: string | null;
  actor: string | null;
  durationMs: number;
  resultType: 'Success' | 'ClientError' | 'ServerError';
  /** The status of HTTP. */
  resultSignature: number;
  resultDescription: string | null;
  /** Its last part is masked. */
  callerIpAddress: string;
  properties: { protocol: string; type: string };
}

const levels = { Success: 'Informational', ClientError: 'Warning', ServerError: 'Error' } as const;
/** Asked all the time by machines, and change nothing. */
const unlogged = /^\/(health|metrics)(\/|$)/;
const serverErrors = new Set(['INTERNAL_SERVER_ERROR', 'STORE_UNAVAILABLE', 'LOG_AWAY', 'PROJECTION_LAGGING']);
const facts = new WeakMap<FastifyRequest, Partial<OperationFacts>>();

/** For the line of this request, if one is written; beside what was said of it before. */
export function describeOperation(request: FastifyRequest, said: Partial<OperationFacts>): void {
  facts.set(request, { ...facts.get(request), ...said });
}

/** Writes a line for each request that is answered, but for those about health and metrics. */
export function logOperations(fastify: FastifyInstance, write: (line: OperationLine) => void): void {
  fastify.addHook('onResponse', async (request, reply) => {
    const { url = request.url } = request.routeOptions;
    if (unlogged.test(url)) return;
    const said = facts.get(request);
    const codes = said?.errorCodes ?? [];
    const { statusCode } = reply;
    const resultType = resultTypeOf(statusCode, codes);
    write({
      time: new Date().toISOString(),
      level: levels[resultType],
      operationName: said?.operationName ?? `${request.method} ${url}`,
      correlationId: said?.correlationId ?? null,
      actor: said?.actor ?? null,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      resultType,
      resultSignature: statusCode,
      resultDescription: codes.length > 0 ? codes.join(', ') : null,
      callerIpAddress: masked(request.ip),
      properties: { protocol: `HTTP/${request.raw.httpVersion}`, type: request.method },
    });
  });
}

function resultTypeOf(status: number, codes: readonly string[]): OperationLine['resultType'] {
  if (status >= 500 || codes.some((code) => serverErrors.has(code))) return 'ServerError';
  return status >= 400 || codes.length > 0 ? 'ClientError' : 'Success';
}

function masked(address: string): string {
  const mapped = address.replace(/^::ffff:/i, '');
  return isIPv4(mapped) ? mapped.replace(/\d+$/, '***') : address.replace(/[^:]*$/, '***');
}
