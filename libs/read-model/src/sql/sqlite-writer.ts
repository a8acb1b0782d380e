// The thread that writes. It knows SQL and nothing else, and imports only Node's own modules: so the same file runs as
// a worker from source (types stripped by Node) and from the build.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

type Row = Record<string, string | number | null>;

/** One statement, run once with each row of parameters. */
export interface Step {
  text: string;
  rows: readonly (readonly SQLInputValue[])[];
  /** The step must change as many rows as it has, or the whole transaction is undone. */
  mustChange?: boolean;
}

export type Job =
  | { id: number; kind: 'read'; text: string; parameters: readonly SQLInputValue[] }
  | { id: number; kind: 'transaction'; steps: readonly Step[] }
  | { id: number; kind: 'close' };

export type Report =
  | { id: number; kind: 'done'; rows: Row[] }
  /** Undone because of `mustChange`. */
  | { id: number; kind: 'refused' }
  | { id: number; kind: 'failed'; error: unknown };

/** Statements kept prepared; there are a few for each table. */
const preparedMax = 200;

/**
 * Pages in the log before they are written back, by whether a transaction is one of many that catch up. Then, up to
 * 160 MB in which a page is written back once for many transactions halve the work; else, writing back takes so
 * little at a time that those who wait for the present hardly notice.
 */
const logPagesMax = { catchingUp: 40_000, following: 4_000 };
/** Rows in a transaction from which on it counts as catching up. */
const catchingUpRows = 4_000;

const { file } = workerData as { file: string };
const database = new DatabaseSync(file, { timeout: 5_000 });
// NORMAL: a power cut may cost the last transactions, never consistency; rows and checkpoint go back together, and
// the streams still have what is missing.
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
// Devices come in random order, so each batch touches index pages everywhere: the cache holds the indexes of a million.
database.exec('PRAGMA cache_size = -128000');
const prepared = new Map<string, StatementSync>();

parentPort?.on('message', (job: Job) => {
  parentPort?.postMessage(reportOn(job));
  // After the report: a closed port sends nothing.
  if (job.kind === 'close') parentPort?.close();
});

function reportOn(job: Job): Report {
  const { id } = job;
  try {
    if (job.kind === 'read') return { id, kind: 'done', rows: prepare(job.text).all(...job.parameters) as Row[] };
    if (job.kind === 'transaction') return { id, kind: transact(job.steps) ? 'done' : 'refused', rows: [] };
    database.close();
    return { id, kind: 'done', rows: [] };
  } catch (error) {
    return { id, kind: 'failed', error };
  }
}

/** False when it was undone. */
function transact(steps: readonly Step[]): boolean {
  const rows = steps.reduce((sum, step) => sum + step.rows.length, 0);
  const pagesMax = rows >= catchingUpRows ? logPagesMax.catchingUp : logPagesMax.following;
  database.exec(`PRAGMA wal_autocheckpoint = ${pagesMax}`);
  database.exec('BEGIN IMMEDIATE');
  try {
    const holds = steps.every(run);
    database.exec(holds ? 'COMMIT' : 'ROLLBACK');
    return holds;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function run({ text, rows, mustChange }: Step): boolean {
  const statement = prepare(text);
  let changes = 0;
  for (const row of rows) changes += Number(statement.run(...row).changes);
  return !mustChange || changes === rows.length;
}

function prepare(text: string): StatementSync {
  let statement = prepared.get(text);
  if (!statement) {
    if (prepared.size >= preparedMax) prepared.clear();
    statement = database.prepare(text);
    prepared.set(text, statement);
  }
  return statement;
}
