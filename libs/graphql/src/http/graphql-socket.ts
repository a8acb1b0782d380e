import { Authenticator, RateLimits } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { type ExecutionArgs, getOperationAST, GraphQLError, parse, validate } from 'graphql';
import { type Context, type SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { type IncomingMessage, type Server } from 'node:http';
import { type Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { positionText } from '../payload.js';
import { RequestContext } from '../request-context.js';
import { excess, limits } from './document-limits.js';
import { formatError } from './format-error.js';
import { graphqlPath } from './graphql-http.js';
import { parseQueryRequest } from './query-request.js';
import { originOf } from './request-headers.js';
import { mustBeAllowed } from './rights.js';
import { countMutations } from './throttled.js';

/** Largest message of a client. */
const messageBytesMax = 1024 * 1024;
const connectionsMax = 1_000;
/** Operations open at the same time on one connection. */
const operationsMax = 100;
/** How long a client may take to introduce itself, and to answer a close. */
const initDeadlineMs = 5_000;
const closeDeadlineMs = 1_000;
/** Close code of the protocol for whoever may not come in. */
const unauthorizedCode = 4401;

interface Caller extends Record<PropertyKey, unknown> {
  actor?: string;
}
type Connection = Context<Record<string, unknown>, Extra & Partial<Caller>>;

/**
 * GraphQL over WebSocket (graphql-transport-ws), on the path of GraphQL over HTTP. Served by graphql-ws rather than
 * Mercurius, which doesn't validate subscriptions and closes without the protocol's codes.
 */
@Injectable()
export class GraphqlSocket implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax });
  private server: { dispose(): Promise<void> | void } | null = null;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly schemaHost: GraphQLSchemaHost,
    private readonly authenticator: Authenticator,
    private readonly rates: RateLimits,
    private readonly readModel: ReadModel,
  ) {}

  onApplicationBootstrap(): void {
    const { schema } = this.schemaHost;
    this.server = useServer<Record<string, unknown>, Caller>(
      {
        schema,
        connectionInitWaitTimeout: initDeadlineMs,
        isProd: true,
        onConnect: (connection) => this.admit(connection),
        onSubscribe: (connection, _id, payload) => this.executionOf(connection, payload),
        onNext: (_connection, _id, _payload, { contextValue }, result) => {
          const { shown, origin } = contextValue as RequestContext;
          const errors = result.errors?.map((error) => formatError(error, 'execution', origin.correlationId));
          return { ...result, ...(errors && { errors }), extensions: { position: positionText(shown) } };
        },
        onError: (_connection, _id, _payload, errors) =>
          errors.map((error) => formatError(error, 'request', 'unknown')),
      },
      this.sockets,
    );
    const http = this.adapterHost.httpAdapter.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const refusal = this.refusalOf(request, http);
      if (refusal === null) return;
      if (refusal === undefined) {
        this.sockets.handleUpgrade(request, socket, head, (webSocket) => {
          this.sockets.emit('connection', webSocket, request);
          // The socket is closed with the right code already; graphql-ws would print what any stranger can cause.
          webSocket.removeAllListeners('error').on('error', () => undefined);
        });
      } else {
        socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      }
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    const patience = setTimeout(() => this.sockets.clients.forEach((client) => client.terminate()), closeDeadlineMs);
    await this.server?.dispose();
    clearTimeout(patience);
  }

  /** The status line that refuses an upgrade; undefined takes it, null leaves it to others on this server. */
  private refusalOf({ url = '', headers }: IncomingMessage, http: Server): string | undefined | null {
    if (url.split('?')[0] !== graphqlPath) return http.listenerCount('upgrade') > 1 ? null : '404 Not Found';
    if (this.sockets.clients.size >= connectionsMax) return '503 Service Unavailable';
    if (headers.authorization !== undefined) {
      return this.authenticator.actorOf(headers.authorization) === null ? '401 Unauthorized' : undefined;
    }
    // Browsers let any page open a socket anywhere: behind an open door only our own page may.
    const isOpenDoor = this.authenticator.actorOf(undefined) !== null;
    if (isOpenDoor && headers.origin !== undefined && !isSameHost(headers.origin, headers.host)) return '403 Forbidden';
    return undefined;
  }

  private admit({ connectionParams, extra }: Connection): boolean {
    const given = extra.request.headers.authorization ?? authorizationIn(connectionParams);
    const actor = this.authenticator.actorOf(given);
    if (actor === null) {
      extra.socket.close(unauthorizedCode, 'Unauthorized');
      return false;
    }
    extra.actor = actor;
    return true;
  }

  private executionOf(connection: Connection, payload: SubscribePayload): ExecutionArgs | readonly GraphQLError[] {
    try {
      if (Object.keys(connection.subscriptions).length > operationsMax) {
        throw new GraphQLError(`At most ${operationsMax} operations at a time on one connection.`, {
          extensions: { code: 'TOO_MANY_OPERATIONS' },
        });
      }
      const { query, variables: variableValues, operationName } = parseQueryRequest(payload);
      const document = parse(query, { maxTokens: limits.tokens });
      const fault = excess(document);
      if (fault) return [fault];
      const { schema } = this.schemaHost;
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      const { request, actor = '' } = connection.extra;
      const operation = getOperationAST(document, operationName);
      if (operation) mustBeAllowed(this.authenticator, actor, { schema, document, operation });
      countMutations(this.rates, actor, document, operation);
      const contextValue = new RequestContext(originOf(request.headers, actor), null);
      contextValue.shown = this.readModel.position();
      return { schema, document, variableValues, operationName, contextValue };
    } catch (error) {
      return [error instanceof GraphQLError ? error : new GraphQLError('', { originalError: error as Error })];
    }
  }
}

/** GraphiQL sends the headers of its editor as connection parameters, in whatever case they were typed. */
function authorizationIn(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  for (const [name, value] of Object.entries(parameters ?? {})) {
    if (name.toLowerCase() === 'authorization' && typeof value === 'string') return value;
  }
  return undefined;
}

function isSameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}
