import {
  AccessDeniedError,
  ANY,
  BACKWARDS,
  END,
  EventStoreDBClient,
  FORWARDS,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  NO_STREAM,
  type ResolvedEvent,
  START,
  StreamDeletedError,
  StreamNotFoundError,
  UnsupportedError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { backOff } from './back-off.js';
import './fast-base64.js';
import { type BerthEvent, decode, encode, type EventMetadata, type StoredEvent } from './codec.js';
import { EventUnreadable, RevisionConflict, StoreRefused, StoreUnavailable } from './faults.js';
import { type Followed, Following, type FollowOptions } from './follow.js';
import { onLateAnswer } from './late-answers.js';

/** Revision to expect of a stream that doesn't exist yet. */
export const noStream = -1;

export interface Appended {
  /** Revision of the last event. */
  revision: number;
  /** Commit position of the last event. */
  position: bigint;
}

export interface ReadOptions {
  /** First revision read; by default the first event, or backwards the last. */
  from?: number;
  backwards?: boolean;
  maxCount?: number;
}

/** How long one append may take before its outcome counts as unknown and it is asked again. */
const appendDeadlineMs = 5_000;
/** How long closing waits for the calls under way to end. */
const closeDeadlineMs = 3_000;
/** Tries of one append; with the back-off between them about 20 s in all when nothing answers at once. */
const appendTriesMax = 12;

/**
 * Typed access to EventStoreDB, embedded or cluster, through the official client. One a process: the client's table of
 * pending appends is process-wide.
 */
export class EventStore {
  private client: Promise<EventStoreDBClient>;
  private isReplacing = false;
  private readonly stopListening: () => void;
  /** Newest position that this process has appended, by stream prefix (up to the first dash, which stays). */
  private readonly newest = new Map<string, bigint>();
  private readonly followings = new Set<Following<never>>();

  /** @param url `esdb://…` or `esdb+discover://…` */
  constructor(private readonly url: string) {
    this.client = Promise.resolve(EventStoreDBClient.connectionString(url));
    this.stopListening = onLateAnswer(() => this.replaceClient());
  }

  /**
   * Appends at the exact revision, all or nothing. An unknown outcome is asked again with the same event ids, which the
   * store recognises.
   * @throws RevisionConflict when the stream isn't at `expectedRevision` (and these events aren't why).
   * @throws StoreUnavailable (retriable) when no try was answered; the events may or may not be stored.
   */
  async append(
    stream: string,
    events: readonly BerthEvent[],
    expectedRevision: number,
    metadata: EventMetadata,
  ): Promise<Appended> {
    const encoded = events.map((event) => encode(event, randomUUID(), metadata));
    const expected = expectedRevision === noStream ? NO_STREAM : BigInt(expectedRevision);
    let unknown: unknown;
    for (let attempt = 0; attempt < appendTriesMax; attempt += 1) {
      try {
        const client = await this.client;
        const appending = client.appendToStream(stream, encoded, {
          expectedRevision: expected,
          deadline: appendDeadlineMs,
        });
        const result = await withDeadline(appending, appendDeadlineMs + 1_000);
        // A URL can ask the client not to throw: it then tells of a conflict like this, with a revision that is nobody's.
        if (!result.success) throw new RevisionConflict(stream, expectedRevision);
        if (!result.position) throw new StoreRefused(`The store gave no position for an append to ${stream}`);
        const { commit: position } = result.position;
        this.newest.set(prefixOf(stream), position);
        return { revision: Number(result.nextExpectedRevision), position };
      } catch (error) {
        if (error instanceof RevisionConflict) throw error;
        if (error instanceof WrongExpectedVersionError) {
          throw new RevisionConflict(stream, expectedRevision, { cause: error });
        }
        if (!isUnknownOutcome(error)) throw asFault(error);
        unknown = error;
        await backOff(attempt);
      }
    }
    throw new StoreUnavailable(`An append to ${stream} got no answer in ${appendTriesMax} tries`, { cause: unknown });
  }

  /** The stream's events in order; none when it doesn't exist. @throws StoreUnavailable (retriable). */
  async *read<E extends BerthEvent>(stream: string, options: ReadOptions = {}): AsyncIterable<StoredEvent<E>> {
    const { from, backwards = false, maxCount } = options;
    const client = await this.client;
    const reading = client.readStream(stream, {
      direction: backwards ? BACKWARDS : FORWARDS,
      fromRevision: from === undefined ? (backwards ? END : START) : BigInt(from),
      ...(maxCount !== undefined && { maxCount: BigInt(maxCount) }),
    });
    let isOver = false;
    let left = maxCount ?? Infinity;
    try {
      for await (const { event } of reading.iterator({ destroyOnReturn: false }) as AsyncIterable<ResolvedEvent>) {
        left -= 1;
        if (event) yield decode<E>(event, event.position?.commit ?? 0n);
      }
      isOver = true;
    } catch (error) {
      isOver = true;
      if (error instanceof StreamNotFoundError || error instanceof StreamDeletedError) return;
      throw isUnknownOutcome(error)
        ? new StoreUnavailable(`Reading ${stream} was cut off`, { cause: error })
        : asFault(error);
    } finally {
      // Given up half way: the call behind it is told, and what it has sent already must flow off, or closing the store would
      // wait for ever for the call to end. Nothing is cancelled that ends by itself: servers close a connection on which too
      // much is (nghttp2: after a thousand, and 33 a second).
      if (!isOver) {
        reading.on('error', () => undefined);
        if (left > 0) void reading.cancel();
        reading.resume();
      }
    }
  }

  /** Deletes a stream's events for good; deleting what isn't there is fine. @throws StoreUnavailable (retriable). */
  async delete(stream: string): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const client = await this.client;
        await client.deleteStream(stream, { expectedRevision: ANY });
        return;
      } catch (error) {
        if (error instanceof StreamNotFoundError || error instanceof StreamDeletedError) return;
        if (!isUnknownOutcome(error)) throw asFault(error);
        if (attempt + 1 >= appendTriesMax)
          throw new StoreUnavailable(`Deleting ${stream} got no answer`, { cause: error });
        await backOff(attempt);
      }
    }
  }

  /** From now on only the stream's newest events are read, and older ones may be removed. @throws StoreUnavailable (retriable). */
  async keepNewest(stream: string, count: number): Promise<void> {
    try {
      const client = await this.client;
      await withDeadline(client.setStreamMetadata(stream, { maxCount: count }), appendDeadlineMs);
    } catch (error) {
      throw isUnknownOutcome(error)
        ? new StoreUnavailable(`Limiting ${stream} got no answer`, { cause: error })
        : asFault(error);
    }
  }

  /** Newest position that this process has appended to streams with these prefixes; null when it has appended to none. */
  newestAppended(prefixes: readonly string[]): bigint | null {
    const positions = prefixes.flatMap((prefix) => this.newest.get(prefix) ?? []);
    return positions.length === 0 ? null : positions.reduce((a, b) => (a > b ? a : b));
  }

  /** Follows streams by prefix, from the past into the present. */
  follow<E extends BerthEvent>(options: FollowOptions<E>): Followed {
    const following = new Following<E>(() => this.client, options);
    this.followings.add(following as Following<never>);
    return following;
  }

  async close(): Promise<void> {
    await Promise.all([...this.followings].map((following) => following.stop()));
    const client = await this.client;
    // Nothing that the store could still say matters now, and a stop must not wait for ever for it.
    await withDeadline(client.dispose(), closeDeadlineMs).catch(() => undefined);
    this.stopListening();
  }

  /** The old client is gone before there is a new one: as it goes it rejects every pending append of the process. */
  private replaceClient(): void {
    if (this.isReplacing) return;
    this.isReplacing = true;
    this.client = this.client
      .then((old) => old.dispose())
      .catch(() => undefined)
      .then(() => {
        this.isReplacing = false;
        return EventStoreDBClient.connectionString(this.url);
      });
  }
}

/** What services ask of the store. Whoever stands in for it (the simulation does) passes the same contract suite. */
export type EventStreams = Pick<EventStore, 'append' | 'read' | 'follow' | 'keepNewest' | 'close'>;

function prefixOf(stream: string): string {
  return stream.slice(0, stream.indexOf('-') + 1);
}

/** The client's own promise can hang for ever when its stream breaks while it waits for room to write. */
function withDeadline<T>(promise: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new StoreUnavailable(`No answer within ${deadlineMs} ms`)), deadlineMs);
    promise.then(resolve, reject).finally(() => clearTimeout(deadline));
  });
}

/**
 * Only what the store said for certain is final; anything else (a broken channel, a cancelled call, a deadline, an error the
 * client has no name for) leaves open whether it happened.
 */
function isUnknownOutcome(error: unknown): boolean {
  return !refusals.some((refusal) => error instanceof refusal);
}

const refusals = [
  StoreRefused,
  EventUnreadable,
  AccessDeniedError,
  InvalidArgumentError,
  MaxAppendSizeExceededError,
  StreamDeletedError,
  UnsupportedError,
  WrongExpectedVersionError,
] as const;

function asFault(error: unknown): Error {
  if (error instanceof StoreRefused || error instanceof EventUnreadable) return error;
  return new StoreRefused(error instanceof Error ? error.message : String(error), { cause: error });
}
