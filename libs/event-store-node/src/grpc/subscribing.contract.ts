import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AllStreamSubscription, Position, StreamSubscription } from '@eventstore/db-client';
import { eventually } from '@berth/testing';
import { startClientUnderTest, type ClientUnderTest } from '../under-test/client-under-test.js';
import type { PublishedClient } from '../under-test/published-client.js';
import { events, freshStream } from '../under-test/speaking.js';

/** What a published client is sent when it subscribes. */
export function describeSubscribing(published: PublishedClient): void {
  describe(`${published.name}: subscribing`, () => {
    let store: ClientUnderTest;

    beforeAll(async () => {
      store = await startClientUnderTest(published);
    });
    afterAll(() => store.close());
    type Subscription = AllStreamSubscription | StreamSubscription;

    /** Writes down what a subscription says, in order: `confirmation`, `caughtUp`, and `stream/revision` of each event. */
    class Diary {
      readonly entries: string[] = [];

      constructor(readonly subscription: Subscription) {
        subscription.on('confirmation', () => this.entries.push('confirmation'));
        subscription.on('caughtUp', () => this.entries.push('caughtUp'));
        subscription.on('data', ({ event }) => this.entries.push(`${event?.streamId}/${event?.revision}`));
      }

      get events(): string[] {
        return this.entries.filter((entry) => entry.includes('/'));
      }

      async until(entry: string): Promise<string[]> {
        await eventually(`the subscription to say ${entry}`, () => this.entries.includes(entry));
        return this.entries;
      }
    }

    const named = (stream: string, ...revisions: number[]) => revisions.map((revision) => `${stream}/${revision}`);

    describe('detail 9, where a subscription begins', () => {
      it('to a stream: start includes the first event, a revision is left out, end means new ones only', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(3));
        const diaries = (['start', 1n, 'end'] as const).map(
          (fromRevision) => new Diary(store.client.subscribeToStream(stream, { fromRevision })),
        );
        for (const diary of diaries) await diary.until('caughtUp');
        await store.client.appendToStream(stream, events(1));
        for (const diary of diaries) await diary.until(`${stream}/3`);
        expect(diaries.map((diary) => diary.events)).toEqual([
          named(stream, 0, 1, 2, 3),
          named(stream, 2, 3),
          named(stream, 3),
        ]);
        for (const diary of diaries) await diary.subscription.unsubscribe();
      });

      it('to $all: a position is left out, end means new ones only', async () => {
        const stream = freshStream();
        const { position } = await store.client.appendToStream(stream, events(2));
        await store.client.appendToStream(stream, events(1));
        if (!position) throw new Error('The append answered a position.');
        const after = new Diary(store.client.subscribeToAll({ fromPosition: position }));
        const atEnd = new Diary(store.client.subscribeToAll({ fromPosition: 'end' }));
        const fromStart = new Diary(store.client.subscribeToAll());
        for (const diary of [after, atEnd, fromStart]) await diary.until('caughtUp');
        await store.client.appendToStream(stream, events(1));
        for (const diary of [after, atEnd, fromStart]) await diary.until(`${stream}/3`);
        expect(after.events).toEqual(named(stream, 2, 3));
        expect(atEnd.events).toEqual(named(stream, 3));
        expect(fromStart.events.slice(-4)).toEqual(named(stream, 0, 1, 2, 3));
        for (const diary of [after, atEnd, fromStart]) await diary.subscription.unsubscribe();
      });

      it('waits for a stream that is not there yet', async () => {
        const stream = freshStream();
        const diary = new Diary(store.client.subscribeToStream(stream));
        await diary.until('caughtUp');
        await store.client.appendToStream(stream, events(1));
        await diary.until(`${stream}/0`);
        await diary.subscription.unsubscribe();
      });

      it('goes on at the next revision when the stream is deleted and comes back', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(2));
        const diary = new Diary(store.client.subscribeToStream(stream));
        await diary.until('caughtUp');
        await store.client.deleteStream(stream);
        await store.client.appendToStream(stream, events(1));
        await diary.until(`${stream}/2`);
        expect(diary.events).toEqual(named(stream, 0, 1, 2));
        await diary.subscription.unsubscribe();
      });
    });

    describe('detail 10, the order of a subscription', () => {
      it('confirmation, events, caughtUp, live events', async () => {
        const stream = freshStream();
        await store.client.appendToStream(stream, events(2));
        const diary = new Diary(store.client.subscribeToStream(stream));
        await diary.until('caughtUp');
        await store.client.appendToStream(stream, events(1));
        expect(await diary.until(`${stream}/2`)).toEqual([
          'confirmation',
          ...named(stream, 0, 1),
          'caughtUp',
          `${stream}/2`,
        ]);
        await diary.subscription.unsubscribe();
      });

      it('a filtered one has a checkpoint each window × interval events looked at, and one on going live', async () => {
        const prefix = freshStream('few');
        const { position } = await store.client.appendToStream(freshStream('many'), events(250));
        await store.client.appendToStream(prefix, events(1));
        const first = (position?.commit ?? 0n) - 0n;
        const checkpoints: Position[] = [];
        const order: string[] = [];
        const subscription = store.client.subscribeToAll({
          filter: published.streamNameFilter({
            prefixes: [prefix],
            maxSearchWindow: 10,
            checkpointInterval: 5,
            checkpointReached: async (_subscription, at) => {
              checkpoints.push(at);
              order.push('checkpoint');
            },
          }),
        });
        subscription.on('data', () => order.push('event'));
        subscription.on('caughtUp', () => order.push('caughtUp'));
        await eventually('the subscription to catch up', () => order.includes('caughtUp'));
        expect(order.slice(-3)).toEqual(['event', 'checkpoint', 'caughtUp']);
        const all: bigint[] = [];
        for await (const { commitPosition } of store.client.readAll()) all.push(commitPosition ?? -1n);
        const due = all.filter((_, index) => (index + 1) % 50 === 0);
        expect(checkpoints.slice(0, -1).map(({ commit }) => commit)).toEqual(due);
        expect(checkpoints.at(-1)?.commit).toBe(all.at(-1));
        expect(first).toBeLessThan(all.at(-1) ?? 0n);
        // Live, they go on counting.
        const before = checkpoints.length;
        await store.client.appendToStream(freshStream('many'), events(50));
        await eventually('a live checkpoint', () => checkpoints.length === before + 1);
        await subscription.unsubscribe();
      });

      it('resuming from a checkpoint leaves nothing out and repeats nothing', async () => {
        const prefix = freshStream('resumed');
        for (let round = 0; round < 30; round += 1) {
          await store.client.appendToStream(freshStream('other'), events(7));
          await store.client.appendToStream(prefix, events(1));
        }
        const seen: bigint[] = [];
        let fromPosition: Position | 'start' = 'start';
        for (let leg = 0; leg < 400 && seen.length < 30; leg += 1) {
          fromPosition = await readUntilCheckpoint(prefix, fromPosition, seen);
        }
        expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(n)));
      });

      /** Takes events up to the first checkpoint, which covers exactly these. */
      async function readUntilCheckpoint(prefix: string, from: Position | 'start', seen: bigint[]): Promise<Position> {
        let reached: Position | undefined;
        const subscription = store.client.subscribeToAll({
          fromPosition: from,
          filter: published.streamNameFilter({
            prefixes: [prefix],
            maxSearchWindow: 13,
            checkpointInterval: 1,
            checkpointReached: async (_subscription, at) => {
              reached ??= at;
            },
          }),
        });
        subscription.on('data', ({ event }) => {
          if (!reached && event) seen.push(event.revision);
        });
        const checkpoint = await eventually('a checkpoint', () => reached);
        await subscription.unsubscribe();
        return checkpoint;
      }

      it('hands over to live events without gap or duplicate while appends go on', async () => {
        const prefix = freshStream('handover');
        await store.client.appendToStream(prefix, events(2000));
        const all = new Diary(
          store.client.subscribeToAll({ filter: published.streamNameFilter({ prefixes: [prefix] }) }),
        );
        const one = new Diary(store.client.subscribeToStream(prefix));
        for (let appended = 0; appended < 200; appended += 1) await store.client.appendToStream(prefix, events(1));
        const expected = named(prefix, ...Array.from({ length: 2200 }, (_, n) => n));
        for (const diary of [all, one]) {
          await diary.until(`${prefix}/2199`);
          expect(diary.events).toEqual(expected);
          expect(diary.entries.filter((entry) => entry === 'caughtUp')).toHaveLength(1);
          await diary.subscription.unsubscribe();
        }
      });
    });

    describe('detail 11, filters', () => {
      it('without one, $all shows system events too', async () => {
        const stream = freshStream();
        await store.client.setStreamMetadata(stream, { maxCount: 10 });
        const diary = new Diary(store.client.subscribeToAll());
        await diary.until(`$$${stream}/0`);
        await diary.subscription.unsubscribe();
      });

      it.each([
        ['a prefix of stream names', (id: string) => published.streamNameFilter({ prefixes: [`a-${id}`] }), ['a']],
        [
          'several prefixes',
          (id: string) => published.streamNameFilter({ prefixes: [`a-${id}`, `b-${id}`] }),
          ['a', 'b'],
        ],
        [
          'a regular expression on stream names',
          (id: string) => published.streamNameFilter({ regex: `^[bc]-${id}$` }),
          ['b', 'c'],
        ],
        ['a prefix of types', (id: string) => published.eventTypeFilter({ prefixes: [`Type-a-${id}`] }), ['a']],
        [
          'a regular expression on types',
          (id: string) => published.eventTypeFilter({ regex: `-[ab]-${id}$` }),
          ['a', 'b'],
        ],
        ['excludeSystemEvents', () => published.excludeSystemEvents(), ['a', 'b', 'c']],
      ])('%s', async (_name, filterFor, wanted) => {
        const id = freshStream('id');
        const { position } = await store.client.appendToStream(freshStream(), events(1));
        if (!position) throw new Error('The append answered a position.');
        for (const kind of ['a', 'b', 'c']) {
          await store.client.appendToStream(
            `${kind}-${id}`,
            published.jsonEvent({ type: `Type-${kind}-${id}`, data: {} }),
          );
          await store.client.setStreamMetadata(`${kind}-${id}`, { maxCount: 3 });
        }
        const filter = filterFor(id);
        const diary = new Diary(store.client.subscribeToAll({ fromPosition: position, filter }));
        await diary.until('caughtUp');
        expect(diary.events).toEqual(wanted.map((kind) => `${kind}-${id}/0`));
        await diary.subscription.unsubscribe();
      });

      it('refuses a regular expression that is none, and a page later still serves', async () => {
        const subscription = store.client.subscribeToAll({ filter: published.streamNameFilter({ regex: '(' }) });
        const [error] = (await once(subscription, 'error')) as [Record<string, unknown>];
        expect(error).toMatchObject({ code: 3 });
      });
    });
  });
}
