import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Storage } from '../under-test/storage.js';
import { type Database, type ProjectionSchema } from './database.js';
import { rowOf, type Table } from './table.js';

interface Colour {
  name: string;
}
const colours: Table<Colour> = {
  name: 'colours',
  facets: [
    { name: 'initial', type: 'text', of: ({ name }) => name[0] ?? null },
    { name: 'size', type: 'integer', of: ({ name }) => name.length * 2 ** 40 },
  ],
  indexes: [{ name: 'colours_by_initial', columns: ['initial', 'key'] }],
};
const schema: ProjectionSchema = { name: 'colours', version: 1, tables: [colours] };
const untilTheEnd = new AbortController().signal;

/** What any database must do for the projections. */
export function describeDatabaseContract(name: string, create: () => Promise<Storage>): void {
  describe(`Database contract: ${name}`, () => {
    let storage: Storage;
    let database: Database;

    beforeEach(async () => {
      storage = await create();
      database = await openDatabase(storage.place);
      await database.prepare([schema]);
      await database.lead([schema], untilTheEnd);
    });

    afterEach(async () => {
      await database.close();
      await storage.remove();
    });

    const manyNames = Array.from({ length: 5000 }, (_, index) => `name ${index}`);
    const nothing = { insert: [], upsert: [], refresh: [], remove: [] };
    const advance = (from: bigint | null, to: bigint) => [{ projection: 'colours', from, to }];
    const rowsOf = (...names: string[]) => ({
      table: colours,
      rows: names.map((it) => rowOf(colours, it, { name: it })),
    });
    const namesIn = async () => {
      const [rows = []] = await database.read([{ text: 'SELECT key, doc FROM colours ORDER BY key', parameters: [] }]);
      return rows.map(({ key, doc }) => [key, (JSON.parse(String(doc)) as Colour).name]);
    };

    it('writes rows and checkpoint together, or neither', async () => {
      await database.write({ ...nothing, advance: advance(null, 5n), upsert: [rowsOf('red')] });
      await expect(
        database.write({ ...nothing, advance: advance(4n, 6n), upsert: [rowsOf('blue')] }),
      ).rejects.toMatchObject({ code: 'PROJECTOR_FENCED' });
      const broken = { table: colours, rows: [['green', 'g', 1, null]] };
      await expect(
        database.write({ ...nothing, advance: advance(5n, 6n), upsert: [rowsOf('blue'), broken] }),
      ).rejects.toThrow(/not.null/i);
      expect(await namesIn()).toEqual([['red', 'red']]);
      expect(await database.prepare([schema])).toEqual([{ projection: 'colours', position: 5n }]);
      await database.write({ ...nothing, advance: advance(5n, 6n), upsert: [rowsOf('blue')] });
      expect(await namesIn()).toHaveLength(2);
    });

    it('writes a row over the one of the same key, facets and all', async () => {
      await database.write({ ...nothing, advance: advance(null, 1n), upsert: [rowsOf('red')] });
      const rows = [rowOf(colours, 'red', { name: 'x' })];
      await database.write({ ...nothing, advance: advance(1n, 2n), upsert: [{ table: colours, rows }] });
      const stored = { text: 'SELECT * FROM colours', parameters: [] };
      expect(await database.read([stored])).toEqual([
        [{ key: 'red', initial: 'x', size: 2 ** 40, doc: '{"name":"x"}' }],
      ]);
    });

    it('inserts rows of any text, and none over another', async () => {
      const names = ['back\\slash \\N \\.', 'tab\tand\r\nlines', '"é", 😀 and \u0001', ...manyNames];
      await database.write({ ...nothing, advance: advance(null, 1n), insert: [rowsOf(...names)] });
      expect(Object.fromEntries(await namesIn())).toEqual(Object.fromEntries(names.map((name) => [name, name])));
      const again = database.write({ ...nothing, advance: advance(1n, 2n), insert: [rowsOf('new', 'name 7')] });
      await expect(again).rejects.toThrow(/unique/i);
      const broken = { table: colours, rows: [['green', 'g', 1, null]] };
      await expect(
        database.write({ ...nothing, advance: advance(1n, 2n), insert: [rowsOf('new'), broken] }),
      ).rejects.toThrow(/not.null/i);
      expect(await namesIn()).toHaveLength(names.length);
      await database.write({ ...nothing, advance: advance(1n, 2n), insert: [rowsOf('new')] });
      expect(await namesIn()).toHaveLength(names.length + 1);
    });

    it('refreshes and removes rows by key, and finds them', async () => {
      await database.write({ ...nothing, advance: advance(null, 1n), upsert: [rowsOf('red', 'blue')] });
      const refresh = [{ table: colours, rows: [['red', '{"name":"rouge \\\\ \\"é\\""}']] as const }];
      await database.write({ ...nothing, advance: advance(1n, 2n), refresh });
      expect(await database.find(colours, ['red', 'pink'])).toEqual(
        new Map([['red', '{"name":"rouge \\\\ \\"é\\""}']]),
      );
      await database.write({ ...nothing, advance: advance(2n, 3n), remove: [{ table: colours, keys: ['red'] }] });
      expect(await namesIn()).toEqual([['blue', 'blue']]);
      expect(await database.find(colours, [])).toEqual(new Map());
    });

    it('writes in the order called, without being waited for', async () => {
      const writes = [0n, 1n, 2n, 3n].map((from) =>
        database.write({ ...nothing, advance: advance(from === 0n ? null : from, from + 1n), upsert: [rowsOf('red')] }),
      );
      await Promise.all(writes);
      expect(await database.prepare([schema])).toEqual([{ projection: 'colours', position: 4n }]);
    });

    it('orders keys by their bytes', async () => {
      const keys = ['a_', 'a-', 'a1', 'aa', 'a.', 'a:'];
      await database.write({ ...nothing, advance: advance(null, 1n), upsert: [rowsOf(...keys)] });
      expect((await namesIn()).map(([key]) => key)).toEqual([...keys].sort());
    });

    it('holds positions beyond the integers of JavaScript and SQL', async () => {
      const far = 2n ** 64n - 1n;
      await database.write({ ...nothing, advance: advance(null, far) });
      expect(await database.prepare([schema])).toEqual([{ projection: 'colours', position: far }]);
    });

    it('empties a projection of another version, its former tables included', async () => {
      await database.write({ ...nothing, advance: advance(null, 1n), upsert: [rowsOf('red')] });
      const renamed = { ...colours, name: 'hues', indexes: [] };
      const changed = [{ ...schema, version: 2, tables: [renamed] }];
      const notBegun = [{ projection: 'colours', position: null }];
      expect(await database.prepare(changed)).toEqual(notBegun);
      expect(await database.lead(changed, untilTheEnd)).toEqual(notBegun);
      expect(await database.read([{ text: 'SELECT * FROM hues', parameters: [] }])).toEqual([[]]);
      await expect(namesIn()).rejects.toThrow('colours');
    });

    it('makes indexes once, and any number of times', async () => {
      await database.createIndexes([colours]);
      await database.createIndexes([colours]);
      await database.write({ ...nothing, advance: advance(null, 1n), upsert: [rowsOf('red')] });
      expect(await namesIn()).toEqual([['red', 'red']]);
    });

    it('answers several statements from one state', async () => {
      const count = { text: 'SELECT COUNT(*) AS n FROM colours WHERE key > ?', parameters: [''] };
      for (let from = 1n; from < 50n; from += 1n) {
        const write = {
          ...nothing,
          advance: advance(from === 1n ? null : from, from + 1n),
          upsert: [rowsOf(`c${from}`)],
        };
        const writing = database.write(write);
        const [before, after] = await database.read([count, count]);
        expect(before).toEqual(after);
        await writing;
      }
    });
  });
}
