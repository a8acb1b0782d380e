import { type EventStore, projectedPrefixes } from '@berth/event-store';
import { setTimeout as delay } from 'node:timers/promises';
import { type Progress } from './progress.js';
import { type Projection } from './projections/projection.js';
import { Projecting } from './projections/projecting.js';
import { type Checkpoint, type Database, lowestOf } from './sql/database.js';

/** Events taken over at once at most; pages are cut into transactions by what they weigh. */
const batchMax = 1000;
/** Waits between tries when the database is away: doubling from the first to the longest. */
const patience = { firstMs: 100, longestMs: 2_000 };

/**
 * Keeps the read model in step with the streams, and never stops silently: while the database is away it tries again,
 * and everything else is told by `failed`. Where several processes share a database one leads and the others stand by.
 */
export class Projector {
  /** Resolves when it has once shown everything there was. */
  readonly caughtUp: Promise<void>;
  /** Rejects when an event can't be projected or the database is gone for good; pending otherwise. */
  readonly failed: Promise<never>;

  private readonly stopping = new AbortController();
  private lag: (() => number | null) | null = null;
  private running: Promise<void> | null = null;
  private isLeading = false;
  private markCaughtUp!: () => void;
  private fail!: (error: unknown) => void;

  constructor(
    private readonly database: Omit<Database, 'prepare' | 'read' | 'close'>,
    private readonly projections: readonly Projection[],
    private readonly progress: Progress,
  ) {
    this.caughtUp = new Promise((resolve) => (this.markCaughtUp = resolve));
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
    database.failed.catch(this.fail);
    database.watch((checkpoints) => {
      if (!this.isLeading) this.progress.moveTo(lowestPositionOf(checkpoints));
    });
  }

  /** Position up to which everything is shown; null before the first event. */
  get position(): bigint | null {
    return this.progress.position;
  }

  /**
   * Age of the oldest event that isn't shown yet, 0 when everything is; null while nothing is known, and while another process
   * projects. Compares the event store's clock with this machine's.
   */
  get lagMs(): number | null {
    return this.lag?.() ?? null;
  }

  /** Started, while another process projects: this one would go on when that one ends. */
  get isStandingBy(): boolean {
    return this.running !== null && !this.isLeading;
  }

  /** Follows the streams from the smallest checkpoint. Once only. */
  start(eventStore: EventStore): void {
    if (this.running) throw new Error('The projector was started before');
    this.running = this.run(eventStore).catch(this.fail);
  }

  /** After the batch in hand. What was projected stays; a new projector goes on from there. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(eventStore: EventStore): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const before = this.progress.position;
      try {
        await this.lead(eventStore);
      } catch (error) {
        if (signal.aborted) return;
        if (!isRetriable(error)) throw error;
        if (this.progress.position !== before) attempt = 0;
        const waitMs = Math.min(patience.longestMs, patience.firstMs * 2 ** Math.min(attempt, 10));
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
      } finally {
        this.isLeading = false;
      }
    }
  }

  /** Until it is stopped or something fails. */
  private async lead(eventStore: EventStore): Promise<void> {
    const { signal } = this.stopping;
    const checkpoints = await this.database.lead(this.projections, signal);
    if (signal.aborted) return;
    this.isLeading = true;
    this.progress.moveTo(lowestPositionOf(checkpoints));
    const projecting = new Projecting(this.database, this.projections, checkpoints, this.progress);
    const following = eventStore.follow({
      prefixes: projectedPrefixes,
      after: this.progress.position,
      batchMax,
      handle: (events, position) => projecting.accept(events, position),
    });
    this.lag = () => {
      const waiting = projecting.oldestInHand;
      return waiting === null ? following.lagMs : Math.max(0, Date.now() - waiting.getTime());
    };
    // Filling a table and indexing it afterwards takes half the time of doing both at once.
    const indexing = following.caughtUp
      .then(() => projecting.settled())
      .then(() => this.database.createIndexes(this.projections.flatMap(({ tables }) => tables)))
      .then(this.markCaughtUp);
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    try {
      await Promise.race([stopped, following.failed, projecting.failed, indexing.then(() => stopped)]);
    } finally {
      this.lag = null;
      await following.stop();
      // What failed has been told.
      await projecting.settled().catch(() => undefined);
    }
  }
}

function lowestPositionOf(checkpoints: readonly Checkpoint[]): bigint | null {
  return lowestOf(checkpoints.map(({ position }) => position));
}

function isRetriable(error: unknown): boolean {
  return error instanceof Error && 'retriable' in error && error.retriable === true;
}
