import { type Origin } from '@berth/control';
import { Authenticator, describeOperation, RateLimits } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type ExecutionResult, getOperationAST, type GraphQLFormattedError, Kind, OperationTypeNode } from 'graphql';
import { caughtUp } from '../caught-up.js';
import { registerGraphiql } from '../graphiql/graphiql-page.js';
import { positionText } from '../payload.js';
import { RequestContext } from '../request-context.js';
import { excess, rootFieldsOf } from './document-limits.js';
import { formatError } from './format-error.js';
import { parseQueryRequest } from './query-request.js';
import { Forbidden, mustBeAllowed } from './rights.js';
import { minPositionOf, originOf } from './request-headers.js';
import { countMutations, Throttled } from './throttled.js';

export const graphqlPath = '/graphql';
/** Largest request body: a bulk mutation's rows may have 16 KB each. */
const bodyBytesMax = 4 * 1024 * 1024;

const unauthorized = { errors: [{ message: 'Unauthorized', extensions: { code: 'UNAUTHENTICATED' } }] };

/**
 * GraphQL over HTTP, answered by Mercurius. The routes are our own: who asks is settled before the body is read, and
 * only JSON is taken, which a page of another origin can't send without asking.
 */
@Injectable()
export class GraphqlHttp implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly authenticator: Authenticator,
    private readonly rates: RateLimits,
    private readonly readModel: ReadModel,
  ) {}

  onModuleInit(): void {
    const fastify = this.adapterHost.httpAdapter.getInstance<FastifyInstance>();
    const authenticate = async (request: FastifyRequest, reply: FastifyReply) => {
      if (this.authenticator.actorOf(request.headers.authorization) === null) await reply.code(401).send(unauthorized);
    };
    fastify.graphql.addHook('preValidation', (_schema, document) => {
      const fault = excess(document);
      if (fault) throw fault;
    });
    fastify.graphql.addHook('preExecution', async (schema, document, context) => {
      const operation = getOperationAST(document, (context as unknown as Asked).operationName);
      if (context instanceof RequestContext) {
        context.rootFields = operation ? rootFieldsOf(document, operation) : [];
        if (operation) mustBeAllowed(this.authenticator, context.origin.actor, { schema, document, operation });
        countMutations(this.rates, context.origin.actor, document, operation);
        await this.catchUp(context, operation?.operation);
      }
      // Mercurius keeps one compiled operation a document: with several it would run one for another.
      const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
      return operations.length > 1 ? { document } : undefined;
    });
    fastify.route({
      method: 'POST',
      url: graphqlPath,
      bodyLimit: bodyBytesMax,
      onRequest: [authenticate, wantJson],
      errorHandler: (error, _request, reply) => this.refuseBody(error, reply),
      handler: (request, reply) => this.answer(fastify, request, reply),
    });
    registerGraphiql(fastify, graphqlPath, authenticate);
  }

  private async answer(
    fastify: FastifyInstance,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<ExecutionResult> {
    const origin = originOf(request.headers, this.authenticator.actorOf(request.headers.authorization) ?? '');
    void reply.header('x-correlation-id', origin.correlationId);
    const { result, rootFields } = await this.execute(fastify, request, reply, origin);
    const { actor, correlationId } = origin;
    const operationName = rootFields.join(' ') || 'graphql';
    describeOperation(request, { operationName, actor, correlationId, errorCodes: errorCodesIn(result) });
    return result;
  }

  private async execute(
    fastify: FastifyInstance,
    request: FastifyRequest,
    reply: FastifyReply,
    origin: Origin,
  ): Promise<{ result: ExecutionResult; rootFields: readonly string[] }> {
    let context: RequestContext & Asked;
    let asked;
    try {
      asked = parseQueryRequest(request.body);
      const { operationName } = asked;
      context = Object.assign(new RequestContext(origin, minPositionOf(request.headers)), { operationName });
    } catch (error) {
      void reply.code(400);
      return { result: this.refusal([formatError(error, 'request', origin.correlationId)]), rootFields: [] };
    }
    try {
      const result = await fastify.graphql(asked.query, context as never, asked.variables, asked.operationName);
      const extensions = { position: positionText(context.shown) };
      return { result: { ...result, extensions }, rootFields: context.rootFields };
    } catch (error) {
      if (error instanceof Forbidden) void reply.code(403);
      if (error instanceof Throttled) void reply.code(429).header('retry-after', String(error.retryAfterS));
      const errors = errorsIn(error).map((it) => formatError(it, 'request', origin.correlationId));
      return { result: this.refusal(errors), rootFields: context.rootFields };
    }
  }

  private async catchUp(context: RequestContext, operation: OperationTypeNode | undefined): Promise<void> {
    const { minPosition } = context;
    if (minPosition !== null && operation === OperationTypeNode.QUERY) await caughtUp(this.readModel, minPosition);
    context.shown = this.readModel.position();
  }

  private refusal(errors: readonly GraphQLFormattedError[]): ExecutionResult {
    return { errors, extensions: { position: positionText(this.readModel.position()) } } as unknown as ExecutionResult;
  }

  /** Fastify's own refusals: too large, not JSON. */
  private async refuseBody(error: { code?: string; statusCode?: number }, reply: FastifyReply): Promise<void> {
    const { statusCode = 500 } = error;
    if (statusCode >= 500) {
      await reply.code(500).send(this.refusal([formatError(error, 'execution', 'unknown')]));
      return;
    }
    const isTooLarge = statusCode === 413;
    const message = isTooLarge
      ? `The body is larger than ${bodyBytesMax} bytes.`
      : 'The body is not JSON, or has a key `__proto__` or `constructor.prototype`, which is not taken.';
    const code = isTooLarge ? 'BODY_TOO_LARGE' : 'BAD_USER_INPUT';
    await reply.code(statusCode).send(this.refusal([{ message, extensions: { code } }]));
  }
}

interface Asked {
  operationName?: string | undefined;
}

async function wantJson(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() === 'application/json') return;
  const message = 'Send JSON: content-type application/json.';
  await reply.code(415).send({ errors: [{ message, extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] });
}

/** Of what was asked for, and refused or failed: those of the request, and those that mutations gave back. */
function errorCodesIn({ errors = [], data }: ExecutionResult): string[] {
  const codes = errors.map(({ extensions }) => String(extensions?.['code'] ?? 'UNKNOWN'));
  for (const field of Object.values(data ?? {})) {
    const { userErrors } = (field ?? {}) as { userErrors?: unknown };
    if (Array.isArray(userErrors)) codes.push(...userErrors.map(({ code }: { code?: string }) => code ?? 'REFUSED'));
  }
  return codes;
}

/** Mercurius throws one error with those of parsing, validation or variables inside. */
function errorsIn(error: unknown): readonly unknown[] {
  const { errors } = error as { errors?: readonly unknown[] };
  return Array.isArray(errors) && errors.length > 0 ? errors : [error];
}
