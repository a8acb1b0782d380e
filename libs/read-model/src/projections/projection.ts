import { type StoredEvent } from '@berth/event-store';
import { type ProjectionSchema } from '../sql/database.js';
import { type AnyTable } from '../sql/table.js';
import { type WorkingRows } from './working-rows.js';

/**
 * Rows made from events, and from nothing else: the same events in the same order give the same rows, however they are
 * cut into batches. Each has a checkpoint of its own and can be rebuilt alone.
 */
export interface Projection extends ProjectionSchema {
  /** Rows to be read ahead, before `apply` is called with the same events; it loads what else it needs by itself. */
  touched(events: readonly StoredEvent[]): readonly { table: AnyTable; keys: Iterable<string> }[];
  /** Folds events, in the order of all events, into the rows; ignores those that don't concern it. */
  apply(events: readonly StoredEvent[], rows: WorkingRows): Promise<void>;
}
