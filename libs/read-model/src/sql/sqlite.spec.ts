import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { openReadModel } from '../open-read-model.js';
import { temporaryFolder } from '../under-test/opened.js';
import { type ProjectionSchema } from './database.js';
import { SqliteDatabase, sqliteFile } from './sqlite.js';
import { rowOf, type Table } from './table.js';

interface Colour {
  name: string;
}
const colours: Table<Colour> = {
  name: 'colours',
  facets: [{ name: 'initial', type: 'text', of: ({ name }) => name[0] ?? null }],
  indexes: [{ name: 'colours_by_initial', columns: ['initial', 'key'] }],
};
const schema: ProjectionSchema = { name: 'colours', version: 1, tables: [colours] };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let database: SqliteDatabase;

beforeEach(async () => {
  folder = await temporaryFolder();
  database = await SqliteDatabase.open(folder.path);
  await database.prepare([schema]);
});

afterEach(async () => {
  await database.close();
  await folder.remove();
});

const nothing = { upsert: [], refresh: [], remove: [] };
const advance = (from: bigint | null, to: bigint) => [{ projection: 'colours', from, to }];
const red = { table: colours, rows: [rowOf(colours, 'red', { name: 'red' })] };
const namesIn = async () => {
  const [rows = []] = await database.read([{ text: 'SELECT key, doc FROM colours ORDER BY key', parameters: [] }]);
  return rows.map(({ key, doc }) => [key, (JSON.parse(String(doc)) as Colour).name]);
};

describe('the SQLite database', () => {
  it('writes rows and checkpoint together, or neither', async () => {
    await database.write({ ...nothing, advance: advance(null, 5n), upsert: [red] });
    expect(await namesIn()).toEqual([['red', 'red']]);
    const blue = { table: colours, rows: [rowOf(colours, 'blue', { name: 'blue' })] };
    await expect(database.write({ ...nothing, advance: advance(4n, 6n), upsert: [blue] })).rejects.toMatchObject({
      code: 'PROJECTOR_FENCED',
    });
    const broken = { table: colours, rows: [['green', 'g', null]] };
    await expect(database.write({ ...nothing, advance: advance(5n, 6n), upsert: [blue, broken] })).rejects.toThrow(
      'NOT NULL',
    );
    expect(await namesIn()).toEqual([['red', 'red']]);
    expect(await database.prepare([schema])).toEqual([{ projection: 'colours', position: 5n }]);
  });

  it('refreshes and removes rows by key', async () => {
    await database.write({ ...nothing, advance: advance(null, 1n), upsert: [red] });
    const refresh = [{ table: colours, rows: [['red', '{"name":"rouge"}']] as const }];
    await database.write({ ...nothing, advance: advance(1n, 2n), refresh });
    expect(await namesIn()).toEqual([['red', 'rouge']]);
    await database.write({ ...nothing, advance: advance(2n, 3n), remove: [{ table: colours, keys: ['red'] }] });
    expect(await namesIn()).toEqual([]);
  });

  it('holds positions beyond the integers of JavaScript and SQL', async () => {
    const far = 2n ** 64n - 1n;
    await database.write({ ...nothing, advance: advance(null, far) });
    expect(await database.prepare([schema])).toEqual([{ projection: 'colours', position: far }]);
  });

  it('empties a projection of another version, its former tables included', async () => {
    await database.write({ ...nothing, advance: advance(null, 1n), upsert: [red] });
    const renamed = { ...colours, name: 'hues', indexes: [] };
    expect(await database.prepare([{ ...schema, version: 2, tables: [renamed] }])).toEqual([
      { projection: 'colours', position: null },
    ]);
    const tables = { text: "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", parameters: [] };
    expect(await database.read([tables])).toEqual([[{ name: 'hues' }, { name: 'projections' }]]);
  });

  it('makes indexes once, and any number of times', async () => {
    await database.createIndexes([colours]);
    await database.createIndexes([colours]);
    const indexes = { text: "SELECT name FROM sqlite_schema WHERE name = 'colours_by_initial'", parameters: [] };
    expect(await database.read([indexes])).toEqual([[{ name: 'colours_by_initial' }]]);
  });

  it('answers several statements from one state', async () => {
    const count = { text: 'SELECT COUNT(*) AS n FROM colours', parameters: [] };
    const writing = database.write({ ...nothing, advance: advance(null, 1n), upsert: [red] });
    const [before, after] = await database.read([count, count]);
    expect(before).toEqual(after);
    await writing;
  });

  it('tells when its writer is gone, and asks nothing of it any more', async () => {
    const gone = expect(database.failed).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE', retriable: true });
    const writers = Object.values(database).filter((value): value is Worker => value instanceof Worker);
    await Promise.all(writers.map((writer) => writer.terminate()));
    await gone;
    await expect(database.find(colours, ['red'])).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE' });
  });

  it('says so when the file is not a database', async () => {
    const other = await temporaryFolder();
    await writeFile(join(other.path, sqliteFile), 'not a database, and long enough to be taken for one'.repeat(100));
    await expect(openReadModel({ dataFolder: other.path })).rejects.toMatchObject({
      code: 'READ_MODEL_UNAVAILABLE',
      cause: { message: 'file is not a database' },
    });
    await other.remove();
  });
});
