import { projectedPrefixes, type EventStore } from '@berth/event-store';
import { type ReadModel } from '@berth/read-model';

/** How long a command waits until the read model shows what this process has recorded. */
const readModelWaitMs = 2_000;

/** The read model lags so far behind that nobody can tell in time. */
export class ReadModelLagging extends Error {
  readonly code = 'PROJECTION_LAGGING';
  readonly retriable = true;
}

/**
 * Waits until the read model shows everything this process has recorded. What others record at the same moment may be missed.
 * @param what can't be told otherwise, for the message. @throws ReadModelLagging (retriable).
 */
export async function ownWritesShown(store: EventStore, readModel: ReadModel, what: string): Promise<void> {
  // What it doesn't project (data keys, reservations) it doesn't reach either, before something comes that it does.
  const recorded = store.newestAppended(projectedPrefixes);
  if (recorded !== null && !(await readModel.reached(recorded, readModelWaitMs))) {
    throw new ReadModelLagging(`The read model does not show yet ${what}`);
  }
}
