import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { openReadModel } from '../open-read-model.js';
import { describeProjectingContract } from '../projections/projecting.contract.js';
import { describeReadModelContract } from '../read-model.contract.js';
import { assigned, History } from '../under-test/histories.js';
import { opened } from '../under-test/opened.js';
import { folderStorage } from '../under-test/storage.js';
import { describeDatabaseContract } from './database.contract.js';
import { SqliteDatabase, sqliteFile } from './sqlite.js';

describeDatabaseContract('SQLite', folderStorage);
describeProjectingContract('SQLite', folderStorage);
describeReadModelContract('SQLite', folderStorage);

describe('the SQLite database', () => {
  let folder: Awaited<ReturnType<typeof folderStorage>>;

  beforeEach(async () => {
    folder = await folderStorage();
  });

  afterEach(() => folder.remove());

  it('tells when its writer is gone, and asks nothing of it any more', async () => {
    const { database, projecting, close } = await opened(folder.place);
    const gone = expect(database.failed).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE', retriable: false });
    const writers = Object.values(database).filter((value): value is Worker => value instanceof Worker);
    await Promise.all(writers.map((writer) => writer.terminate()));
    await gone;
    await expect(projecting.apply([], 1n)).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE' });
    await close();
  });

  it('says nothing of a failure when it is closed', async () => {
    const database = await SqliteDatabase.open(folder.place.dataFolder);
    const told: unknown[] = [];
    database.failed.catch((error: unknown) => told.push(error));
    await database.prepare([]);
    await database.close();
    await expect(database.read([])).rejects.toMatchObject({ code: 'READ_MODEL_UNAVAILABLE' });
    expect(told).toEqual([]);
  });

  it('says so when the file is not a database', async () => {
    const { dataFolder } = folder.place;
    await writeFile(join(dataFolder, sqliteFile), 'not a database, and long enough to be taken for one'.repeat(100));
    await expect(openReadModel({ dataFolder })).rejects.toMatchObject({
      code: 'READ_MODEL_UNAVAILABLE',
      cause: { message: 'file is not a database' },
    });
  });

  it('stops a projector beside which another one writes, as no two may have the folder', async () => {
    const history = new History();
    history.decide([assigned('one', 'hub-a')]);
    const one = await opened(folder.place);
    const other = await opened(folder.place);
    await one.projecting.apply(history.events, history.position);
    await expect(other.projecting.apply(history.events, history.position)).rejects.toMatchObject({
      code: 'PROJECTOR_FENCED',
      retriable: false,
    });
    await one.close();
    await other.close();
  });
});
