import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ResolvedEvent } from '@eventstore/db-client';
import { startClientUnderTest, type ClientUnderTest } from '../under-test/client-under-test.js';
import type { PublishedClient } from '../under-test/published-client.js';
import { collect, events, failureOf, freshStream, revisionsOf } from '../under-test/speaking.js';

/** What a published client reads. */
export function describeReading(published: PublishedClient): void {
  describe(`${published.name}: reading`, () => {
    let store: ClientUnderTest;

    beforeAll(async () => {
      store = await startClientUnderTest(published);
    });
    afterAll(() => store.close());
    async function streamOf(count: number): Promise<string> {
      const stream = freshStream();
      await store.client.appendToStream(stream, events(count));
      return stream;
    }

    describe('detail 7, a stream that is not there', () => {
      it('is an error when it was tombstoned, and so is its metadata stream', async () => {
        const stream = await streamOf(1);
        await store.client.tombstoneStream(stream);
        for (const name of [stream, `$$${stream}`]) {
          expect(await failureOf(collect(store.client.readStream(name)))).toMatchObject({
            type: 'stream-deleted',
            streamName: name,
          });
        }
        const subscription = store.client.subscribeToStream(stream);
        expect(await failureOf(collect(subscription))).toMatchObject({ type: 'stream-deleted' });
      });
    });

    describe('detail 8, positions', () => {
      it('grow without being dense, are equal in commit and prepare, and are the ones appends answered', async () => {
        const stream = freshStream();
        const written = await store.client.appendToStream(stream, events(3));
        const positions = (await collect(store.client.readStream(stream))).map(({ event }) => event?.position);
        const commits = positions.map((position) => position?.commit ?? -1n);
        expect(positions.every((position) => position?.commit === position?.prepare)).toBe(true);
        expect(commits.at(-1)).toBe(written.position?.commit);
        for (const [index, commit] of commits.entries()) {
          if (index > 0) expect(commit - (commits[index - 1] ?? 0n)).toBeGreaterThan(1n);
        }
      });

      it('refuses one that is no record boundary, such as a position plus one', async () => {
        const { position } = await store.client.appendToStream(freshStream(), events(1));
        const next = { commit: (position?.commit ?? 0n) + 1n, prepare: (position?.prepare ?? 0n) + 1n };
        const failure = await failureOf(collect(store.client.readAll({ fromPosition: next })));
        expect(failure).toMatchObject(published.readsNatively ? { type: 'unknown' } : { code: 3 });
      });

      it('takes one beyond the end for the end, up to the largest there is', async () => {
        await streamOf(1);
        const beyond = 2n ** 64n - 64n;
        expect(await collect(store.client.readAll({ fromPosition: { commit: beyond, prepare: beyond } }))).toEqual([]);
      });
    });

    describe('detail 9, what is included in a read', () => {
      it('readStream includes the revision it is given, in both directions', async () => {
        const stream = await streamOf(5);
        const read = async (options: Parameters<typeof store.client.readStream>[1]) =>
          revisionsOf(await collect(store.client.readStream(stream, options)));
        expect(await read({})).toEqual([0, 1, 2, 3, 4]);
        expect(await read({ fromRevision: 2n })).toEqual([2, 3, 4]);
        expect(await read({ fromRevision: 1n, maxCount: 2 })).toEqual([1, 2]);
        expect(await read({ fromRevision: 9n })).toEqual([]);
        expect(await read({ direction: 'backwards', fromRevision: 'end' })).toEqual([4, 3, 2, 1, 0]);
        expect(await read({ direction: 'backwards', fromRevision: 'end', maxCount: 1 })).toEqual([4]);
        expect(await read({ direction: 'backwards', fromRevision: 2n })).toEqual([2, 1, 0]);
        expect(await read({ direction: 'backwards', fromRevision: 9n, maxCount: 2 })).toEqual([4, 3]);
        if (published.readsNatively) return;
        expect(await read({ fromRevision: 'end' })).toEqual([]);
        expect(await read({ direction: 'backwards', fromRevision: 'start' })).toEqual([0]);
      });

      it('readAll includes the position forwards and leaves it out backwards', async () => {
        const stream = await streamOf(3);
        const all = await collect(store.client.readAll());
        const [, middle] = await collect(store.client.readStream(stream));
        const fromPosition = middle?.event?.position;
        if (!fromPosition) throw new Error('The event has a position.');
        const forwards = await collect(store.client.readAll({ fromPosition }));
        expect(revisionsOf(forwards)).toEqual([1, 2]);
        const backwards = await collect(store.client.readAll({ direction: 'backwards', fromPosition }));
        expect(backwards).toEqual(all.slice(0, -2).reverse());
        const newest = await collect(
          store.client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 2 }),
        );
        expect(revisionsOf(newest)).toEqual([2, 1]);
        if (published.readsNatively) return;
        expect(await collect(store.client.readAll({ fromPosition: 'end' }))).toEqual([]);
        expect(await collect(store.client.readAll({ direction: 'backwards', fromPosition: 'start' }))).toEqual([]);
      });

      it('reads beyond one page of the log, in both directions and in order', async () => {
        const stream = await streamOf(1000);
        const forwards = revisionsOf(await collect(store.client.readStream(stream)));
        expect(forwards).toEqual(Array.from({ length: 1000 }, (_, n) => n));
        const backwards = revisionsOf(
          await collect(store.client.readStream(stream, { direction: 'backwards', fromRevision: 'end' })),
        );
        expect(backwards).toEqual(forwards.reverse());
        const all = await collect(store.client.readAll());
        const commits = all.map(({ commitPosition }) => commitPosition ?? -1n);
        expect(commits).toEqual([...commits].sort((a, b) => (a < b ? -1 : 1)));
        expect(new Set(commits).size).toBe(commits.length);
        const allBackwards = await collect(store.client.readAll({ direction: 'backwards', fromPosition: 'end' }));
        expect(allBackwards).toEqual(all.reverse());
      });
    });

    describe('detail 12, a recorded event', () => {
      it('comes back as it was sent, with type, content type and time', async () => {
        const stream = freshStream('Ströme/日本');
        const json = published.jsonEvent({ type: 'Jsön', data: { nested: [1, 'ä'] }, metadata: { who: 'me' } });
        const binary = published.binaryEvent({
          type: 'Binary',
          data: Uint8Array.of(0, 255, 128),
          metadata: Uint8Array.of(1, 2),
        });
        const before = published.readsNatively ? Math.floor(Date.now() / 1000) * 1000 : Date.now();
        await store.client.appendToStream<typeof json | typeof binary>(stream, [json, binary]);
        const [first, second] = await collect(store.client.readStream(stream) as AsyncIterable<ResolvedEvent>);
        expect(first?.event).toMatchObject({
          streamId: stream,
          id: json.id,
          type: json.type,
          data: json.data,
          metadata: json.metadata,
          isJson: true,
        });
        const created = first?.event?.created.getTime() ?? 0;
        expect(created).toBeGreaterThanOrEqual(before);
        expect(created).toBeLessThanOrEqual(Date.now());
        expect(second?.event).toMatchObject({ id: binary.id, isJson: false });
        expect(Buffer.from(second?.event?.data as Uint8Array)).toEqual(Buffer.from(binary.data));
        expect(Buffer.from(second?.event?.metadata as Uint8Array)).toEqual(Buffer.from([1, 2]));
      });
    });

    describe('links', () => {
      it('are sent as they are, or together with what they lead to when asked', async () => {
        const target = await streamOf(2);
        const stream = freshStream('links');
        const link = (to: string) => published.binaryEvent({ type: '$>', data: Buffer.from(to) });
        await store.client.appendToStream(stream, [link(`1@${target}`), link(`7@${target}`), link('0@nowhere')]);
        const plain = await collect(store.client.readStream(stream));
        expect(plain.map(({ event, link: via }) => [event?.type, via])).toEqual(Array(3).fill(['$>', undefined]));
        const resolved = await collect(store.client.readStream(stream, { resolveLinkTos: true }));
        expect(resolved.map(({ event, link: via }) => [event?.streamId, event?.revision, via?.streamId])).toEqual([
          [target, 1n, stream],
          [undefined, undefined, stream],
          [undefined, undefined, stream],
        ]);
      });
    });
  });
}
