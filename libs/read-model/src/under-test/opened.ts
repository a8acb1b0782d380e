import { Progress } from '../progress.js';
import { projections } from '../projections/index.js';
import { Projecting } from '../projections/projecting.js';
import { type Projection } from '../projections/projection.js';
import { type ReadModel } from '../read-model.js';
import { SqlReadModel } from '../sql-read-model.js';
import { type Database, lowestOf } from '../sql/database.js';
import { openDatabase, type Place } from './storage.js';

/** A read model whose events are given by hand. */
export interface Opened {
  database: Database;
  projecting: Projecting;
  progress: Progress;
  readModel: ReadModel;
  close(): Promise<void>;
}

export async function opened(place: Place, own: readonly Projection[] = projections): Promise<Opened> {
  const database = await openDatabase(place);
  await database.prepare(own);
  const checkpoints = await database.lead(own, new AbortController().signal);
  const progress = new Progress(lowestOf(checkpoints.map(({ position }) => position)));
  const projecting = new Projecting(database, own, checkpoints, progress);
  return {
    database,
    projecting,
    progress,
    readModel: new SqlReadModel(database, progress),
    async close() {
      progress.close();
      await database.close();
    },
  };
}

/** Every row of every table, as text that is equal when the tables are. */
export async function contentsOf(database: Database, own: readonly Projection[] = projections): Promise<string> {
  const tables = own.flatMap((projection) => projection.tables);
  const found = await database.read(
    tables.map(({ name }) => ({ text: `SELECT * FROM ${name} ORDER BY key`, parameters: [] })),
  );
  const lines = found.flatMap((rows, index) => rows.map((row) => `${tables[index]?.name} ${JSON.stringify(row)}`));
  return lines.join('\n');
}
