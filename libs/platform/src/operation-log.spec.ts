import { afterEach, describe, expect, it } from '@jest/globals';
import { fastify, type FastifyInstance } from 'fastify';
import { describeOperation, logOperations, type OperationLine } from './operation-log.js';
import { problem } from './problem.js';

let app: FastifyInstance;
let lines: OperationLine[];

function served(errorCodes: readonly string[] = []): FastifyInstance {
  lines = [];
  app = fastify();
  logOperations(app, (line) => lines.push(line));
  app.get('/health/ready', async () => 'ok');
  app.get('/metrics', async () => 'ok');
  app.get<{ Params: { name: string } }>('/imports/:name', (request, reply) =>
    reply.code(Number(request.params.name)).send({}),
  );
  app.get('/refused', async (request, reply) => {
    describeOperation(request, { actor: 'ci' });
    await problem(reply, 409, 'MODE_FIXED', 'It was begun otherwise');
  });
  app.post('/graphql', async (request) => {
    describeOperation(request, { operationName: 'hubLink', actor: 'ops', correlationId: 'c-1', errorCodes });
    return {};
  });
  return app;
}
afterEach(() => app.close());

describe('the log of operations', () => {
  it('has a line for each request, but for health and metrics', async () => {
    await served().inject({ method: 'GET', url: '/health/ready' });
    await app.inject({ method: 'GET', url: '/metrics' });
    await app.inject({ method: 'POST', url: '/graphql', remoteAddress: '10.1.2.3' });
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        level: 'Informational',
        operationName: 'hubLink',
        correlationId: 'c-1',
        actor: 'ops',
        durationMs: expect.any(Number),
        resultType: 'Success',
        resultSignature: 200,
        resultDescription: null,
        callerIpAddress: '10.1.2.***',
        properties: { protocol: 'HTTP/1.1', type: 'POST' },
      },
    ]);
  });

  it.each([
    [200, 'Success', 'Informational'],
    [409, 'ClientError', 'Warning'],
    [503, 'ServerError', 'Error'],
  ])('says of status %d: %s', async (status, resultType, level) => {
    await served().inject({ method: 'GET', url: `/imports/${status}`, remoteAddress: '2001:db8::7' });
    expect(lines).toMatchObject([
      {
        operationName: 'GET /imports/:name',
        resultType,
        level,
        resultSignature: status,
        callerIpAddress: '2001:db8::***',
      },
    ]);
  });

  it('has the code of a refusal, and who was refused', async () => {
    await served().inject({ method: 'GET', url: '/refused' });
    expect(lines).toMatchObject([{ actor: 'ci', resultSignature: 409, resultDescription: 'MODE_FIXED' }]);
  });

  it.each([
    [['HUB_NOT_FOUND', 'VERSION_CONFLICT'], 'ClientError'],
    [['HUB_NOT_FOUND', 'STORE_UNAVAILABLE'], 'ServerError'],
  ])('goes by the codes %j where the status says nothing', async (codes, resultType) => {
    await served(codes).inject({ method: 'POST', url: '/graphql' });
    expect(lines).toMatchObject([{ resultType, resultSignature: 200, resultDescription: codes.join(', ') }]);
  });
});
