import type { DatabaseSync } from 'node:sqlite';
import { RowStatement } from './database.js';
import { NO_REVISION, TRUNCATE_ALL } from './records.js';
import type { StreamLimits } from './stream-metadata.js';

/** A stream as the log knows it. */
export interface StreamRow extends StreamLimits {
  readonly id: number;
  readonly lastRevision: number;
  readonly tombstoned: boolean;
}

type Columns = [
  id: number,
  last: number | null,
  floor: number,
  tb: number,
  count: number | null,
  age: number | null,
  dead: number,
];

/** Looks a stream up by name on the connection given; undefined when nothing was ever written under or about it. */
export function prepareStreamLookup(database: DatabaseSync): (name: string) => StreamRow | undefined {
  const byName = new RowStatement<Columns>(
    database,
    `SELECT id, (SELECT max(revision) FROM event WHERE stream = stream.id), floor_revision, truncate_before, max_count,
            max_age_s, tombstoned
     FROM stream WHERE name = ?`,
  );
  return (name) => {
    const row = byName.get(name);
    if (row === undefined) return undefined;
    const [id, last, floor, truncateBefore, maxCount, maxAgeS, tombstoned] = row;
    // Deleting a stream removes its events, so its last revision is kept beside it.
    const lastRevision = Math.max(last ?? NO_REVISION, floor);
    return { id, lastRevision, truncateBefore, maxCount, maxAgeS, tombstoned: tombstoned === 1 };
  };
}

export function isSoftDeleted(stream: StreamRow): boolean {
  return stream.truncateBefore >= TRUNCATE_ALL;
}
