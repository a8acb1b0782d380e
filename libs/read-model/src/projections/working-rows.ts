import { type Changes, type Database } from '../sql/database.js';
import { type AnyTable, readDoc, rowOf, type SqlValue, type Table, writeDoc } from '../sql/table.js';

/** A row while a batch is folded. Documents are never changed in place. */
interface Entry {
  /** As it was before the batch; null when there was none. */
  before: unknown;
  /** As it is now; null when there is none. */
  doc: unknown;
}

/**
 * The rows that one batch of events touches: read once, changed in memory, written together. Batches overlap: the rows
 * of one may be read while those before it are still being written, so it looks into those first.
 */
export class WorkingRows {
  private readonly stored = new Map<AnyTable, Map<string, string | null>>();
  private readonly entries = new Map<AnyTable, Map<string, Entry>>();

  /**
   * @param isNew whether a table certainly has no row of this key, nor will have one by a batch before this one that isn't
   * among the earlier ones.
   * @param earlier batches that may not have been written when this one's rows are read; the latest first.
   */
  constructor(
    private readonly database: Pick<Database, 'find'>,
    private readonly isNew: (table: AnyTable, key: string) => boolean = () => false,
    private earlier: readonly WorkingRows[] = [],
  ) {}

  /** Must have come, and been waited for, before `get`, `put` and `remove` of these keys. */
  async load(table: AnyTable, keys: Iterable<string>): Promise<void> {
    const stored = within(this.stored, table);
    const wanted: string[] = [];
    for (const key of keys) {
      if (stored.has(key)) continue;
      stored.set(key, null);
      if (!this.isNew(table, key)) wanted.push(key);
    }
    if (wanted.length === 0) return;
    for (const [key, text] of await this.database.find(table, wanted)) stored.set(key, text);
  }

  get<Doc>(table: Table<Doc>, key: string): Doc | null {
    return this.entry(table, key).doc as Doc | null;
  }

  put<Doc>(table: Table<Doc>, key: string, doc: Doc): void {
    this.entry(table, key).doc = doc;
  }

  remove(table: AnyTable, key: string): void {
    this.entry(table, key).doc = null;
  }

  /** Rows in key order, in which random keys are written fastest. */
  changes(): Pick<Changes, 'insert' | 'upsert' | 'refresh' | 'remove'> {
    const insert: Changes['insert'][number][] = [];
    const upsert: Changes['upsert'][number][] = [];
    const refresh: Changes['refresh'][number][] = [];
    const remove: Changes['remove'][number][] = [];
    for (const [anyTable, entries] of this.entries) {
      const table = anyTable as Table<unknown>;
      const fresh: SqlValue[][] = [];
      const whole: SqlValue[][] = [];
      const documents: [string, string][] = [];
      const gone: string[] = [];
      for (const key of [...entries.keys()].sort()) {
        const { before, doc } = entries.get(key) as Entry;
        if (doc === before) continue;
        if (doc === null) gone.push(key);
        else if (before === null) fresh.push(rowOf(table, key, doc));
        else if (!haveSameFacets(table, before, doc)) whole.push(rowOf(table, key, doc));
        else documents.push([key, writeDoc(table, key, doc)]);
      }
      if (fresh.length > 0) insert.push({ table, rows: fresh });
      if (whole.length > 0) upsert.push({ table, rows: whole });
      if (documents.length > 0) refresh.push({ table, rows: documents });
      if (gone.length > 0) remove.push({ table, keys: gone });
    }
    return { insert, upsert, refresh, remove };
  }

  /** After folding: what was read isn't needed any more, and each batch would hold on to all before it. */
  release(): void {
    this.earlier = [];
    this.stored.clear();
  }

  private entry(table: AnyTable, key: string): Entry {
    const entries = within(this.entries, table);
    let entry = entries.get(key);
    if (!entry) {
      const before = this.before(table, key);
      entry = { before, doc: before };
      entries.set(key, entry);
    }
    return entry;
  }

  private before(table: AnyTable, key: string): unknown {
    for (const rows of this.earlier) {
      const entry = rows.entries.get(table)?.get(key);
      if (entry) return entry.doc;
    }
    const text = this.stored.get(table)?.get(key);
    if (text === undefined) throw new Error(`Row ${key} of ${table.name} was not loaded`);
    return text === null ? null : readDoc(table as Table<unknown>, key, text);
  }
}

function haveSameFacets<Doc>({ facets }: Table<Doc>, one: Doc, other: Doc): boolean {
  return facets.every(({ of }) => of(one) === of(other));
}

function within<V>(maps: Map<AnyTable, Map<string, V>>, table: AnyTable): Map<string, V> {
  let map = maps.get(table);
  if (!map) {
    map = new Map();
    maps.set(table, map);
  }
  return map;
}
