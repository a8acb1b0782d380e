import { type Changes, type Database } from '../sql/database.js';
import { type AnyTable, rowOf, type Table } from '../sql/table.js';

/** A row while a batch is folded: as stored until somebody asks, then as a document; null when there is none. */
interface Entry {
  stored: string | null;
  doc: unknown;
  isParsed: boolean;
  isChanged: boolean;
}

/** The rows that one batch of events touches: read once, changed in memory, written together. */
export class WorkingRows {
  private readonly entries = new Map<AnyTable, Map<string, Entry>>();

  constructor(private readonly database: Pick<Database, 'find'>) {}

  /** Must come before `get`, `put` and `remove` of these keys. */
  async load(table: AnyTable, keys: Iterable<string>): Promise<void> {
    const entries = this.entriesOf(table);
    const wanted = [...new Set(keys)].filter((key) => !entries.has(key));
    if (wanted.length === 0) return;
    const found = await this.database.find(table, wanted);
    for (const key of wanted) {
      entries.set(key, { stored: found.get(key) ?? null, doc: null, isParsed: false, isChanged: false });
    }
  }

  get<Doc>(table: Table<Doc>, key: string): Doc | null {
    const entry = this.entry(table, key);
    if (!entry.isParsed) {
      entry.doc = entry.stored === null ? null : JSON.parse(entry.stored);
      entry.isParsed = true;
    }
    return entry.doc as Doc | null;
  }

  put<Doc>(table: Table<Doc>, key: string, doc: Doc): void {
    this.change(table, key, doc);
  }

  remove(table: AnyTable, key: string): void {
    this.change(table, key, null);
  }

  /** Rows in key order, which random keys are written fastest in. */
  changes(): Pick<Changes, 'upsert' | 'remove'> {
    const upsert: Changes['upsert'][number][] = [];
    const remove: Changes['remove'][number][] = [];
    for (const [table, entries] of this.entries) {
      const changed = [...entries].filter(([, { isChanged }]) => isChanged).sort(([a], [b]) => (a < b ? -1 : 1));
      const rows = changed.flatMap(([key, { doc }]) =>
        doc === null ? [] : [rowOf(table as Table<unknown>, key, doc)],
      );
      const keys = changed.flatMap(([key, { doc, stored }]) => (doc === null && stored !== null ? [key] : []));
      if (rows.length > 0) upsert.push({ table, rows });
      if (keys.length > 0) remove.push({ table, keys });
    }
    return { upsert, remove };
  }

  private change(table: AnyTable, key: string, doc: unknown): void {
    const entry = this.entry(table, key);
    entry.doc = doc;
    entry.isParsed = true;
    entry.isChanged = true;
  }

  private entry(table: AnyTable, key: string): Entry {
    const entry = this.entriesOf(table).get(key);
    if (!entry) throw new Error(`Row ${key} of ${table.name} was not loaded`);
    return entry;
  }

  private entriesOf(table: AnyTable): Map<string, Entry> {
    let entries = this.entries.get(table);
    if (!entries) {
      entries = new Map();
      this.entries.set(table, entries);
    }
    return entries;
  }
}
