import { RowStatement, type LogDatabase } from './database.js';
import { conditionOf, matches, type EventFilter } from './event-filter.js';
import { NO_REVISION, type EventBody, type EventHeader } from './records.js';
import { isMetastream, originalOf } from './stream-names.js';
import { isSoftDeleted, prepareStreamLookup, type StreamRow } from './stream-row.js';

export type Direction = 'forwards' | 'backwards';

/** Whether a stream can be read, and which of its revisions its metadata leaves. */
export type StreamView =
  | { readonly kind: 'not-found' }
  | { readonly kind: 'deleted' }
  | {
      readonly kind: 'readable';
      readonly id: number;
      readonly name: string;
      readonly firstRevision: number;
      readonly lastRevision: number;
      /** Older events have outlived `$maxAge`. */
      readonly oldestMs: number;
    };

export type ReadableStream = Extract<StreamView, { kind: 'readable' }>;

/** A stretch of $all looked at under a filter. */
export interface Stretch {
  readonly events: readonly EventHeader[];
  /** Position of the last event looked at, matching or not; undefined when there was none. */
  readonly lastLookedAt: number | undefined;
  readonly lookedAt: number;
}

/** A filter that was checked and made ready to run. */
export interface PreparedFilter {
  /** Matching events of the stretch, both ends included, in the direction's order. */
  match(direction: Direction, first: number, last: number): EventHeader[];
}

type StreamColumns = [
  position: number,
  revision: number,
  createdMs: number,
  isJson: number,
  type: string,
  id: Uint8Array,
];
type StretchColumns = [first: number | null, last: number | null, count: number];
type AllColumns = [...StreamColumns, stream: string];

/** Positions and revisions are far below this. */
export const BEYOND_ALL = Number.MAX_SAFE_INTEGER;

/**
 * Reads committed events in small pages. Nothing stays open between two pages: every read is one short snapshot, so a slow
 * subscriber holds neither memory nor the write-ahead log.
 */
export class EventReader {
  readonly #database: LogDatabase['reader'];
  readonly #lookUp: (name: string) => StreamRow | undefined;
  readonly #streamForwards: RowStatement<StreamColumns>;
  readonly #streamBackwards: RowStatement<StreamColumns>;
  readonly #allForwards: RowStatement<AllColumns>;
  readonly #allBackwards: RowStatement<AllColumns>;
  readonly #body: RowStatement<[data: Uint8Array, metadata: Uint8Array]>;
  readonly #end: RowStatement<[position: number | null]>;
  readonly #stretchForwards: RowStatement<StretchColumns>;
  readonly #stretchBackwards: RowStatement<StretchColumns>;

  constructor(
    { reader }: LogDatabase,
    private readonly nowMs: () => number,
  ) {
    this.#database = reader;
    reader.function('matches', { deterministic: true }, matches);
    this.#lookUp = prepareStreamLookup(reader);
    const ofStream = `SELECT position, revision, created_ms, is_json, type, id FROM event
      WHERE stream = ? AND revision BETWEEN ? AND ? AND created_ms >= ? ORDER BY revision`;
    this.#streamForwards = new RowStatement(reader, `${ofStream} LIMIT ?`);
    this.#streamBackwards = new RowStatement(reader, `${ofStream} DESC LIMIT ?`);
    this.#allForwards = new RowStatement(reader, `${SELECT_ALL} WHERE e.position >= ? ORDER BY e.position LIMIT ?`);
    this.#allBackwards = new RowStatement(
      reader,
      `${SELECT_ALL} WHERE e.position < ? ORDER BY e.position DESC LIMIT ?`,
    );
    this.#body = new RowStatement(reader, 'SELECT data, metadata FROM body WHERE position = ?');
    this.#end = new RowStatement(reader, 'SELECT max(position) FROM event');
    this.#stretchForwards = new RowStatement(
      reader,
      `SELECT min(position), max(position), count(*)
       FROM (SELECT position FROM event WHERE position >= ? ORDER BY position LIMIT ?)`,
    );
    this.#stretchBackwards = new RowStatement(
      reader,
      `SELECT min(position), max(position), count(*)
       FROM (SELECT position FROM event WHERE position < ? ORDER BY position DESC LIMIT ?)`,
    );
  }

  view(name: string): StreamView {
    if (isMetastream(name) && this.#lookUp(originalOf(name))?.tombstoned) return { kind: 'deleted' };
    const stream = this.#lookUp(name);
    if (stream?.tombstoned) return { kind: 'deleted' };
    if (stream === undefined || stream.lastRevision === NO_REVISION || isSoftDeleted(stream))
      return { kind: 'not-found' };
    // Only a metadata stream's newest event counts, as on a real server.
    const maxCount = stream.maxCount ?? (isMetastream(name) ? 1 : null);
    return {
      kind: 'readable',
      id: stream.id,
      name,
      firstRevision: Math.max(stream.truncateBefore, maxCount === null ? 0 : stream.lastRevision - maxCount + 1),
      lastRevision: stream.lastRevision,
      oldestMs: stream.maxAgeS === null ? 0 : this.nowMs() - stream.maxAgeS * 1000,
    };
  }

  /** At most `limit` events from `revision` on, that one included, in the direction's order. */
  readStream(stream: ReadableStream, direction: Direction, revision: number, limit: number): EventHeader[] {
    const { id, name, firstRevision, lastRevision, oldestMs } = stream;
    const rows =
      direction === 'forwards'
        ? this.#streamForwards.all(id, Math.max(revision, firstRevision), lastRevision, oldestMs, limit)
        : this.#streamBackwards.all(id, firstRevision, Math.min(revision, lastRevision), oldestMs, limit);
    return rows.map((row) => headerOf(row, name));
  }

  /** Forwards from `position`, that one included; backwards from before it. */
  readAll(direction: Direction, position: number, limit: number): EventHeader[] {
    const rows =
      direction === 'forwards' ? this.#allForwards.all(position, limit) : this.#allBackwards.all(position, limit);
    return rows.map((row) => headerOf(row, row[6]));
  }

  /** @throws InvalidFilter */
  prepareFilter(filter: EventFilter): PreparedFilter {
    const { sql, parameters } = conditionOf(filter);
    const matching = `${SELECT_ALL} WHERE e.position BETWEEN ? AND ? AND (${sql}) ORDER BY e.position`;
    const forwards = new RowStatement<AllColumns>(this.#database, matching);
    const backwards = new RowStatement<AllColumns>(this.#database, `${matching} DESC`);
    return {
      match: (direction, first, last) => {
        const statement = direction === 'forwards' ? forwards : backwards;
        return statement.all(first, last, ...parameters).map((row) => headerOf(row, row[6]));
      },
    };
  }

  /** Looks at no more than `limit` events; `position` counts as in {@link readAll}. */
  readStretch(filter: PreparedFilter, direction: Direction, position: number, limit: number): Stretch {
    const statement = direction === 'forwards' ? this.#stretchForwards : this.#stretchBackwards;
    const [first, last, lookedAt] = statement.get(position, limit) ?? [null, null, 0];
    if (first === null || last === null) return { events: [], lastLookedAt: undefined, lookedAt: 0 };
    const events = filter.match(direction, first, last);
    return { events, lastLookedAt: direction === 'forwards' ? last : first, lookedAt };
  }

  /** Undefined when the event was deleted since its header was read. */
  bodyOf(position: number): EventBody | undefined {
    const row = this.#body.get(position);
    return row && { data: row[0], metadata: row[1] };
  }

  /** Position of the newest event, 0 when there is none. */
  endOfLog(): number {
    return this.#end.get()?.[0] ?? 0;
  }
}

const SELECT_ALL = `SELECT e.position, e.revision, e.created_ms, e.is_json, e.type, e.id, s.name
  FROM event e JOIN stream s ON s.id = e.stream`;

function headerOf(row: StreamColumns | AllColumns, stream: string): EventHeader {
  const [position, revision, createdMs, isJson, type, id] = row;
  return { position, stream, revision, createdMs, isJson: isJson === 1, type, id };
}
