import { type FastifyInstance, type onRequestAsyncHookHandler } from 'fastify';
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startScript } from './start-script.js';

const require = createRequire(import.meta.url);
const inPackage = (name: string, file: string) => join(dirname(require.resolve(`${name}/package.json`)), file);
const javascript = 'text/javascript; charset=utf-8';
const { version } = require('graphiql/package.json') as { version: string };

/** From the packages on this machine: the page must work without any other. */
const files = {
  'react.js': { type: javascript, path: inPackage('react', 'umd/react.production.min.js') },
  'react-dom.js': { type: javascript, path: inPackage('react-dom', 'umd/react-dom.production.min.js') },
  'graphiql.js': { type: javascript, path: inPackage('graphiql', 'graphiql.min.js') },
  'graphiql.css': { type: 'text/css; charset=utf-8', path: inPackage('graphiql', 'graphiql.min.css') },
} as const;

/** Nothing from elsewhere, and nobody frames it. GraphiQL's editor sets styles inline. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * GraphiQL for browsers at GET `path`; anyone else is told to POST. The page needs no key: its queries do.
 * @param authenticate answers those without a key who don't ask for the page.
 */
export function registerGraphiql(
  fastify: FastifyInstance,
  path: string,
  authenticate: onRequestAsyncHookHandler,
): void {
  const html = page(path);
  fastify.route({
    method: 'GET',
    url: path,
    async onRequest(request, reply) {
      if (!request.headers.accept?.includes('text/html')) await authenticate.call(fastify, request, reply);
    },
    async handler(request, reply) {
      if (!request.headers.accept?.includes('text/html')) {
        const message = 'Send operations by POST; a browser gets GraphiQL here.';
        return reply
          .code(405)
          .header('allow', 'POST')
          .send({ errors: [{ message, extensions: { code: 'METHOD_NOT_ALLOWED' } }] });
      }
      return reply
        .header('content-security-policy', contentSecurityPolicy)
        .header('x-content-type-options', 'nosniff')
        .type('text/html; charset=utf-8')
        .send(html);
    },
  });
  fastify.get(`${path}/assets/start.js`, (_request, reply) => reply.type(javascript).send(startScript));
  for (const [name, { type, path: file }] of Object.entries(files)) {
    fastify.get(`${path}/assets/${name}`, (_request, reply) =>
      reply
        .header('cache-control', 'public, max-age=31536000, immutable')
        .header('x-content-type-options', 'nosniff')
        .type(type)
        .send(createReadStream(file)),
    );
  }
}

function page(path: string): string {
  const asset = (name: string) => `${path}/assets/${name}?v=${version}`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Berth · GraphiQL</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${asset('graphiql.css')}" />
  </head>
  <body style="margin: 0">
    <div id="graphiql" style="height: 100vh">Loading …</div>
    <script src="${asset('react.js')}"></script>
    <script src="${asset('react-dom.js')}"></script>
    <script src="${asset('graphiql.js')}"></script>
    <script src="${path}/assets/start.js"></script>
  </body>
</html>
`;
}
