import { type Table } from '../sql/table.js';
import { type WorkingRows } from './working-rows.js';

/** How many rows of a list share the same facets, so that a total is a sum of a few rows instead of a count of all. */
export interface Count {
  n: number;
}

/** Changes of counts, collected while a batch is folded. */
export class CountChanges<C extends Count> {
  private readonly changes = new Map<string, { of: Omit<C, 'n'>; by: number }>();

  /** The latest `of` is kept: batches cut otherwise must give the same rows. */
  add(key: string, of: Omit<C, 'n'>, by: 1 | -1): void {
    const change = this.changes.get(key);
    if (change) {
      change.of = of;
      change.by += by;
    } else {
      this.changes.set(key, { of, by });
    }
  }

  /** Counts that come to nothing leave no row. @returns their keys. */
  async store(table: Table<C>, rows: WorkingRows): Promise<string[]> {
    await rows.load(table, this.changes.keys());
    const nothing: string[] = [];
    for (const [key, { of, by }] of this.changes) {
      const n = (rows.get(table, key)?.n ?? 0) + by;
      if (n === 0) {
        rows.remove(table, key);
        nothing.push(key);
      } else {
        rows.put(table, key, { ...of, n } as C);
      }
    }
    return nothing;
  }
}
