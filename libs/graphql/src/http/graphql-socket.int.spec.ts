import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient, type SubscribePayload } from 'graphql-ws';
import { once } from 'node:events';
import WebSocket from 'ws';
import { ServedGraphql } from '../under-test/served-graphql.js';

interface Result {
  data?: Record<string, unknown> | null;
  errors?: readonly { message: string; extensions: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

/** Results of one operation, as they come. */
async function* results(
  served: ServedGraphql,
  payload: SubscribePayload,
  connectionParams = {},
): AsyncGenerator<Result> {
  const client = createClient({
    url: served.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
  });
  try {
    yield* client.iterate(payload) as AsyncIterable<Result>;
  } finally {
    await client.dispose();
  }
}

async function first(served: ServedGraphql, query: string, connectionParams = {}): Promise<Result> {
  for await (const result of results(served, { query }, connectionParams)) return result;
  throw new Error('The operation ended without a result');
}

/** Code with which the server closes a socket that sends these messages. */
async function closeCode(
  served: ServedGraphql,
  messages: object[],
  headers: Record<string, string> = {},
): Promise<number> {
  const socket = new WebSocket(served.url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  await once(socket, 'open');
  for (const message of messages) socket.send(JSON.stringify(message));
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

/** Status with which the server refuses to open a socket. */
async function refusal(url: string, headers: Record<string, string> = {}): Promise<string> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
  const [error] = (await once(socket, 'error')) as [Error];
  return error.message;
}

const link = (name: string) => `mutation { hubLink(input: { name: "${name}" }) { position userErrors { code } } }`;

describe('GraphQL over WebSocket behind an open door', () => {
  let berth: ServedGraphql;
  beforeAll(async () => {
    berth = await ServedGraphql.start();
  });
  afterAll(async () => {
    await berth?.stop();
  });

  it('answers queries and mutations, with the position of what they saw', async () => {
    expect(await first(berth, link('ws-1'))).toMatchObject({ data: { hubLink: { userErrors: [] } } });
    expect(await first(berth, '{ allocationPolicy { policy } }')).toEqual({
      data: { allocationPolicy: { policy: 'EVENLY_WEIGHTED' } },
      extensions: { position: expect.anything() },
    });
  });

  it('sends the loads at once, then only when they have changed', async () => {
    await berth.ask(link('feed-a'));
    const feed = results(berth, { query: 'subscription { hubLoads(maxPerSecond: 10) { hub devices } }' });
    const hubsIn = async () => {
      const { value } = (await feed.next()) as { value: Result };
      expect(value.extensions).toEqual({ position: expect.stringMatching(/^\d+$/) });
      return (value.data!['hubLoads'] as { hub: string }[]).map(({ hub }) => hub);
    };
    let hubs = await hubsIn();
    while (!hubs.includes('feed-a')) hubs = await hubsIn();
    expect(hubs).not.toContain('feed-b');
    await berth.ask('mutation { hubUpdate(input: { name: "feed-a", region: "eu" }) { position } }');
    await berth.ask(link('feed-b'));
    expect(await hubsIn()).toContain('feed-b');
    await feed.return(undefined);
  });

  it('leaves out what happens in between', async () => {
    const feed = results(berth, { query: 'subscription { hubLoads(maxPerSecond: 2) { hub } }' });
    await feed.next();
    const started = performance.now();
    for (let index = 0; index < 20; index += 1) await berth.ask(link(`burst-${index}`));
    const { position } = (await berth.ask<{ hubLink: { position: string } }>(link('burst-end'))).data.hubLink;
    let count = 0;
    for await (const { data, extensions } of feed) {
      count += 1;
      const hubs = data!['hubLoads'] as { hub: string }[];
      if (hubs.some(({ hub }) => hub === 'burst-end')) {
        expect(BigInt(extensions!['position'] as string)).toBeGreaterThanOrEqual(BigInt(position));
        break;
      }
    }
    expect(count).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - started) / 500));
  });

  it.each([
    ['subscription { hubLoads(maxPerSecond: 0) { hub } }', 'BAD_USER_INPUT'],
    ['subscription { hubLoads(maxPerSecond: 11) { hub } }', 'BAD_USER_INPUT'],
    ['{ hubs { totalCount } }', 'BAD_USER_INPUT'],
  ])('refuses %s with a code', async (query, code) => {
    const failure = first(berth, query);
    const { errors } = await failure.catch((errors: Result['errors']) => ({ errors }));
    expect(errors?.[0]?.extensions['code']).toBe(code);
  });

  it.each([
    ['subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['subscription {', 'GRAPHQL_PARSE_FAILED'],
    [`{ ${'hubLoads { hub } '.repeat(101)} }`, 'QUERY_TOO_COMPLEX'],
    ['{"kind":"Document"}', 'BAD_USER_INPUT'],
  ])('does not start %s', async (query, code) => {
    await expect(first(berth, query)).rejects.toEqual([
      expect.objectContaining({ extensions: expect.objectContaining({ code }) }),
    ]);
  });

  it('takes so many operations on one connection', async () => {
    const client = createClient({ url: berth.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
    const query = 'subscription { hubLoads { hub } }';
    const open = Array.from({ length: 100 }, () => client.iterate({ query }));
    await Promise.all(open.map((feed) => feed.next()));
    await expect(client.iterate({ query }).next()).rejects.toEqual([
      expect.objectContaining({ extensions: { code: 'TOO_MANY_OPERATIONS' } }),
    ]);
    await client.dispose();
  });

  it('is closed to pages from elsewhere, and to messages that are too large', async () => {
    expect(await refusal(berth.url, { origin: 'https://evil.example' })).toContain('403');
    const sameOrigin = { origin: new URL(berth.url).origin };
    const large = { type: 'connection_init', payload: { pad: 'x'.repeat(1024 * 1024) } };
    expect(await closeCode(berth, [large], sameOrigin)).toBe(1009);
    expect(await refusal(berth.url.replace('/graphql', '/elsewhere'))).toContain('404');
  });

  it('wants an introduction before anything else', async () => {
    const query = { id: '1', type: 'subscribe', payload: { query: '{ hubLoads { hub } }' } };
    expect(await closeCode(berth, [query])).toBe(4401);
  });
});

describe('with API keys', () => {
  let berth: ServedGraphql;
  const key = 'c2VjcmV0LWtleS1vZi10aGUtb3BlcmF0b3I';
  const authorization = `Bearer ${key}`;
  beforeAll(async () => {
    berth = await ServedGraphql.start({ mode: 'apikey', keys: new Map([['ops', key]]) });
  });
  afterAll(async () => {
    await berth?.stop();
  });

  it('HTTP refuses without a hint, before it looks at the body', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: key }] as Record<string, string>[]) {
      const response = await berth.post('{', headers);
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({
        errors: [{ message: 'Unauthorized', extensions: { code: 'UNAUTHENTICATED' } }],
      });
      expect((await fetch(berth.url, { headers })).status).toBe(401);
    }
  });

  it('HTTP lets the key in, and writes its name beside what it did', async () => {
    expect(await berth.ask(link('by-ops'), {}, { authorization })).toMatchObject({
      data: { hubLink: { userErrors: [] } },
    });
    for await (const { metadata } of berth.store.read('hub-by-ops')) expect(metadata?.actor).toBe('ops');
  });

  it('the page itself loads without a key', async () => {
    expect((await fetch(berth.url, { headers: { accept: 'text/html' } })).status).toBe(200);
  });

  it('WebSocket wants it in the upgrade or in the introduction', async () => {
    expect(await refusal(berth.url, { authorization: 'Bearer wrong' })).toContain('401');
    expect(await closeCode(berth, [{ type: 'connection_init' }])).toBe(4401);
    expect(await closeCode(berth, [{ type: 'connection_init', payload: { authorization: 'Bearer wrong' } }])).toBe(
      4401,
    );
    expect(await first(berth, link('by-ws'), { Authorization: authorization })).toMatchObject({
      data: { hubLink: { userErrors: [] } },
    });
    for await (const { metadata } of berth.store.read('hub-by-ws')) expect(metadata?.actor).toBe('ops');
    const ready = { type: 'connection_init' };
    const wrongSecondMessage = { type: 'connection_init' };
    expect(await closeCode(berth, [ready, wrongSecondMessage], { authorization })).toBe(4429);
  });
});
