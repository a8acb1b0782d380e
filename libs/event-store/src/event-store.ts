import {
  ANY,
  EventStoreDBClient,
  FORWARDS,
  BACKWARDS,
  isCommandError,
  NO_STREAM,
  type ResolvedEvent,
  START,
  END,
  StreamDeletedError,
  StreamNotFoundError,
  UnavailableError,
  CancelledError,
  DeadlineExceededError,
  TimeoutError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { backOff } from './back-off.js';
import { type BerthEvent, decode, encode, type EventMetadata, type StoredEvent } from './codec.js';
import { RevisionConflict, StoreRefused, StoreUnavailable } from './faults.js';
import { Following, type FollowOptions } from './follow.js';
import { tolerateLateAnswers } from './late-answers.js';

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
/** Tries of one append; with the back-off between them about 20 s in all when nothing answers at once. */
const appendTriesMax = 12;

/**
 * Typed access to EventStoreDB, embedded or cluster, through the official client. One a process: the client's table of
 * pending appends is process-wide.
 */
export class EventStore {
  private readonly client: EventStoreDBClient;
  private readonly followings = new Set<Following<never>>();

  /** @param url `esdb://…` or `esdb+discover://…` */
  constructor(url: string) {
    tolerateLateAnswers();
    this.client = EventStoreDBClient.connectionString(url);
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
        const appending = this.client.appendToStream(stream, encoded, {
          expectedRevision: expected,
          deadline: appendDeadlineMs,
        });
        const result = await withDeadline(appending, appendDeadlineMs + 1_000);
        if (!result.position) throw new StoreRefused(`The store gave no position for an append to ${stream}`);
        return { revision: Number(result.nextExpectedRevision), position: result.position.commit };
      } catch (error) {
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
    const reading = this.client.readStream(stream, {
      direction: backwards ? BACKWARDS : FORWARDS,
      fromRevision: from === undefined ? (backwards ? END : START) : BigInt(from),
      ...(maxCount !== undefined && { maxCount: BigInt(maxCount) }),
    });
    try {
      for await (const { event } of reading as AsyncIterable<ResolvedEvent>) {
        if (event) yield decode<E>(event, event.position?.commit ?? 0n);
      }
    } catch (error) {
      if (error instanceof StreamNotFoundError || error instanceof StreamDeletedError) return;
      throw isUnknownOutcome(error)
        ? new StoreUnavailable(`Reading ${stream} was cut off`, { cause: error })
        : asFault(error);
    }
  }

  /** Deletes a stream's events for good; deleting what isn't there is fine. @throws StoreUnavailable (retriable). */
  async delete(stream: string): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.client.deleteStream(stream, { expectedRevision: ANY });
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

  /** Follows streams by prefix, from the past into the present. */
  follow<E extends BerthEvent>(options: FollowOptions<E>): Following<E> {
    const following = new Following<E>(this.client, options);
    this.followings.add(following as Following<never>);
    return following;
  }

  async close(): Promise<void> {
    await Promise.all([...this.followings].map((following) => following.stop()));
    await this.client.dispose();
  }
}

async function withDeadline<T>(promise: Promise<T>, deadlineMs: number): Promise<T> {
  const abort = new AbortController();
  try {
    return await Promise.race([
      promise,
      delay(deadlineMs, undefined, { signal: abort.signal, ref: false }).then(() => {
        // The client's own promise can hang for ever when its stream breaks while it waits for room to write.
        throw new StoreUnavailable(`No answer within ${deadlineMs} ms`);
      }),
    ]);
  } finally {
    abort.abort();
    promise.catch(() => undefined);
  }
}

function isUnknownOutcome(error: unknown): boolean {
  return (
    error instanceof StoreUnavailable ||
    error instanceof UnavailableError ||
    error instanceof CancelledError ||
    error instanceof DeadlineExceededError ||
    error instanceof TimeoutError ||
    // Raised as plain errors while a channel is being torn down.
    (error instanceof Error && !isCommandError(error) && /channel|closed|ECONN|socket|stream/i.test(error.message))
  );
}

function asFault(error: unknown): Error {
  if (error instanceof StoreRefused) return error;
  return new StoreRefused(error instanceof Error ? error.message : String(error), { cause: error });
}
