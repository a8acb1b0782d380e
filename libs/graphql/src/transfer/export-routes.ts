import { isRegistrationId } from '@berth/domain';
import { Authenticator, callersWith, problem } from '@berth/platform';
import { ReadModel } from '@berth/read-model';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';
import { Readable } from 'node:stream';
import { caughtUp } from '../caught-up.js';
import { faultIn } from '../http/format-error.js';
import { minPositionOf } from '../http/request-headers.js';
import { positionText } from '../payload.js';
import { rowOf } from './enrollment-row.js';

/** Rows read at a time: with the largest of twins some 5 MB. */
const pageRows = 100;

/**
 * `GET /exports/enrollments`: all individual enrollments by registration id as NDJSON, rows that an import takes. Symmetric keys
 * are left out. Rows that change meanwhile come as they were or as they are; a download that broke off goes on `after` the
 * last registration id that arrived.
 */
@Injectable()
export class ExportRoutes implements OnModuleInit {
  private readonly logger = new Logger('Export');

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly authenticator: Authenticator,
    private readonly readModel: ReadModel,
  ) {}

  onModuleInit(): void {
    const fastify = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    const onRequest = callersWith('EnrollmentRead', this.authenticator);
    fastify.get('/exports/enrollments', { onRequest }, (request, reply) => this.give(request, reply));
  }

  private async give(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { after } = request.query as { after?: unknown };
    if (after !== undefined && !(typeof after === 'string' && isRegistrationId(after))) {
      return problem(reply, 400, 'INVALID_AFTER', 'Name the last registration id that arrived');
    }
    try {
      const minPosition = minPositionOf(request.headers);
      if (minPosition !== null) await caughtUp(this.readModel, minPosition);
    } catch (error) {
      return this.refuse(error, reply);
    }
    void reply.type('application/x-ndjson').header('berth-position', positionText(this.readModel.position()) ?? '');
    await reply.send(Readable.from(this.pages(after)));
  }

  /** Cut off by a fault the answer is not ended, so that nobody takes it for whole. */
  private async *pages(start: string | undefined): AsyncIterable<string> {
    let after = start;
    try {
      for (let hasMore = true; hasMore;) {
        const page = await this.readModel.enrollments({ first: pageRows, ...(after !== undefined && { after }) });
        after = page.rows.at(-1)?.registrationId;
        hasMore = page.hasNextPage && after !== undefined;
        if (page.rows.length > 0) yield page.rows.map((row) => `${JSON.stringify(rowOf(row))}\n`).join('');
      }
    } catch (error) {
      this.logger.error('An export broke off', error instanceof Error ? error.stack : undefined);
      throw error;
    }
  }

  private refuse(error: unknown, reply: FastifyReply): Promise<void> {
    const fault = faultIn(error);
    if (fault) return problem(reply, 503, String(fault.extensions['code']), fault.message);
    if (!(error instanceof GraphQLError)) throw error;
    const { code, retriable } = error.extensions;
    return problem(reply, retriable === true ? 503 : 400, String(code), error.message);
  }
}
