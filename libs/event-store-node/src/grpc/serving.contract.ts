import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startClientUnderTest, type ClientUnderTest } from '../under-test/client-under-test.js';
import type { PublishedClient } from '../under-test/published-client.js';
import { collect, events, failureOf, freshStream } from '../under-test/speaking.js';
import { selfSigned } from '../under-test/self-signed.js';

/** How a published client finds the node, proves who it is, and is told of its end. */
export function describeServing(published: PublishedClient): void {
  describe(`${published.name}: serving`, () => {
    // The native reads send what is percent-encoded in a connection string as it stands there.
    const admin = { username: 'admin', password: published.readsNatively ? 'pass' : 'pä:ss' };

    describe('finding the node', () => {
      let store: ClientUnderTest;

      beforeAll(async () => {
        store = await startClientUnderTest(published);
      });
      afterAll(() => store.close());
      it('the client discovers it through esdb+discover', async () => {
        const stream = freshStream();
        const { host, port } = store.node;
        const discovering = published.connect(`esdb+discover://${host}:${port}?tls=false`);
        await collect(discovering.readStream(stream)).catch(() => undefined);
        expect(await failureOf(collect(discovering.readStream(stream)))).toMatchObject({ type: 'stream-not-found' });
        await discovering.dispose();
      });

      it('detail 15: persistent subscriptions and projections are refused plainly', async () => {
        const projection = await failureOf(store.client.createProjection('p', 'fromAll()'));
        expect(projection).toMatchObject({ code: 12 });
        expect(String(projection['message'])).toContain('This node has no projections');
        const { client } = store;
        const subscription = await failureOf(client.deletePersistentSubscriptionToStream('s', 'group'));
        expect(subscription).toMatchObject({ code: 12 });
        expect(String(subscription['message'])).toContain('This node has no persistent subscriptions');
        expect(
          await failureOf(collectAny(client.subscribeToPersistentSubscriptionToStream('s', 'group'))),
        ).toBeDefined();
      });

      async function collectAny(things: AsyncIterable<unknown>): Promise<void> {
        for await (const _thing of things);
      }
    });
    describe('detail 6, the admin user', () => {
      let store: ClientUnderTest;

      beforeAll(async () => {
        store = await startClientUnderTest(published, { admin });
      });
      afterAll(() => store.close());
      it('without credentials answers the trailer access-denied, which the client makes AccessDenied', async () => {
        expect(await failureOf(store.client.appendToStream(freshStream(), events(1)))).toMatchObject({
          type: 'access-denied',
        });
        expect(await failureOf(collect(store.client.readAll()))).toMatchObject({
          type: 'access-denied',
          ...(!published.readsNatively && { code: 7 }),
        });
      });
    });
    describe('TLS with the admin user', () => {
      let store: ClientUnderTest | undefined;
      afterEach(() => store?.close());

      it('serves the published client, which then sends its credentials with every call', async () => {
        const tls = selfSigned();
        if (tls === undefined) {
          console.log('Not run: making a certificate needs the openssl program.');
          return;
        }
        store = await startClientUnderTest(published, { tls, admin });
        const authority = join(store.folder, 'authority.pem');
        await writeFile(authority, tls.certificate);
        const [start, rest] = store.node.connectionString.split('//');
        expect(rest).toContain('?tls=true');
        const user = `${admin.username}:${encodeURIComponent(admin.password)}`;
        const trusted = `${rest?.replace('127.0.0.1', 'localhost')}&tlsCAFile=${encodeURIComponent(authority)}`;
        const client = published.connect(`${start}//${user}@${trusted}`);
        const stream = freshStream();
        expect((await client.appendToStream(stream, events(2))).success).toBe(true);
        expect(await collect(client.readStream(stream))).toHaveLength(2);
        const wrong = { credentials: { ...admin, password: 'other' } };
        expect(await failureOf(collect(client.readStream(stream, wrong)))).toMatchObject({
          type: 'access-denied',
          ...(!published.readsNatively && { code: 16 }),
        });
        await client.dispose();
      });
    });
    describe('stopping', () => {
      it('ends subscriptions as unavailable and the node quickly, with clients still connected', async () => {
        const store = await startClientUnderTest(published);
        await store.client.appendToStream(freshStream(), events(1));
        const subscription = store.client.subscribeToAll();
        const ended = new Promise((resolve) => subscription.once('error', resolve));
        await new Promise((resolve) => subscription.once('caughtUp', resolve).on('data', () => undefined));
        const before = performance.now();
        await store.node.stop();
        expect(performance.now() - before).toBeLessThan(900);
        expect(await ended).toMatchObject({ type: 'unavailable' });
        await store.close();
      });
    });
  });
}
