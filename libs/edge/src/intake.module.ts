import { Injectable, Logger, Module, type OnModuleInit, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Authenticator, callersWith, problem, RateLimits } from '@berth/platform';
import { isRetriable, LogFault, type Receipt, RegistrationLog, topics } from '@berth/registration-log';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { contentTypeWanted, readIntake } from './registration-intake.js';

/** Largest body taken, in bytes. */
export const intakeBytesMax = 8 * 1024 * 1024;
const retryAfterS = 1;
const codes = { 400: 'BAD_REQUEST', 413: 'BODY_TOO_LARGE', 415: 'UNSUPPORTED_MEDIA_TYPE' } as const;

/** Position of the newest command that this process has acknowledged. Abstract class so that it can be an injection token. */
export abstract class ConfigurationPosition {
  /** Null before the first. */
  abstract current(): bigint | null;
}

/**
 * `POST /registrations`: registration events and reports of latencies for gateways without a Kafka client. 202 with a receipt an event once all are
 * durable in the log. Wants RegistrationLog, Authenticator and RateLimits provided globally, ConfigurationPosition if there is one.
 */
@Injectable()
class IntakeRoute implements OnModuleInit {
  private readonly logger = new Logger('Intake');

  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly log: RegistrationLog,
    private readonly authenticator: Authenticator,
    private readonly rates: RateLimits,
    @Optional() private readonly configuration?: ConfigurationPosition,
  ) {}

  /** A scope of its own, because here bodies stay bytes: what the gateway signed off is what goes to the log. */
  onModuleInit(): void {
    const fastify = this.adapter.httpAdapter.getInstance<FastifyInstance>();
    void fastify.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: intakeBytesMax }, (_request, body, done) =>
        done(null, body),
      );
      scope.setErrorHandler((error: { statusCode?: number }, _request, reply) => this.tellFault(error, reply));
      scope.post('/registrations', { onRequest: callersWith('DeviceConnect', this.authenticator) }, (request, reply) =>
        this.take(request, reply),
      );
    });
  }

  private async take(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const minPosition = this.minPosition(request.headers['berth-min-position']);
    if (minPosition === undefined) {
      return problem(reply, 400, codes[400], 'berth-min-position must be a decimal number');
    }
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const intake = readIntake(request.headers, body, minPosition);
    if (intake.kind === 'refused') return problem(reply, intake.status, codes[intake.status], intake.detail);
    const { readable, unreadable } = intake;
    const caller = this.authenticator.actorOf(request.headers.authorization) ?? '';
    const waitS = this.rates.take('registrationsPerMinute', caller, readable.length);
    if (waitS !== null) {
      void reply.header('retry-after', String(waitS));
      return problem(reply, 429, 'THROTTLED', 'Too many events in a minute: send the same ones again later');
    }
    let receipts: readonly Receipt[];
    try {
      receipts = await this.log.publish(
        topics.registrations,
        readable.map(({ record }) => record),
      );
    } catch (error) {
      // Closed means that this process is stopping: another, or the next, will take the events.
      if (!isRetriable(error) && !(error instanceof LogFault && error.code === 'closed')) throw error;
      void reply.header('retry-after', String(retryAfterS));
      return problem(reply, 503, 'LOG_AWAY', 'The registration log is busy or away: send the same events again');
    }
    const taken = receipts.map((receipt, at) => ({ id: readable[at]?.id, ...receipt }));
    if (unreadable.length === 0) return reply.status(202).send({ receipts: taken });
    return reply.status(400).send({ receipts: taken, errors: unreadable });
  }

  /** Of Fastify's own refusals: too large, of no type; and of what went wrong in here. */
  private async tellFault(error: { statusCode?: number }, reply: FastifyReply): Promise<void> {
    const { statusCode: status = 500 } = error;
    if (status === 413) return problem(reply, 413, codes[413], `At most ${intakeBytesMax} bytes are taken`);
    if (status === 415) return problem(reply, 415, codes[415], contentTypeWanted);
    if (status < 500) return problem(reply, status, codes[400], 'The request could not be read');
    this.logger.error('Taking registrations failed unexpectedly', error instanceof Error ? error.stack : undefined);
    const detail = 'Something went wrong inside Berth, and its log says what: send the same events again';
    return problem(reply, 500, 'INTERNAL_SERVER_ERROR', detail);
  }

  /** The caller's, or that of this process if it is larger; undefined when the caller's is no position. */
  private minPosition(header: string | string[] | undefined): bigint | null | undefined {
    const own = this.configuration?.current() ?? null;
    if (header === undefined) return own;
    if (typeof header !== 'string' || !/^\d{1,19}$/.test(header)) return undefined;
    const callers = BigInt(header);
    return own !== null && own > callers ? own : callers;
  }
}

@Module({ providers: [IntakeRoute] })
export class IntakeModule {}
