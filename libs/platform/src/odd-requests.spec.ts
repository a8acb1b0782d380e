import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { OddRequests } from './odd-requests.js';
import { PlatformModule } from './platform.module.js';

let app: NestFastifyApplication;

beforeAll(async () => {
  const adapter = new FastifyAdapter();
  const odd = new OddRequests(adapter.getInstance());
  app = await NestFactory.create<NestFastifyApplication>(PlatformModule.forRoot({ mode: 'none' }), adapter, {
    logger: false,
  });
  app.useGlobalFilters(odd);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.post('/graphql', async ({ body }) => body);
  fastify.put('/imports/:name', async ({ body }) => body);
  fastify.get('/imports/:name', async () => 'there');
  await app.init();
  await fastify.ready();
});
afterAll(() => app.close());

describe('a request that nothing is there for', () => {
  it.each(['/', '/graphqlx', '/imports', '/imports/a/b', '/health', '//', '/%00'])(
    'hears what there is: %s',
    async (url) => {
      const reply = await app.inject({ method: 'GET', url });
      expect(reply.statusCode).toBe(404);
      expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/);
      const { status, detail } = reply.json<{ status: number; detail: string }>();
      expect(status).toBe(404);
      expect(detail).toMatch(
        /^Nothing is at .+\. There are GET \/health\/live, .*GET \/imports\/:name, .*POST \/graphql/,
      );
    },
  );

  it.each([
    ['GET', '/graphql?query=x', 'POST'],
    ['DELETE', '/imports/one', 'PUT, GET, HEAD'],
  ] as const)('by that method hears by which one: %s %s', async (method, url, allow) => {
    const reply = await app.inject({ method, url });
    expect([reply.statusCode, reply.headers['allow']]).toEqual([405, allow]);
    expect(reply.json<{ detail: string }>().detail).toContain(`is there for ${allow}, not for ${method}`);
  });

  it('is sent on to the page of GraphQL when it is a browser at the front door', async () => {
    const reply = await app.inject({ method: 'GET', url: '/', headers: { accept: 'text/html,*/*' } });
    expect([reply.statusCode, reply.headers['location']]).toEqual([302, '/graphql']);
  });
});

describe('a packed body', () => {
  it.each(['gzip', 'br', 'deflate, gzip'])('is refused, by whatever it is packed: %s', async (encoding) => {
    const headers = { 'content-encoding': encoding, 'content-type': 'application/json' };
    const reply = await app.inject({ method: 'PUT', url: '/imports/one', headers, payload: '{}' });
    expect([reply.statusCode, reply.headers['accept-encoding']]).toEqual([415, 'identity']);
    expect(reply.json<{ detail: string }>().detail).toContain(`content-encoding ${encoding}`);
  });

  it('is one that says so: as it is, it is taken', async () => {
    const headers = { 'content-encoding': 'identity', 'content-type': 'application/json' };
    const reply = await app.inject({ method: 'PUT', url: '/imports/one', headers, payload: '{"a":1}' });
    expect([reply.statusCode, reply.json()]).toEqual([200, { a: 1 }]);
  });
});
