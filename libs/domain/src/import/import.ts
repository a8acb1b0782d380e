import { accepted, type Decision, rejected } from '../decision.js';
import { isRegistrationId } from '../registration/registration-id.js';

/**
 * An import of rows from a file, as far as it has come: stream `import-<name>`. Each event says all that is known of the
 * progress, so that the last one is enough to go on, and `ImportAdvanced` besides what was wrong with rows since the one before.
 */
export type ImportEvent =
  | { type: 'ImportBegun'; v: 1; data: ImportProgress }
  /** Somebody sends the rest. Whoever was sending before is fenced off by the stream's revision. */
  | { type: 'ImportResumed'; v: 1; data: ImportProgress }
  | { type: 'ImportAdvanced'; v: 1; data: ImportProgress & { errors: readonly RowError[] } }
  /** The upload broke off, or Berth was stopped: the rest is waited for. */
  | { type: 'ImportInterrupted'; v: 1; data: ImportProgress & { reason: string } }
  | { type: 'ImportCompleted'; v: 1; data: ImportProgress };

export interface ImportProgress {
  /** As the caller spelled it. */
  name: string;
  mode: ImportMode;
  /** Lines of the file that are done, and the bytes they take with their ends: where the rest begins. */
  rows: number;
  bytes: number;
  /** What rows came to. Rows that were done twice, because Berth ended before it could count them, count as unchanged. */
  created: number;
  changed: number;
  unchanged: number;
  refused: number;
  /** Eight hexadecimal digits of the last line's SHA-256, so that another file is noticed; null before the first. */
  lastRow: string | null;
}

/** What happens to a row whose record exists with another content: it is refused, or the record becomes what the row says. */
export type ImportMode = 'create' | 'createOrUpdate';
export const importModes: readonly ImportMode[] = ['create', 'createOrUpdate'];

/** Why a row was not taken. */
export interface RowError {
  /** Of the line, from 1. */
  row: number;
  /** Null when the row could not be read so far. */
  registrationId: string | null;
  code: string;
  /** Path into the row; null when no field is to blame. */
  field: readonly string[] | null;
  message: string;
}

export type Import = { status: 'none' } | ({ status: ImportStatus; reason: string | null } & ImportProgress);
/** `receiving` also when the process that received has died: nobody could say so. */
export type ImportStatus = 'receiving' | 'interrupted' | 'completed';

export const noImport: Import = { status: 'none' };

export type ImportRejection =
  | { kind: 'invalidImportName'; name: string }
  | { kind: 'importModeFixed'; mode: ImportMode }
  | { kind: 'importCompleted'; rows: number }
  /** The rest begins elsewhere. */
  | { kind: 'importGoesOnElsewhere'; bytes: number; rows: number }
  /** The file's line where the import stopped is another one. */
  | { kind: 'importOfAnotherFile'; row: number };

export function evolveImport(_before: Import, { type, data }: ImportEvent): Import {
  const { name, mode, rows, bytes, created, changed, unchanged, refused, lastRow } = data;
  const progress = { name, mode, rows, bytes, created, changed, unchanged, refused, lastRow };
  if (type === 'ImportInterrupted') return { status: 'interrupted', reason: data.reason, ...progress };
  return { status: type === 'ImportCompleted' ? 'completed' : 'receiving', reason: null, ...progress };
}

export interface BeginImport {
  name: string;
  mode: ImportMode;
  /** Byte of the file with which the upload begins; null: with the first, and what is done is passed over. */
  offset: number | null;
}

/** Begins an import, or goes on with it. */
export function beginImport(
  { name, mode, offset }: BeginImport,
  state: Import,
): Decision<ImportEvent, ImportRejection> {
  if (!isRegistrationId(name)) return rejected({ kind: 'invalidImportName', name });
  if (state.status === 'none') {
    if (offset !== null && offset !== 0) return rejected({ kind: 'importGoesOnElsewhere', bytes: 0, rows: 0 });
    const nothing = { rows: 0, bytes: 0, created: 0, changed: 0, unchanged: 0, refused: 0, lastRow: null };
    return accepted({ type: 'ImportBegun', v: 1, data: { name, mode, ...nothing } });
  }
  const { status, reason: _, ...progress } = state;
  const { bytes, rows } = progress;
  if (status === 'completed') return rejected({ kind: 'importCompleted', rows });
  if (mode !== progress.mode) return rejected({ kind: 'importModeFixed', mode: progress.mode });
  if (offset !== null && offset !== bytes) return rejected({ kind: 'importGoesOnElsewhere', bytes, rows });
  return accepted({ type: 'ImportResumed', v: 1, data: progress });
}
