import { type ArgumentsHost, Catch, type ExceptionFilter, NotFoundException } from '@nestjs/common';
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { problem } from './problem.js';

/**
 * Answers what no route of a service can: nothing is at the path, or not by that method, or the body is packed. Made before the
 * routes are; as a filter it is given what Nest says of requests that match none of them.
 */
@Catch(NotFoundException)
export class OddRequests implements ExceptionFilter<NotFoundException> {
  /** By path, as its route was written. */
  private readonly methods = new Map<string, Set<string>>();

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ url, method }) => {
      const methods = this.methods.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.methods.set(url, methods);
    });
    fastify.addHook('onRequest', refusePacked);
  }

  async catch(_error: NotFoundException, host: ArgumentsHost): Promise<void> {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const [path = ''] = request.url.split('?');
    const wantsPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
    if (path === '/' && wantsPage && this.methods.has(graphqlPath)) {
      await reply.redirect(graphqlPath);
      return;
    }
    const allowed = [...this.methods].filter(([url]) => matches(url, path)).flatMap(([, methods]) => [...methods]);
    if (allowed.length > 0) {
      const allow = allowed.join(', ');
      const detail = `${path} is there for ${allow}, not for ${request.method}`;
      await problem(reply.header('allow', allow), 405, 'METHOD_NOT_ALLOWED', detail);
      return;
    }
    await problem(reply, 404, 'NOT_FOUND', `Nothing is at ${path}. There are ${this.doors()}`);
  }

  private doors(): string {
    const doors = [...this.methods].flatMap(([url, methods]) =>
      [...methods].filter((method) => method !== 'HEAD').map((method) => `${method} ${url}`),
    );
    return doors.sort().join(', ');
  }
}

/** Where a browser finds something to look at. */
const graphqlPath = '/graphql';

function matches(url: string, path: string): boolean {
  const wanted = url.split('/');
  const given = path.split('/');
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(':') || part === given[at]);
}

/** No body is unpacked here: read as it stands, a packed one would be rubbish, or taken for something that it isn't. */
async function refusePacked(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  if (encoding.toLowerCase() === 'identity') return;
  void reply.header('accept-encoding', 'identity');
  const detail = `Bodies are taken as they are, not with content-encoding ${encoding}: unpack it and send that`;
  await problem(reply, 415, 'UNSUPPORTED_MEDIA_TYPE', detail);
}
