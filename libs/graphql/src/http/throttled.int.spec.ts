import { afterEach, describe, expect, it } from '@jest/globals';
import { type Auth } from '@berth/platform';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ServedGraphql } from '../under-test/served-graphql.js';

const auth: Auth = {
  mode: 'apikey',
  keys: new Map([
    ['ops', 'k-1'],
    ['ci', 'k-2'],
  ]),
};
const as = (key: string) => ({ authorization: `Bearer ${key}` });
const links = (prefix: string, count: number) => {
  const fields = Array.from({ length: count }, (_, at) => `${prefix}${at}: hubLink(input: { name: "${prefix}${at}" })`);
  return `mutation { ${fields.map((field) => `${field} { position }`).join('\n')} }`;
};

describe('mutations above what a caller may ask in a minute', () => {
  let berth: ServedGraphql;
  const start = async (operationsPerMinute: number) => {
    berth = await ServedGraphql.start(auth, { operationsPerMinute, registrationsPerMinute: 0 });
  };
  afterEach(() => berth?.stop());

  it('are refused with 429 and Retry-After, and nothing of them is done, while queries and others go on', async () => {
    await start(10);
    expect((await berth.ask(links('a', 9), {}, as('k-1'))).errors).toBeUndefined();
    expect((await berth.ask(links('b', 1), {}, as('k-1'))).status).toBe(200);
    const refused = await berth.ask(links('c', 1), {}, as('k-1'));
    const retryAfterS = Number(refused.headers.get('retry-after'));
    expect(retryAfterS).toBeGreaterThanOrEqual(1);
    expect(retryAfterS).toBeLessThanOrEqual(60);
    expect(refused).toMatchObject({
      status: 429,
      errors: [
        { message: expect.stringContaining('Too many operations'), extensions: { code: 'THROTTLED', retryAfterS } },
      ],
    });
    expect(refused.data ?? null).toBeNull();
    expect((await berth.ask(links('d', 1), {}, as('k-2'))).status).toBe(200);
    const shown = await berth.ask<{ hub: object | null }>('{ hub(name: "c0") { name } }', {}, as('k-1'));
    expect(shown).toMatchObject({ status: 200, data: { hub: null } });
  });

  it('count a bulk mutation for 25', async () => {
    await start(26);
    const bulk = 'mutation { enrollmentsDelete(input: { rows: [] }) { rows { userErrors { code } } } }';
    expect((await berth.ask(bulk, {}, as('k-1'))).status).toBe(200);
    expect((await berth.ask(links('a', 1), {}, as('k-1'))).status).toBe(200);
    expect((await berth.ask(links('b', 1), {}, as('k-1'))).status).toBe(429);
  });

  it('are refused over WebSocket, too, and so are imports', async () => {
    await start(1);
    const client = createClient({
      url: berth.url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: as('k-1'),
      retryAttempts: 0,
    });
    const ask = async (query: string) => {
      for await (const result of client.iterate({ query })) return result;
      throw new Error('No result');
    };
    expect(await ask(links('a', 1))).toMatchObject({ data: { a0: { position: expect.any(String) } } });
    await expect(ask(links('b', 1))).rejects.toMatchObject([{ extensions: { code: 'THROTTLED' } }]);
    expect(await ask('{ allocationPolicy { policy } }')).toMatchObject({ data: { allocationPolicy: {} } });
    await client.dispose();
    const response = await fetch(`${new URL(berth.url).origin}/imports/x`, { method: 'PUT', headers: as('k-1') });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toMatchObject({ status: 429, code: 'THROTTLED' });
  });
});
