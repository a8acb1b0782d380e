import { inOrderByKey } from '@berth/control';
import { type Payload } from '../payload.js';
import { faultIn } from '../http/format-error.js';
import { userError } from '../rejections.js';
import { type UserError } from '../user-error.js';

export interface BulkOptions<Row, Done> {
  rowsMax: number;
  atOnceMax: number;
  /** Rows of one key are done one after the other. */
  keyOf(row: Row): string;
  /** A row's payload when it was refused. */
  refused(row: Row, error: UserError): Done;
}

export interface BulkDone<Done> {
  rows: Done[];
  userErrors: UserError[];
  position: string | null;
}

/**
 * Does what each row asks for as its single mutation would, and gives what came of each, in the rows' order. Not atomic: one
 * row's refusal is its own. So is a fault that it meets, for else nobody could tell what became of the others.
 */
export async function bulk<Row, Done extends Payload>(
  rows: readonly Row[],
  { rowsMax, atOnceMax, keyOf, refused }: BulkOptions<Row, Done>,
  one: (row: Row) => Promise<Done>,
): Promise<BulkDone<Done>> {
  if (rows.length > rowsMax) {
    const error = userError(
      'TOO_MANY_ROWS',
      ['rows'],
      `${rows.length} rows are more than ${rowsMax}: nothing was done.`,
    );
    return { rows: [], userErrors: [error], position: null };
  }
  const done = await inOrderByKey(rows, keyOf, atOnceMax, async (row, index) => {
    const payload = await one(row).catch((error: unknown) => refused(row, unanswered(error)));
    return { ...payload, userErrors: payload.userErrors.map((error) => inRow(index, error)) };
  });
  return { rows: done, userErrors: [], position: newestOf(done) };
}

/** @throws whatever isn't a fault of a part that Berth stands on. */
function unanswered(error: unknown): UserError {
  const fault = faultIn(error);
  if (!fault) throw error;
  return { code: 'OUTCOME_UNKNOWN', field: ['input'], message: fault.message };
}

/** Paths of a single mutation's input lead into the row. */
function inRow(index: number, { field, ...error }: UserError): UserError {
  const [input = 'input', ...path] = field ?? [];
  return { ...error, field: [input, 'rows', String(index), ...path] };
}

function newestOf(payloads: readonly Payload[]): string | null {
  const positions = payloads.flatMap(({ position }) => (position === null ? [] : BigInt(position)));
  return positions.length === 0 ? null : String(positions.reduce((a, b) => (a > b ? a : b)));
}
