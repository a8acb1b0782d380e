import { Progress } from './progress.js';
import { projections } from './projections/index.js';
import { lowest, Projecting } from './projections/projecting.js';
import { Projector } from './projector.js';
import { type ReadModel } from './read-model.js';
import { SqlReadModel } from './sql-read-model.js';
import { type Database } from './sql/database.js';
import { SqliteDatabase } from './sql/sqlite.js';

export interface OpenReadModel {
  readModel: ReadModel;
  /** Not started yet. */
  projector: Projector;
  /** Stops the projector, answers those who wait for it, and closes the database. */
  close(): Promise<void>;
}

/**
 * Opens the read model in `<dataFolder>/read-model.sqlite`, making what isn't there. A projection that another version
 * of Berth wrote in another shape is emptied, and filled again once the projector is started.
 * @throws what the database says when the file can't be opened or isn't one of ours; the file may then be deleted, as
 * everything in it comes from the streams.
 */
export async function openReadModel(options: { dataFolder: string }): Promise<OpenReadModel> {
  const database: Database = await SqliteDatabase.open(options.dataFolder);
  try {
    return await over(database);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function over(database: Database): Promise<OpenReadModel> {
  const checkpoints = await database.prepare(projections);
  const progress = new Progress(lowest(checkpoints.map(({ position }) => position)));
  const projecting = new Projecting(database, projections, checkpoints, progress);
  const tables = projections.flatMap((projection) => projection.tables);
  const projector = new Projector(projecting, progress, database, tables);
  return {
    readModel: new SqlReadModel(database, progress),
    projector,
    async close() {
      await projector.stop();
      progress.close();
      await database.close();
    },
  };
}
