import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startClientUnderTest, type ClientUnderTest } from '../under-test/client-under-test.js';
import type { PublishedClient } from '../under-test/published-client.js';
import { collect, conflictOf, events, failureOf, freshStream, revisionsOf } from '../under-test/speaking.js';

/** What becomes of streams that a published client deletes, tombstones or limits. */
export function describeDeleting(published: PublishedClient): void {
  describe(`${published.name}: deleting`, () => {
    let store: ClientUnderTest;

    beforeAll(async () => {
      store = await startClientUnderTest(published);
    });
    afterAll(() => store.close());
    const read = (stream: string) => collect(store.client.readStream(stream));

    async function streamsInAll(): Promise<(string | undefined)[]> {
      return (await collect(store.client.readAll())).map(({ event }) => event?.streamId);
    }

    describe.each([['deleteStream'], ['tombstoneStream']] as const)('detail 5, expected revision of %s', (method) => {
      it('a wrong one is FAILED_PRECONDITION with trailers', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        const refused = store.client[method](stream, { expectedRevision: 1n });
        expect(await failureOf(refused)).toMatchObject({ code: 9 });
        expect(await conflictOf(refused)).toEqual({
          type: 'wrong-expected-version',
          streamName: stream,
          expected: 1n,
          actual: 2n,
        });
        expect(revisionsOf(await read(stream))).toEqual([0, 1, 2]);
      });

      it('on a missing stream says no_stream, and no_stream refuses one that is there', async () => {
        const missing = freshStream();
        expect(await conflictOf(store.client[method](missing, { expectedRevision: 0n }))).toMatchObject({
          actual: 'no_stream',
        });
        const stream = freshStream();
        await store.client.appendToStream(stream, events(1));
        expect(await conflictOf(store.client[method](stream, { expectedRevision: 'no_stream' }))).toMatchObject({
          expected: -1n,
          actual: 0n,
        });
      });

      it('the right one deletes, and answers a position at the end of the log', async () => {
        const stream = freshStream();
        const { position } = await store.client.appendToStream(stream, events(2));
        const deleted = await store.client[method](stream, { expectedRevision: 1n });
        expect(deleted.position?.commit).toBeGreaterThan(position?.commit ?? 0n);
      });
    });

    describe('detail 13, soft deletion', () => {
      it('writes $tb = 2^63-1 to the metadata stream, and the stream is not found', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.deleteStream(stream);
        expect(await failureOf(read(stream))).toMatchObject({ type: 'stream-not-found' });
        const [metadata] = await collect(store.client.readStream(`$$${stream}`));
        expect(metadata?.event?.type).toBe('$metadata');
        expect(JSON.stringify(metadata?.event?.data)).toBe(JSON.stringify({ $tb: 2 ** 63 }));
      });

      it('a later append goes on at the next revision and rewrites $tb', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.deleteStream(stream);
        const written = await store.client.appendToStream(stream, events(2), { expectedRevision: 'no_stream' });
        expect(written.nextExpectedRevision).toBe(4n);
        expect(revisionsOf(await read(stream))).toEqual([3, 4]);
        expect((await store.client.getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 3 });
      });

      it('new metadata brings the stream back too, empty, and keeps what it says', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.deleteStream(stream);
        await store.client.setStreamMetadata(stream, { maxCount: 5, custom: 'kept' });
        expect(revisionsOf(await read(stream))).toEqual([]);
        expect((await store.client.appendToStream(stream, events(1))).nextExpectedRevision).toBe(3n);
        const { metadata } = await store.client.getStreamMetadata(stream);
        expect(metadata).toEqual({ truncateBefore: 3, maxCount: 5, custom: 'kept' });
      });

      it('the exact last revision is the other way back', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.deleteStream(stream);
        const refused = store.client.appendToStream(stream, events(1), { expectedRevision: 1n });
        expect(await conflictOf(refused)).toMatchObject({ type: 'wrong-expected-version', actual: 2n });
        await store.client.appendToStream(stream, events(1), { expectedRevision: 2n });
        expect(revisionsOf(await read(stream))).toEqual([3]);
      });

      it('an append that brought it back with no_stream is not known when repeated: no_stream means revision 0', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(2));
        await store.client.deleteStream(stream);
        const again = events(1);
        await store.client.appendToStream(stream, again, { expectedRevision: 'no_stream' });
        const repeated = store.client.appendToStream(stream, again, { expectedRevision: 'no_stream' });
        expect(await conflictOf(repeated)).toMatchObject({ type: 'wrong-expected-version', actual: 2n });
        expect((await store.client.appendToStream(stream, again, { expectedRevision: 1n })).nextExpectedRevision).toBe(
          2n,
        );
      });

      it('the events are gone from $all at once, as after scavenging', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.deleteStream(stream);
        const streams = await streamsInAll();
        expect(streams).not.toContain(stream);
        expect(streams).toContain(`$$${stream}`);
      });

      it('an append repeated after the deletion is a new one, for its events are no more', async () => {
        const stream = freshStream();
        const first = events(2);
        await store.client.appendToStream(stream, first);
        await store.client.deleteStream(stream);
        expect((await store.client.appendToStream(stream, first)).nextExpectedRevision).toBe(3n);
      });
    });

    describe('detail 13, tombstone', () => {
      it('is final: no append, no read, no deletion, no metadata; one $streamDeleted at 2^63-1 stays in $all', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        await store.client.setStreamMetadata(stream, { maxCount: 2 });
        const { position } = await store.client.tombstoneStream(stream);
        const attempts = [
          store.client.appendToStream(stream, events(1)),
          store.client.appendToStream(stream, events(1), { credentials: { username: 'any', password: 'any' } }),
          store.client.deleteStream(stream),
          store.client.tombstoneStream(stream),
          store.client.setStreamMetadata(stream, {}),
        ];
        for (const attempt of attempts) expect(await failureOf(attempt)).toMatchObject({ type: 'stream-deleted' });
        const left = (await collect(store.client.readAll())).filter(({ event }) => event?.streamId.endsWith(stream));
        expect(left.map(({ event }) => [event?.type, event?.revision, event?.position])).toEqual([
          ['$streamDeleted', 2n ** 63n - 1n, position],
        ]);
      });

      it('ends a subscription to the stream with StreamDeleted', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(1));
        const subscription = store.client.subscribeToStream(stream);
        await new Promise((resolve) => subscription.once('caughtUp', resolve).on('data', () => undefined));
        const failed = new Promise((resolve) => subscription.once('error', resolve));
        await store.client.tombstoneStream(stream);
        expect(await failed).toMatchObject({ type: 'stream-deleted' });
      });
    });

    describe('detail 13, $tb, $maxCount and $maxAge cut reads of the stream at once, and leave $all alone', () => {
      it.each([
        [{ truncateBefore: 3 }, [3, 4]],
        [{ maxCount: 2 }, [3, 4]],
        [{ maxCount: 2, truncateBefore: 4 }, [4]],
        [{ truncateBefore: 9 }, []],
        [{ maxAge: 1000 }, [0, 1, 2, 3, 4]],
      ])('%j leaves %j', async (metadata, left) => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(5));
        await store.client.setStreamMetadata(stream, metadata);
        expect(revisionsOf(await read(stream))).toEqual(left);
        const backwards = store.client.readStream(stream, { direction: 'backwards', fromRevision: 'end' });
        expect(revisionsOf(await collect(backwards))).toEqual([...left].reverse());
        const all = await streamsInAll();
        expect(all.filter((name) => name === stream)).toHaveLength(5);
      });

      it('metadata that is no JSON object limits nothing', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(2));
        await store.client.appendToStream(`$$${stream}`, published.jsonEvent({ type: '$metadata', data: 'nonsense' }));
        expect(revisionsOf(await read(stream))).toEqual([0, 1]);
      });

      it('a metadata stream shows its newest event only', async () => {
        const stream = freshStream();
        await store.client.setStreamMetadata(stream, { maxCount: 1 });
        await store.client.setStreamMetadata(stream, { maxCount: 2 });
        expect(revisionsOf(await read(`$$${stream}`))).toEqual([1]);
      });
    });

    describe('what was deleted', () => {
      it.each([['deleteStream'], ['tombstoneStream']] as const)(
        'is in no file of the folder once %s is acknowledged',
        async (method) => {
          const secret = `secret-${method}-`.padEnd(64, 'x');
          const stream = freshStream();
          const large = published.jsonEvent({
            type: 'Sealed',
            data: { key: secret.repeat(2000) },
            metadata: { key: secret },
          });
          await store.client.appendToStream(stream, [
            published.jsonEvent({ type: 'Sealed', data: { key: secret } }),
            large,
          ]);
          await store.client.appendToStream(freshStream(), events(50));
          expect(await filesHolding(secret)).not.toEqual([]);
          await store.client[method](stream);
          expect(await filesHolding(secret)).toEqual([]);
        },
      );

      it('refuses to delete a metadata stream by itself', async () => {
        expect(await failureOf(store.client.deleteStream(`$$${freshStream()}`))).toMatchObject({ code: 3 });
      });
    });

    async function filesHolding(text: string): Promise<string[]> {
      const names = await readdir(store.folder);
      const found = await Promise.all(
        names.map(async (name) => (await readFile(join(store.folder, name))).includes(text)),
      );
      return names.filter((_, index) => found[index]);
    }
  });
}
