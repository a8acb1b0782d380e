import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import {
  type Changes,
  type Checkpoint,
  type Database,
  DatabaseUnavailable,
  ProjectorFenced,
  type ProjectionSchema,
  type SqlRow,
  type Statement,
} from './database.js';
// Erased as a whole: an import of nothing would still run the thread's program here.
import type { Job, Report, Step } from './sqlite-writer.js';
import { positionIn, positionText } from './stored-position.js';
import { type AnyTable, columnsOf, createIndex } from './table.js';

/** Name of the data file in the data folder. */
export const sqliteFile = 'read-model.sqlite';
/** Statements kept prepared for reading; the lists' filters and directions give some dozens. */
const preparedMax = 500;
/** Address space, not memory: what is read stays in the system's cache. */
const mappedBytesMax = 8 * 2 ** 30;

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/**
 * The read model in one SQLite file. `node:sqlite` blocks the thread that calls it, and a transaction of some thousand
 * decisions takes up to a few hundred milliseconds, so a thread of its own writes. Reads are short and indexed and run on
 * a read-only connection right here: the write-ahead log lets them see the last committed state without waiting.
 */
export class SqliteDatabase implements Database {
  readonly failed: Promise<never>;
  private readonly pending = new Map<number, { resolve(rows: SqlRow[]): void; reject(error: unknown): void }>();
  private readonly prepared = new Map<string, StatementSync>();
  private reader: DatabaseSync | null = null;
  private lastJob = 0;
  private gone: Error | null = null;
  private fail!: (error: Error) => void;

  private constructor(
    private readonly file: string,
    private readonly writer: Worker,
  ) {
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
    writer.on('message', (report: Report) => this.settle(report));
    writer.on('error', (error) => this.lose(unavailable(`The writer of ${file} failed`, error)));
    writer.on('exit', () => this.lose(unavailable(`The writer of ${file} is gone`)));
  }

  static async open(dataFolder: string): Promise<SqliteDatabase> {
    await mkdir(dataFolder, { recursive: true });
    const file = join(dataFolder, sqliteFile);
    const url = new URL(import.meta.url.endsWith('.ts') ? './sqlite-writer.ts' : './sqlite-writer.js', import.meta.url);
    // Flags of the parent, such as Jest's, are of no concern to the thread.
    return new SqliteDatabase(file, new Worker(url, { workerData: { file }, execArgv: [] }));
  }

  async prepare(projections: readonly ProjectionSchema[]): Promise<readonly Checkpoint[]> {
    await this.transact([
      once(
        'CREATE TABLE IF NOT EXISTS projections (name TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, position TEXT NOT NULL, tables TEXT NOT NULL)',
      ),
    ]);
    const stored = await this.send({ kind: 'read', text: 'SELECT * FROM projections', parameters: [] });
    const checkpoints: Checkpoint[] = [];
    for (const { name, version, tables } of projections) {
      const present = stored.find((row) => row['name'] === name);
      if (present?.['version'] === version) {
        checkpoints.push({ projection: name, position: positionIn(present['position']) });
        continue;
      }
      const left = present ? (JSON.parse(String(present['tables'])) as string[]) : [];
      const names = tables.map((table) => table.name);
      await this.transact([
        ...[...new Set([...left, ...names])].map((table) => once(`DROP TABLE IF EXISTS ${table}`)),
        ...tables.map((table) => once(createTable(table))),
        {
          text: 'INSERT INTO projections VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position, tables = excluded.tables',
          rows: [[name, version, positionText(null), JSON.stringify(names)]],
        },
      ]);
      checkpoints.push({ projection: name, position: null });
    }
    this.reader ??= readerOf(this.file);
    return checkpoints;
  }

  /** Whoever has the folder writes: no other process may open it. */
  lead(projections: readonly ProjectionSchema[]): Promise<readonly Checkpoint[]> {
    return this.prepare(projections);
  }

  watch(): void {
    // Nobody else writes.
  }

  async find(table: AnyTable, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    const text = `SELECT t.key, t.doc FROM json_each(?) AS wanted CROSS JOIN ${table.name} AS t ON t.key = wanted.value`;
    const rows = await this.send({ kind: 'read', text, parameters: [JSON.stringify(keys)] });
    return new Map(rows.map(({ key, doc }) => [key as string, doc as string]));
  }

  async write({ advance, insert, upsert, refresh, remove }: Changes): Promise<void> {
    await this.transact([
      {
        text: 'UPDATE projections SET position = ? WHERE name = ? AND position = ?',
        rows: advance.map(({ projection, from, to }) => [positionText(to), projection, positionText(from)]),
        mustChange: true,
      },
      ...insert.map(({ table, rows }): Step => ({ text: insertText(table), rows })),
      ...upsert.map(({ table, rows }): Step => ({ text: upsertText(table), rows })),
      ...refresh.map(({ table, rows }): Step => ({
        text: `UPDATE ${table.name} SET doc = ? WHERE key = ?`,
        rows: rows.map(([key, doc]) => [doc, key]),
      })),
      ...remove.map(({ table, keys }): Step => ({
        text: `DELETE FROM ${table.name} WHERE key = ?`,
        rows: keys.map((key) => [key]),
      })),
    ]);
  }

  async createIndexes(tables: readonly AnyTable[]): Promise<void> {
    const steps = tables.flatMap((table) => table.indexes.map((index) => once(createIndex(table, index))));
    if (steps.length > 0) await this.transact(steps);
  }

  read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]> {
    return new Promise((resolve) => {
      const { reader } = this;
      if (!reader || this.gone) throw this.gone ?? unavailable('The read model is not open yet');
      reader.exec('BEGIN');
      try {
        resolve(statements.map(({ text, parameters }) => this.statement(reader, text).all(...parameters) as SqlRow[]));
      } finally {
        reader.exec('COMMIT');
      }
    });
  }

  async close(): Promise<void> {
    const closing = this.gone ? null : this.send({ kind: 'close' });
    // From here on an end is no failure.
    this.gone ??= unavailable('The read model was closed');
    await closing?.catch(() => undefined);
    this.reader?.close();
    this.reader = null;
    await this.writer.terminate();
  }

  private transact(steps: readonly Step[]): Promise<unknown> {
    return this.send({ kind: 'transaction', steps });
  }

  private send(job: Unnumbered<Job>): Promise<SqlRow[]> {
    return new Promise((resolve, reject) => {
      if (this.gone) throw this.gone;
      this.lastJob += 1;
      this.pending.set(this.lastJob, { resolve, reject });
      this.writer.postMessage({ ...job, id: this.lastJob } satisfies Job);
    });
  }

  private settle(report: Report): void {
    const waiting = this.pending.get(report.id);
    this.pending.delete(report.id);
    if (report.kind === 'done') waiting?.resolve(report.rows);
    else waiting?.reject(report.kind === 'refused' ? new ProjectorFenced(false) : report.error);
  }

  /** Whatever ended the writer: nobody waits for ever. Only an end that nobody asked for is a failure. */
  private lose(error: Error): void {
    if (!this.gone) this.fail(error);
    this.gone ??= error;
    for (const { reject } of this.pending.values()) reject(this.gone);
    this.pending.clear();
  }

  private statement(reader: DatabaseSync, text: string): StatementSync {
    let statement = this.prepared.get(text);
    if (!statement) {
      if (this.prepared.size >= preparedMax) this.prepared.clear();
      statement = reader.prepare(text);
      this.prepared.set(text, statement);
    }
    return statement;
  }
}

/** Mapped into memory, random rows of a large file are read without copying whole pages. */
function readerOf(file: string): DatabaseSync {
  const reader = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  reader.exec(`PRAGMA mmap_size = ${mappedBytesMax}`);
  return reader;
}

function unavailable(message: string, cause?: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable(message, { cause, retriable: false });
}

function once(text: string): Step {
  return { text, rows: [[]] };
}

function createTable({ name, facets }: AnyTable): string {
  const columns = facets.map((facet) => `${facet.name} ${facet.type.toUpperCase()}`);
  return `CREATE TABLE ${name} (${['key TEXT NOT NULL PRIMARY KEY', ...columns, 'doc TEXT NOT NULL'].join(', ')})`;
}

function insertText(table: AnyTable): string {
  const columns = columnsOf(table);
  return `INSERT INTO ${table.name} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

function upsertText(table: AnyTable): string {
  const updates = columnsOf(table)
    .slice(1)
    .map((column) => `${column} = excluded.${column}`);
  return `${insertText(table)} ON CONFLICT (key) DO UPDATE SET ${updates.join(', ')}`;
}
