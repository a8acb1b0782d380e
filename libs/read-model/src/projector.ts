import { type EventStore, type Following, projectedPrefixes } from '@berth/event-store';
import { type Progress } from './progress.js';
import { type Projecting } from './projections/projecting.js';
import { type Database } from './sql/database.js';
import { type AnyTable } from './sql/table.js';

/** Events taken over at once at most; pages are cut into transactions by what they weigh. */
const batchMax = 1000;

/** Keeps the read model in step with the streams, and never stops silently. */
export class Projector {
  /** Resolves when it has once shown everything there was. */
  readonly caughtUp: Promise<void>;
  /** Rejects when an event can't be projected or the database is gone; pending otherwise. */
  readonly failed: Promise<never>;

  private following: Following | null = null;
  private markCaughtUp!: () => void;
  private fail!: (error: unknown) => void;

  constructor(
    private readonly projecting: Projecting,
    private readonly progress: Progress,
    private readonly database: Pick<Database, 'createIndexes' | 'failed'>,
    private readonly tables: readonly AnyTable[],
  ) {
    this.caughtUp = new Promise((resolve) => (this.markCaughtUp = resolve));
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
    database.failed.catch(this.fail);
    projecting.failed.catch(this.fail);
  }

  /** Position up to which everything is shown; null before the first event. */
  get position(): bigint | null {
    return this.progress.position;
  }

  /** Follows the streams from the smallest checkpoint. Once only. */
  start(eventStore: EventStore): void {
    if (this.following) throw new Error('The projector was started before');
    const following = eventStore.follow({
      prefixes: projectedPrefixes,
      after: this.progress.position,
      batchMax,
      handle: (events, position) => this.projecting.accept(events, position),
    });
    this.following = following;
    following.failed.catch(this.fail);
    // Filling a table and indexing it afterwards takes half the time of doing both at once.
    following.caughtUp
      .then(() => this.projecting.settled())
      .then(() => this.database.createIndexes(this.tables))
      .then(this.markCaughtUp, this.fail);
  }

  /** After the batch in hand. What was projected stays; a new projector goes on from there. */
  async stop(): Promise<void> {
    await this.following?.stop();
    // What failed is told by `failed`.
    await this.projecting.settled().catch(() => undefined);
  }
}
