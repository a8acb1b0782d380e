import { type AllStreamSubscription, type EventStoreDBClient, START, streamNameFilter } from '@eventstore/db-client';
import { backOff } from './back-off.js';
import { type BerthEvent, decode, type StoredEvent } from './codec.js';
import { type Item, type Marker, ReadAhead } from './read-ahead.js';

export interface FollowOptions<E extends BerthEvent> {
  /** Streams whose names start with one of these. */
  prefixes: readonly string[];
  /** Start after this position; null starts with the first event. */
  after: bigint | null;
  /** Largest number of events handed over at once. */
  batchMax?: number;
  /**
   * Called with the next events in order, and the position up to which the store has been searched: no event that
   * matters lies between the last one given and it. The next batch waits until the promise resolves; a rejection is a
   * defect and ends the following through `failed`. Batches without events only move the position.
   */
  handle(events: readonly StoredEvent<E>[], position: bigint): Promise<void> | void;
}

/** Following as its owner sees it. */
export type Followed = Pick<Following, 'position' | 'live' | 'lagMs' | 'caughtUp' | 'failed' | 'reached' | 'stop'>;

const batchMaxDefault = 1000;
/** Considered events between checkpoints: the search window of 32 times this. */
const checkpointInterval = 8;
/** Events that the client may hold for us: a few, for each can be a page of 512 KiB, and it counts them only. */
const clientHoldsMax = 8;

/**
 * A catch-up subscription that survives lost connections: it goes on after the last position handled, as often as it
 * takes, waiting at most 2 s between tries.
 */
export class Following<E extends BerthEvent = BerthEvent> {
  /** Position up to which everything was handled; null before the first. */
  position: bigint | null;
  /** Whether the store has said that there is nothing newer, on the present connection. */
  live = false;
  /** Resolves when it has once been live. */
  readonly caughtUp: Promise<void>;
  /** Rejects when the handler failed or a stored event can't be read; pending otherwise. */
  readonly failed: Promise<never>;

  private readonly stopping = new AbortController();
  private subscription: AllStreamSubscription | null = null;
  private isIdle = false;
  /** Everything that the store recorded before this instant was handled; null as long as nothing is known of it. */
  private handledUntilMs: number | null = null;
  private readonly done: Promise<void>;
  private markCaughtUp!: () => void;

  constructor(
    private readonly client: () => Promise<EventStoreDBClient>,
    private readonly options: FollowOptions<E>,
  ) {
    this.position = options.after;
    this.caughtUp = new Promise((resolve) => (this.markCaughtUp = resolve));
    const running = this.run();
    this.failed = new Promise((_resolve, reject) => running.catch(reject));
    this.failed.catch(() => undefined);
    this.done = running.catch(() => undefined);
  }

  /**
   * How far behind the store's newest event the handler is, at most, in milliseconds; 0 when it has handled everything, null when
   * nothing is known yet. While events wait, it is the age of the oldest; while there is no connection, it grows.
   * Compares the store's clock with this machine's.
   */
  get lagMs(): number | null {
    if (this.live && this.isIdle) return 0;
    return this.handledUntilMs === null ? null : Math.max(0, Date.now() - this.handledUntilMs);
  }

  /** Resolves when the handler has been given everything up to `position`; false when `deadlineMs` passed before. */
  async reached(position: bigint, deadlineMs: number): Promise<boolean> {
    if (this.position !== null && this.position >= position) return true;
    return new Promise((resolve) => {
      const waiter = { position, resolve };
      this.waiters.add(waiter);
      setTimeout(() => {
        if (this.waiters.delete(waiter)) resolve(false);
      }, deadlineMs).unref();
    });
  }
  private readonly waiters = new Set<{ position: bigint; resolve: (reached: boolean) => void }>();

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.subscription?.unsubscribe().catch(() => undefined);
    this.subscription?.destroy();
    await this.done;
  }

  private async run(): Promise<void> {
    for (let attempt = 0; !this.stopping.signal.aborted; attempt += 1) {
      const before = this.position;
      const subscription = this.subscribe(await this.client());
      this.subscription = subscription;
      await this.drain(new ReadAhead(subscription));
      if (this.live && this.isIdle) this.advance(new Date());
      this.live = false;
      subscription.destroy();
      if (this.stopping.signal.aborted) return;
      if (this.position !== before) attempt = 0;
      await backOff(attempt, this.stopping.signal);
    }
  }

  private subscribe(client: EventStoreDBClient): AllStreamSubscription {
    const { position } = this;
    const subscription: AllStreamSubscription = client.subscribeToAll(
      {
        fromPosition: position === null ? START : { commit: position, prepare: position },
        filter: streamNameFilter({
          prefixes: [...this.options.prefixes],
          checkpointInterval,
          // Pushed into the stream itself, so that it stays behind the events it speaks of.
          checkpointReached: (_subscription, { commit }) =>
            void subscription.push({ checkpoint: commit } satisfies Marker),
        }),
      },
      { highWaterMark: clientHoldsMax },
    );
    subscription.on('caughtUp', () => void subscription.push({ caughtUp: true } satisfies Marker));
    return subscription;
  }

  /** Until the connection is lost. */
  private async drain(ahead: ReadAhead): Promise<void> {
    while (!ahead.isOver && !this.stopping.signal.aborted) {
      this.isIdle = false;
      await this.handle(ahead.take(this.options.batchMax ?? batchMaxDefault));
      this.isIdle = ahead.isEmpty;
      await ahead.filled();
    }
  }

  private async handle(items: readonly Item[]): Promise<void> {
    const events: StoredEvent<E>[] = [];
    let { position } = this;
    let isLive = false;
    for (const item of items) {
      if ('caughtUp' in item) isLive = true;
      else if ('checkpoint' in item) position = item.checkpoint;
      else if (item.event) {
        position = item.event.position.commit;
        events.push(decode<E>(item.event, position));
      }
    }
    // All that was recorded before the next event is handled; so is, afterwards, all up to the last.
    this.advance(events[0]?.recordedAt);
    if (position !== null && position !== this.position) {
      await this.options.handle(events, position);
      this.position = position;
      this.wakeWaiters(position);
    }
    this.advance(events.at(-1)?.recordedAt);
    if (isLive) {
      this.live = true;
      this.advance(new Date());
      this.markCaughtUp();
    }
  }

  private advance(instant: Date | undefined): void {
    if (instant !== undefined) this.handledUntilMs = Math.max(this.handledUntilMs ?? 0, instant.getTime());
  }

  private wakeWaiters(position: bigint): void {
    for (const waiter of this.waiters) {
      if (waiter.position > position) continue;
      this.waiters.delete(waiter);
      waiter.resolve(true);
    }
  }
}
