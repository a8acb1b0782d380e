import { type Page, type PageRequest } from './read-model.js';
import { type SqlRow, type Statement } from './sql/database.js';
import { type AnyTable, readDoc, type SqlValue, type Table } from './sql/table.js';

/** Rows of a page when none are asked for, and most whatever is asked. */
export const pageSize = { byDefault: 100, max: 1000 } as const;
/** Rows counted one by one at most: what a filter by prefix costs must not grow with the table. */
export const countedMax = 1000;

/** Above every id that starts with the prefix: the greatest code point stands after all others in byte order. */
const afterAll = '\u{10FFFF}';

/** What a list is narrowed by. Columns are those of an index that ends in `key`, in its order. */
export interface Narrowing {
  /** Each column with the values it may have. */
  equal: readonly { column: string; anyOf: readonly SqlValue[] }[];
  /** In lower case; empty is no prefix. */
  prefix: string;
}

interface Condition {
  text: string;
  parameters: SqlValue[];
}

/** The statements of one page, to be answered from one state, and the reading of their answers. */
export function pageQuery<Row>(table: Table<Row>, request: PageRequest, narrowing: Narrowing, total: Statement) {
  const { after, before, backwards, size, trim } = boundsOf(request);
  const none = { text: 'SELECT 1 AS one WHERE 1 = 0', parameters: [] };
  const statements: Statement[] = [
    documents(table, narrowing, { bounds: [...bound('>', after), ...bound('<', before)], backwards, limit: size + 1 }),
    after === null ? none : keys(table, narrowing, { bounds: bound('<=', after), backwards, limit: 1 }),
    before === null ? none : keys(table, narrowing, { bounds: bound('>=', before), backwards, limit: 1 }),
    total,
  ];
  return { statements, pageOf };

  function pageOf([found = [], earlier = [], later = [], totals = []]: readonly (readonly SqlRow[])[]): Page<Row> {
    const hasMore = found.length > size;
    let shown = found.slice(0, size);
    if (backwards) shown.reverse();
    const isTrimmed = trim !== null && shown.length > trim;
    if (isTrimmed) shown = shown.slice(shown.length - trim);
    return {
      rows: shown.map(({ key, doc }) => readDoc(table, String(key), String(doc))),
      hasNextPage: later.length > 0 || (!backwards && hasMore),
      hasPreviousPage: earlier.length > 0 || isTrimmed || (backwards && hasMore),
      totalCount: Number(totals[0]?.['n'] ?? 0),
    };
  }
}

/** Matching rows counted one by one, `countedMax` at most. */
export function countUpTo(table: AnyTable, narrowing: Narrowing): Statement {
  const { text, parameters } = keys(table, narrowing, { bounds: [], backwards: false, limit: countedMax });
  return { text: `SELECT COUNT(*) AS n FROM (${text}) AS matching`, parameters };
}

function boundsOf({ first, after, last, before }: PageRequest) {
  for (const size of [first, last]) {
    if (size !== undefined && !(Number.isInteger(size) && size >= 0)) throw new RangeError(`No page has ${size} rows`);
  }
  const backwards = first === undefined && last !== undefined;
  return {
    after: after?.toLowerCase() ?? null,
    before: before?.toLowerCase() ?? null,
    backwards,
    size: Math.min(first ?? last ?? pageSize.byDefault, pageSize.max),
    /** Both sizes given: the last of the first. */
    trim: first !== undefined && last !== undefined ? last : null,
  };
}

interface Stretch {
  bounds: readonly Condition[];
  backwards: boolean;
  limit: number;
}

function documents(table: AnyTable, narrowing: Narrowing, stretch: Stretch): Statement {
  const [only, ...others] = walks(table, 'key, doc', narrowing, stretch);
  if (only && others.length === 0) return only;
  const { text, parameters } = keys(table, narrowing, stretch);
  const order = stretch.backwards ? 'key DESC' : 'key';
  return { text: `SELECT key, doc FROM ${table.name} WHERE key IN (${text}) ORDER BY ${order}`, parameters };
}

/**
 * The first matching keys. Where a column may have several values, one walk through the index for each is merged:
 * asking for all at once would sort everything that matches.
 */
function keys(table: AnyTable, narrowing: Narrowing, stretch: Stretch): Statement {
  const all = walks(table, 'key', narrowing, stretch);
  const [only, ...others] = all;
  if (only && others.length === 0) return only;
  const merged = all.map(({ text }, index) => `SELECT key FROM (${text}) AS walk_${index}`).join(' UNION ALL ');
  return {
    text: `SELECT key FROM (${merged}) AS walks ${orderOf(stretch)}`,
    parameters: [...all.flatMap(({ parameters }) => parameters), stretch.limit],
  };
}

/** One for each combination of values, each along an index, in key order, and no longer than asked for. */
function walks(table: AnyTable, columns: string, { equal, prefix }: Narrowing, stretch: Stretch): Statement[] {
  const ranges = [
    ...stretch.bounds,
    ...(prefix === '' ? [] : [...bound('>=', prefix), ...bound('<', prefix + afterAll)]),
  ];
  // No key is empty; the comparison lets every database start in the index.
  if (ranges.length === 0) ranges.push(...bound('>', ''));
  return combinations(equal).map((equals) => {
    const conditions = [...equals, ...ranges];
    const where = conditions.map(({ text }) => text).join(' AND ');
    const parameters = [...conditions.flatMap((condition) => condition.parameters), stretch.limit];
    return { text: `SELECT ${columns} FROM ${table.name} WHERE ${where} ${orderOf(stretch)}`, parameters };
  });
}

function orderOf({ backwards }: Stretch): string {
  return `ORDER BY key ${backwards ? 'DESC' : 'ASC'} LIMIT ?`;
}

function combinations(equal: Narrowing['equal']): Condition[][] {
  return equal.reduce<Condition[][]>(
    (chosen, { column, anyOf }) =>
      chosen.flatMap((conditions) =>
        anyOf.map((value) => [...conditions, { text: `${column} = ?`, parameters: [value] }]),
      ),
    [[]],
  );
}

function bound(comparison: '<' | '<=' | '>' | '>=', key: string | null): Condition[] {
  return key === null ? [] : [{ text: `key ${comparison} ?`, parameters: [key] }];
}
