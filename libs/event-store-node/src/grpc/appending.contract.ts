import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startClientUnderTest, type ClientUnderTest } from '../under-test/client-under-test.js';
import type { PublishedClient } from '../under-test/published-client.js';
import { collect, conflictOf, events, failureOf, freshStream, revisionsOf } from '../under-test/speaking.js';

const APPEND_BYTES_MAX = 64 * 1024;
/** Per-call credentials make the client use Append instead of BatchAppend. */
const classic = { credentials: { username: 'any', password: 'any' } };

/** What a published client is answered when it appends. */
export function describeAppending(published: PublishedClient): void {
  describe(`${published.name}: appending`, () => {
    let store: ClientUnderTest;

    beforeAll(async () => {
      store = await startClientUnderTest(published, { appendBytesMax: APPEND_BYTES_MAX });
    });
    afterAll(() => store.close());
    describe.each([
      ['BatchAppend', {}],
      ['Append', classic],
    ])('detail 1, expected revision, over %s', (_call, how) => {
      it('no_stream, exact revision, any and stream_exists each let the right append through', async () => {
        const stream = freshStream();
        const append = (expectedRevision: 'no_stream' | 'any' | 'stream_exists' | bigint) =>
          store.client.appendToStream(stream, events(1), { ...how, expectedRevision });
        expect((await append('no_stream')).nextExpectedRevision).toBe(0n);
        expect((await append(0n)).nextExpectedRevision).toBe(1n);
        expect((await append('any')).nextExpectedRevision).toBe(2n);
        expect((await append('stream_exists')).nextExpectedRevision).toBe(3n);
      });

      it.each([
        ['no_stream', 'no_stream', 1n],
        [7n, 7n, 1n],
        [0n, 0n, 1n],
      ] as const)(
        'refuses %s on a stream at revision 1 and says where it is',
        async (expectedRevision, expected, actual) => {
          const stream = freshStream();
          await store.client.appendToStream(stream, events(2));
          const refused = store.client.appendToStream(stream, events(1), { ...how, expectedRevision });
          expect(await conflictOf(refused)).toEqual({
            type: 'wrong-expected-version',
            streamName: stream,
            expected,
            actual,
          });
        },
      );

      it('refuses an exact revision and stream_exists on a missing stream', async () => {
        const stream = freshStream();
        for (const expectedRevision of [0n, 'stream_exists'] as const) {
          const refused = store.client.appendToStream(stream, events(1), { ...how, expectedRevision });
          expect(await conflictOf(refused)).toMatchObject({ type: 'wrong-expected-version', actual: 'no_stream' });
        }
      });

      it('takes a stream with metadata alone for existing, and answers StreamDeleted for a soft-deleted one', async () => {
        const stream = freshStream();
        await store.client.setStreamMetadata(stream, { maxAge: 100 });
        const expectation = { ...how, expectedRevision: 'stream_exists' as const };
        expect((await store.client.appendToStream(stream, events(1), expectation)).nextExpectedRevision).toBe(0n);
        await store.client.deleteStream(stream);
        const failure = await failureOf(store.client.appendToStream(stream, events(1), expectation));
        expect(failure).toMatchObject({ type: 'stream-deleted', streamName: stream });
      });
    });

    describe.each([
      ['BatchAppend', {}],
      ['Append', classic],
    ])('detail 2, idempotence, over %s', (_call, how) => {
      it('answers a repeated append at an exact revision with its first revision and position', async () => {
        const stream = freshStream();
        const first = events(3);
        const written = await store.client.appendToStream(stream, first, { ...how, expectedRevision: 'no_stream' });
        await store.client.appendToStream(stream, events(2), { ...how, expectedRevision: 2n });
        expect(await store.client.appendToStream(stream, first, { ...how, expectedRevision: 'no_stream' })).toEqual(
          written,
        );
        expect(revisionsOf(await collect(store.client.readStream(stream)))).toEqual([0, 1, 2, 3, 4]);
      });

      it('refuses a repetition that begins or goes on otherwise', async () => {
        const stream = freshStream();
        const [a, b] = events(2);
        if (!a || !b) throw new Error('Two events were made.');
        await store.client.appendToStream(stream, [a, b], { ...how, expectedRevision: 'no_stream' });
        for (const wrong of [
          [...events(1), b],
          [a, ...events(1)],
          [a, b, ...events(1)],
        ]) {
          const refused = store.client.appendToStream(stream, wrong, { ...how, expectedRevision: 'no_stream' });
          expect(await conflictOf(refused)).toMatchObject({ type: 'wrong-expected-version', actual: 1n });
        }
      });

      it('knows recent ids for any: all of them is success, some is WrongExpectedVersion, another stream is new', async () => {
        const stream = freshStream();
        const first = events(2);
        const written = await store.client.appendToStream(stream, first, how);
        expect(await store.client.appendToStream(stream, first, how)).toEqual(written);
        const failure = await failureOf(store.client.appendToStream(stream, [...first, ...events(1)], how));
        expect(failure).toMatchObject({ type: 'wrong-expected-version' });
        expect((await store.client.appendToStream(freshStream(), first, how)).nextExpectedRevision).toBe(1n);
      });
    });

    describe('detail 3, errors of BatchAppend', () => {
      it('an unknown type of error would become UnknownError: ours for a bad request does', async () => {
        const failure = await failureOf(store.client.appendToStream('$all', events(1)));
        expect(failure).toMatchObject({ type: 'unknown' });
      });
    });

    describe('detail 4, requests of BatchAppend', () => {
      it('the client splits an append beyond its batch size, and it stays one append', async () => {
        const stream = freshStream();
        const written = await store.client.appendToStream(stream, events(100), { batchAppendSize: 1000 });
        expect(written.nextExpectedRevision).toBe(99n);
      });

      it('the published client reports that answer as a deadline exceeded', async () => {
        const failure = await failureOf(store.client.appendToStream(freshStream(), events(1), { deadline: -1 }));
        expect(failure).toMatchObject({ type: 'deadline-exceeded' });
      });
    });

    describe('detail 14, size limit and atomicity', () => {
      it('counts data, metadata and twice the length of the type', async () => {
        const type = 'T'.repeat(50);
        const sized = (bytes: number) => {
          const metadata = { m: 'x' };
          const overhead = JSON.stringify({ d: '' }).length + JSON.stringify(metadata).length + 2 * type.length;
          return published.jsonEvent({ type, data: { d: 'x'.repeat(bytes - overhead) }, metadata });
        };
        const stream = freshStream();
        await store.client.appendToStream(stream, sized(APPEND_BYTES_MAX));
        const failure = await failureOf(store.client.appendToStream(stream, sized(APPEND_BYTES_MAX + 1)));
        expect(failure).toMatchObject({ type: 'maximum-append-size-exceeded', maxAppendSize: APPEND_BYTES_MAX });
      });

      it('takes all events of an append or none', async () => {
        const stream = freshStream();
        const small = published.jsonEvent({ type: 'Small', data: {} });
        const large = published.jsonEvent({ type: 'Large', data: 'x'.repeat(APPEND_BYTES_MAX) });
        await failureOf(store.client.appendToStream(stream, [small, large]));
        expect(await failureOf(collect(store.client.readStream(stream)))).toMatchObject({ type: 'stream-not-found' });
      });

      it('an append of no events writes nothing and answers where the stream is', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        expect((await store.client.appendToStream(stream, [], { expectedRevision: 2n })).nextExpectedRevision).toBe(2n);
      });
    });
  });
}
