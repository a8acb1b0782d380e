import { Imports, type Upload, type Uploaded } from '@berth/control';
import { type Import, type ImportMode, importModes, unreachable } from '@berth/domain';
import { Authenticator, callersWith, problem, RateLimits } from '@berth/platform';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { faultIn } from '../http/format-error.js';
import { originOf } from '../http/request-headers.js';
import { positionText } from '../payload.js';
import { rowFaultOf, rowReader } from './enrollment-row.js';

export const importsPath = '/imports';
const ndjson = 'application/x-ndjson';
/** An upload that sends nothing for so long is taken for broken. */
const silenceMaxMs = 60_000;
const retryAfterS = 5;

type Named = { Params: { name: string } };
type Asked = Partial<Record<'mode' | 'offset' | 'after', unknown>>;

/**
 * Imports of enrollments over HTTP. `PUT /imports/<name>` takes NDJSON of any size, as fast as its rows are done, and goes on
 * where an import of that name has stopped; `POST /imports` makes up a name; `GET` tells of the progress and of rows' errors.
 */
@Injectable()
export class ImportRoutes implements OnModuleInit {
  private readonly logger = new Logger('Import');

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly authenticator: Authenticator,
    private readonly rates: RateLimits,
    private readonly imports: Imports,
    private readonly schema: GraphQLSchemaHost,
  ) {}

  /** A scope of its own, because here bodies are left to flow. */
  onModuleInit(): void {
    const fastify = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    void fastify.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', (_request, body, done) => done(null, body));
      scope.addHook('onRequest', callersWith('EnrollmentWrite', this.authenticator));
      scope.setErrorHandler((error, _request, reply) => this.tellFault(error, reply));
      scope.post(importsPath, (request, reply) => this.take(newName(), request, reply));
      scope.put<Named>(`${importsPath}/:name`, (request, reply) => this.take(request.params.name, request, reply));
      scope.get<Named>(`${importsPath}/:name`, (request, reply) => this.tell(request.params.name, reply));
      scope.get<Named>(`${importsPath}/:name/errors`, (request, reply) =>
        this.tellErrors(request.params.name, request, reply),
      );
    });
  }

  private async take(name: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { mode = 'create', offset } = request.query as Asked;
    if (!isMode(mode)) return problem(reply, 400, 'INVALID_MODE', `A mode is one of ${importModes.join(', ')}`);
    const from = numberIn(offset);
    if (from === undefined) return problem(reply, 400, 'INVALID_OFFSET', 'An offset is a number of bytes');
    const waitS = this.rates.take('operationsPerMinute', this.actorOf(request) ?? '', 1);
    if (waitS !== null) {
      void reply.header('retry-after', String(waitS));
      return problem(reply, 429, 'THROTTLED', 'Too many operations in a minute: send the same again later');
    }
    request.raw.setTimeout(silenceMaxMs, () => request.raw.destroy(new Error('The upload was silent for too long')));
    const upload: Upload = {
      name,
      mode,
      offset: from,
      content: request.raw,
      language: { wishOf: rowReader(this.schema.schema), faultOf: rowFaultOf },
      origin: originOf(request.headers, this.actorOf(request) ?? ''),
    };
    const uploaded = await this.imports.take(upload);
    if (!uploaded.ok) return this.refuse(uploaded.rejection, reply);
    void reply.header('location', `${importsPath}/${encodeURIComponent(name)}`);
    void reply.header('berth-position', positionText(uploaded.position) ?? '');
    if (uploaded.state.status === 'completed') return reply.send(told(uploaded.state));
    return this.tellFault(uploaded.fault, reply, told(uploaded.state));
  }

  private async refuse(rejection: Extract<Uploaded, { ok: false }>['rejection'], reply: FastifyReply): Promise<void> {
    switch (rejection.kind) {
      case 'invalidImportName':
        return problem(
          reply,
          400,
          'INVALID_NAME',
          'A name has 1–128 letters, digits and - . _ :, the last no . _ or :',
        );
      case 'importModeFixed':
        return problem(reply, 409, 'MODE_FIXED', `The import was begun with mode=${rejection.mode}`);
      case 'importCompleted': {
        const detail = `This import is complete, with ${rejection.rows} lines: another file wants another name`;
        return problem(reply, 409, 'IMPORT_COMPLETED', detail, { rows: rejection.rows });
      }
      case 'importGoesOnElsewhere': {
        const { bytes, rows } = rejection;
        const detail = `The import goes on at byte ${bytes}: send the rest with offset=${bytes}, or the whole file without`;
        return problem(reply, 409, 'OTHER_OFFSET', detail, { bytes, rows });
      }
      case 'importOfAnotherFile': {
        const detail = `Line ${rejection.row} is not the one where the import stopped: another file wants another name`;
        return problem(reply, 409, 'OTHER_FILE', detail, { row: rejection.row });
      }
      case 'importTakenOver':
        return problem(reply, 409, 'TAKEN_OVER', 'Another upload goes on with this import');
      case 'tooManyImports':
        void reply.header('retry-after', String(retryAfterS));
        return problem(reply, 503, 'TOO_MANY_IMPORTS', `This process takes in ${rejection.max} imports at a time`);
      default:
        return unreachable(rejection);
    }
  }

  private async tell(name: string, reply: FastifyReply): Promise<void> {
    const state = await this.imports.find(name);
    if (state.status === 'none') return problem(reply, 404, 'IMPORT_NOT_FOUND', 'There is no such import');
    await reply.send(told(state));
  }

  private async tellErrors(name: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const after = numberIn((request.query as Asked).after);
    if (after === undefined) return problem(reply, 400, 'INVALID_AFTER', 'Name the number of a row');
    const { status } = await this.imports.find(name);
    if (status === 'none') return problem(reply, 404, 'IMPORT_NOT_FOUND', 'There is no such import');
    await reply.type(ndjson).send(Readable.from(lines(this.imports.errors(name, after ?? 0))));
  }

  private async tellFault(error: unknown, reply: FastifyReply, state: object = {}): Promise<void> {
    const fault = faultIn(error);
    if (fault) {
      void reply.header('retry-after', String(retryAfterS));
      return problem(reply, 503, String(fault.extensions['code']), fault.message, state);
    }
    if (isRefusal(error)) return problem(reply, error.statusCode, 'BAD_REQUEST', 'The request could not be read');
    // The connection is gone, or will be: nobody hears this.
    if (error === null) return problem(reply, 400, 'UPLOAD_BROKEN', 'The upload broke off', state);
    this.logger.error('An import failed unexpectedly', error instanceof Error ? error.stack : undefined);
    return problem(
      reply,
      500,
      'INTERNAL_SERVER_ERROR',
      'Something went wrong inside Berth, and its log says what',
      state,
    );
  }

  private actorOf({ headers }: FastifyRequest): string | null {
    return this.authenticator.actorOf(headers.authorization);
  }
}

export async function* lines(rows: AsyncIterable<object>): AsyncIterable<string> {
  for await (const row of rows) yield `${JSON.stringify(row)}\n`;
}

function told(state: Import): object {
  const { lastRow: _, ...facts } = state as Exclude<Import, { status: 'none' }>;
  return facts;
}

function isMode(mode: unknown): mode is ImportMode {
  return importModes.some((it) => it === mode);
}

/** Null when it isn't there, undefined when it is no number. */
function numberIn(text: unknown): number | null | undefined {
  if (text === undefined) return null;
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function isRefusal(error: unknown): error is { statusCode: number } {
  return typeof error === 'object' && error !== null && 'statusCode' in error && Number(error.statusCode) < 500;
}

/** Names sort by time. */
function newName(): string {
  const at = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${at}-${randomBytes(4).toString('hex')}`;
}
