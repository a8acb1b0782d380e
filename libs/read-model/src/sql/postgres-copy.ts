import { type SqlValue } from './table.js';

/** Characters handed over at once. */
const pieceMin = 64 * 1024;
/** What COPY's text format takes for ends of columns and rows, and what it escapes by. */
const special = /[\\\n\r\t]/g;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Rows in the text format of PostgreSQL's COPY, some in each piece. */
export function* linesOf(rows: readonly (readonly SqlValue[])[]): Iterable<string> {
  let piece = '';
  for (const row of rows) {
    piece += `${row.map(columnText).join('\t')}\n`;
    if (piece.length < pieceMin) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function columnText(value: SqlValue): string {
  if (value === null) return '\\N';
  return typeof value === 'number' ? String(value) : value.replace(special, (it) => escapes[it] as string);
}
