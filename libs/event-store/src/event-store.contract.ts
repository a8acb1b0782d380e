import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type HubEvent } from '@berth/domain';
import { eventually } from '@berth/testing';
import { type Appended, type EventStreams, noStream, type ReadOptions } from './event-store.js';
import { RevisionConflict } from './faults.js';

/** A store without events, seen by two processes. The suite cuts the first one off, never the second. */
export interface EventStoreUnderTest {
  readonly store: EventStreams;
  readonly other: EventStreams;
  /** From now on the store does what `store` asks, and no answer comes back. */
  holdAnswers(): void;
  /** The answers held back are lost; from now on everything gets through again. */
  loseAnswers(): void;
  /** Nothing gets through to the store, or back, until `reconnect`. */
  disconnect(): void;
  reconnect(): void;
  end(): Promise<void>;
}

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const weight = (value: number): HubEvent => ({
  type: 'HubWeightChanged',
  v: 1,
  data: { name: 'hub-a', weight: value },
});

/** What the event store is to its users, whoever plays it. */
export function describeEventStoreContract(name: string, create: () => Promise<EventStoreUnderTest>): void {
  describe(`EventStore contract: ${name}`, () => {
    let underTest: EventStoreUnderTest;
    let store: EventStreams;
    let other: EventStreams;

    beforeEach(async () => {
      underTest = await create();
      ({ store, other } = underTest);
    });

    afterEach(() => underTest.end());

    const stored = async (stream: string, options: ReadOptions = {}, from = other) => {
      const events: { revision: number; weight: number; position: bigint }[] = [];
      for await (const { event, revision, position } of from.read<HubEvent>(stream, options)) {
        if (event.type === 'HubWeightChanged') events.push({ revision, weight: event.data.weight, position });
      }
      return events;
    };
    const weights = async (stream: string, options: ReadOptions = {}) =>
      (await stored(stream, options)).map((event) => event.weight);

    describe('appending and reading', () => {
      it('stores at the exact revision and gives back in order, forwards and backwards', async () => {
        const first = await store.append('hub-a', [weight(1), weight(2)], noStream, metadata);
        const second = await store.append('hub-a', [weight(3)], first.revision, metadata);
        expect([first.revision, second.revision]).toEqual([1, 2]);
        expect(await weights('hub-a')).toEqual([1, 2, 3]);
        expect(await weights('hub-a', { backwards: true, maxCount: 2 })).toEqual([3, 2]);
        expect(await weights('hub-a', { from: 1 })).toEqual([2, 3]);
        expect(await weights('hub-a', { from: 1, maxCount: 1 })).toEqual([2]);
        expect(await weights('hub-a', { from: 1, backwards: true })).toEqual([2, 1]);
        expect(await weights('hub-a', { from: 3 })).toEqual([]);
      });

      it('gives everything a place in one order over all streams, the same to whoever appends and whoever reads', async () => {
        const one = await store.append('hub-a', [weight(1)], noStream, metadata);
        const two = await store.append('hub-b', [weight(2)], noStream, metadata);
        const three = await store.append('hub-a', [weight(3)], 0, metadata);
        expect([one.position < two.position, two.position < three.position]).toEqual([true, true]);
        const positions = [...(await stored('hub-a')), ...(await stored('hub-b'))].map(({ position }) => position);
        expect(positions).toEqual([one.position, three.position, two.position]);
      });

      it('gives back only the newest of a stream that is to keep no more, and counts revisions on', async () => {
        const { revision } = await store.append('hub-a', [weight(1), weight(2), weight(3)], noStream, metadata);
        await store.keepNewest('hub-a', 2);
        expect(await weights('hub-a')).toEqual([2, 3]);
        expect(await weights('hub-a', { backwards: true })).toEqual([3, 2]);
        await store.append('hub-a', [weight(4)], revision, metadata);
        expect(await weights('hub-a')).toEqual([3, 4]);
        expect(await weights('hub-a', { backwards: true, maxCount: 1 })).toEqual([4]);
      });

      it('refuses at another revision, and stores nothing of it', async () => {
        await store.append('hub-a', [weight(1)], noStream, metadata);
        for (const revision of [noStream, 5]) {
          const refused = store.append('hub-a', [weight(2)], revision, metadata);
          await expect(refused).rejects.toBeInstanceOf(RevisionConflict);
        }
        expect(await weights('hub-a')).toEqual([1]);
      });

      it('takes equal events appended twice for two appends', async () => {
        await store.append('hub-a', [weight(1)], noStream, metadata);
        await expect(store.append('hub-a', [weight(1)], noStream, metadata)).rejects.toBeInstanceOf(RevisionConflict);
        await store.append('hub-a', [weight(1)], 0, metadata);
        expect(await weights('hub-a')).toEqual([1, 1]);
      });

      it('reads nothing from a stream that is not there', async () => {
        expect(await weights('hub-z')).toEqual([]);
      });

      it('keeps metadata beside the event', async () => {
        await store.append('hub-a', [weight(1)], noStream, { ...metadata, topic: 't', partition: 3 });
        for await (const event of other.read('hub-a'))
          expect(event).toMatchObject({ stream: 'hub-a', metadata: { ...metadata, topic: 't', partition: 3 } });
      });
    });

    describe('when answers are lost', () => {
      const appendUnheard = async (stream: string): Promise<{ appending: Promise<Appended> }> => {
        // Connected first: without any answer nothing could even be asked.
        await store.append('hub-x', [weight(1)], noStream, metadata);
        underTest.holdAnswers();
        const appending = store.append(stream, [weight(1)], noStream, metadata);
        appending.catch(() => undefined);
        await eventually('the append to be stored', async () => (await weights(stream)).length === 1);
        return { appending };
      };

      it('an append is stored once, and answered with its place', async () => {
        const { appending } = await appendUnheard('hub-a');
        underTest.loseAnswers();
        const [place] = await stored('hub-a');
        expect(await appending).toEqual({ revision: 0, position: place!.position });
        expect(await weights('hub-a')).toEqual([1]);
      });

      it('an append is answered with its place though somebody has appended behind it since', async () => {
        const { appending } = await appendUnheard('hub-a');
        await other.append('hub-a', [weight(2)], 0, metadata);
        underTest.loseAnswers();
        const [place] = await stored('hub-a');
        expect(await appending).toEqual({ revision: 0, position: place!.position });
        expect(await weights('hub-a')).toEqual([1, 2]);
      });

      it('an append that never got there is refused when somebody was faster', async () => {
        await store.append('hub-b', [weight(1)], noStream, metadata);
        underTest.disconnect();
        const appending = store.append('hub-a', [weight(1)], noStream, metadata);
        appending.catch(() => undefined);
        await other.append('hub-a', [weight(2)], noStream, metadata);
        underTest.reconnect();
        await expect(appending).rejects.toBeInstanceOf(RevisionConflict);
        expect(await weights('hub-a')).toEqual([2]);
      });

      it('an append goes through once the store is back, and a read says retriably that it was cut off', async () => {
        await store.append('hub-a', [weight(1)], noStream, metadata);
        underTest.disconnect();
        await expect(stored('hub-a', {}, store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retriable: true });
        const appending = store.append('hub-a', [weight(2)], 0, metadata);
        underTest.reconnect();
        expect((await appending).revision).toBe(1);
        expect(await weights('hub-a')).toEqual([1, 2]);
      });
    });

    describe('following', () => {
      const follow = (after: bigint | null = null) => {
        const seen: string[] = [];
        const followed = store.follow({
          prefixes: ['hub-', 'policy-'],
          after,
          handle: (events) => void seen.push(...events.map(({ stream, revision }) => `${stream}@${revision}`)),
        });
        return { seen, followed };
      };

      it('hands over the past and then the present, in order, of the wanted streams only', async () => {
        await store.append('hub-a', [weight(1), weight(2)], noStream, metadata);
        await store.append('other-a', [weight(1)], noStream, metadata);
        await store.append('hub-b', [weight(1)], noStream, metadata);
        const { seen, followed } = follow();
        await followed.caughtUp;
        expect(seen).toEqual(['hub-a@0', 'hub-a@1', 'hub-b@0']);
        const { position } = await store.append('hub-a', [weight(3)], 1, metadata);
        expect(await followed.reached(position, 5_000)).toBe(true);
        expect(seen.at(-1)).toBe('hub-a@2');
        expect(followed.position).toBe(position);
        expect(await followed.reached(position + 1_000_000n, 20)).toBe(false);
      });

      it('starts after a position it was given', async () => {
        const { position } = await store.append('hub-a', [weight(1)], noStream, metadata);
        await store.append('hub-a', [weight(2)], 0, metadata);
        const { seen, followed } = follow(position);
        await followed.caughtUp;
        expect(seen).toEqual(['hub-a@1']);
      });

      it('goes on after the store was away, without gap or repeat', async () => {
        const { seen } = follow();
        await store.append('hub-a', [weight(1)], noStream, metadata);
        await eventually('the first event', () => seen.length === 1);
        underTest.disconnect();
        await other.append('hub-a', [weight(2), weight(3)], 0, metadata);
        underTest.reconnect();
        await eventually('the events after it was back', () => seen.length >= 3);
        expect(seen).toEqual(['hub-a@0', 'hub-a@1', 'hub-a@2']);
      });

      it('ends through `failed` when its handler does', async () => {
        const followed = store.follow({
          prefixes: ['hub-'],
          after: null,
          handle: () => {
            throw new Error('cannot be handled');
          },
        });
        await store.append('hub-a', [weight(1)], noStream, metadata);
        await expect(followed.failed).rejects.toThrow('cannot be handled');
      });

      it('hands nothing over after it was stopped', async () => {
        const { seen, followed } = follow();
        await followed.caughtUp;
        await followed.stop();
        const { position } = await store.append('hub-a', [weight(1)], noStream, metadata);
        expect(await followed.reached(position, 50)).toBe(false);
        expect(seen).toEqual([]);
      });
    });
  });
}
