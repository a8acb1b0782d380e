import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/**
 * Headers and bodies live in separate tables: a filtered read of $all walks the dense header table and touches the body of a
 * matching event only, however large the filtered-out ones are. The name stands once in `stream`, beside what the stream's
 * metadata says, so that one lookup answers an expected-revision check.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS stream (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  floor_revision INTEGER NOT NULL DEFAULT -1,
  truncate_before INTEGER NOT NULL DEFAULT 0,
  max_count INTEGER,
  max_age_s INTEGER,
  tombstoned INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS event (
  position INTEGER PRIMARY KEY,
  stream INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  is_json INTEGER NOT NULL,
  type TEXT NOT NULL,
  id BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS event_by_stream ON event (stream, revision);
CREATE TABLE IF NOT EXISTS body (
  position INTEGER PRIMARY KEY,
  metadata BLOB NOT NULL,
  data BLOB NOT NULL
) STRICT;
`;
const SCHEMA_VERSION = 1;
const PAGE_BYTES = 8192;
/** Of either connection. What isn't in it is mostly in the system's own cache, which counts as nobody's memory. */
const CACHE_KIB = 16_384;

/** A prepared statement whose rows come back as arrays in column order: half the cost of objects on the hot paths. */
export class RowStatement<Row extends readonly unknown[]> {
  readonly #statement: StatementSync;

  constructor(database: DatabaseSync, sql: string) {
    this.#statement = database.prepare(sql);
    this.#statement.setReturnArrays(true);
  }

  get(...parameters: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...parameters) as unknown as Row | undefined;
  }

  all(...parameters: SQLInputValue[]): Row[] {
    return this.#statement.all(...parameters) as unknown as Row[];
  }
}

/**
 * Two connections to one file. The reader can't write, and sees committed events only, whatever the writer has open: a
 * subscriber is never sent an event that a failed commit takes back.
 */
export interface LogDatabase {
  readonly writer: DatabaseSync;
  readonly reader: DatabaseSync;
  close(): void;
}

export function openLogDatabase(folder: string, bytesMax?: number): LogDatabase {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'events.sqlite');
  const writer = new DatabaseSync(file);
  // secure_delete: what a deleted stream held is overwritten, for deleting a secret's data key must mean it.
  writer.exec(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA journal_size_limit = 67108864;
  `);
  if (bytesMax !== undefined) writer.exec(`PRAGMA max_page_count = ${Math.ceil(bytesMax / PAGE_BYTES)}`);
  const version = new RowStatement<[number]>(writer, 'PRAGMA user_version').get()?.[0] ?? 0;
  if (version > SCHEMA_VERSION) {
    writer.close();
    throw new Error(`The data folder was written by a newer event store (format ${version}, known ${SCHEMA_VERSION}).`);
  }
  writer.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
  const reader = new DatabaseSync(file, { readOnly: true });
  reader.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA query_only = ON;`);
  return {
    writer,
    reader,
    close() {
      reader.close();
      writer.close();
    },
  };
}
