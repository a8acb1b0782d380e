import { Progress } from './progress.js';
import { projections } from './projections/index.js';
import { Projector } from './projector.js';
import { type ReadModel } from './read-model.js';
import { SqlReadModel } from './sql-read-model.js';
import { type Database, lowestOf } from './sql/database.js';
import { PostgresDatabase } from './sql/postgres.js';
import { SqliteDatabase } from './sql/sqlite.js';

export interface OpenReadModel {
  readModel: ReadModel;
  /** Not started yet. */
  projector: Projector;
  /** Stops the projector, answers those who wait for it, and closes the database. May be called again. */
  close(): Promise<void>;
}

/**
 * Embedded in a folder, for one process; or in PostgreSQL (`postgres://…`), shared by any number. The schema is `berth`
 * unless said otherwise: each deployment needs its own.
 */
export type ReadModelOptions = { dataFolder: string } | { databaseUrl: string; schema?: string };

/**
 * Opens the read model, making what isn't there: `<dataFolder>/read-model.sqlite` or the schema of a
 * PostgreSQL database. A projection that another version of Berth wrote in another shape is emptied and filled again
 * when a projector starts.
 * @throws DatabaseUnavailable when it can't be reached, or the file isn't a database of ours; that may then be deleted,
 * as everything in it comes from the streams.
 */
export async function openReadModel(options: ReadModelOptions): Promise<OpenReadModel> {
  const database: Database =
    'databaseUrl' in options
      ? PostgresDatabase.open(options.databaseUrl, options.schema)
      : await SqliteDatabase.open(options.dataFolder);
  try {
    return await over(database);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function over(database: Database): Promise<OpenReadModel> {
  const checkpoints = await database.prepare(projections);
  const progress = new Progress(lowestOf(checkpoints.map(({ position }) => position)));
  const projector = new Projector(database, projections, progress);
  const close = async () => {
    await projector.stop();
    progress.close();
    await database.close();
  };
  let closed: Promise<void> | null = null;
  return { readModel: new SqlReadModel(database, progress), projector, close: () => (closed ??= close()) };
}
