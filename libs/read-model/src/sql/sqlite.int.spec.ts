import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describeCrashContract } from '../crash.contract.js';
import { describeProjectorContract } from '../projector.contract.js';
import { describeQueryPlansContract } from '../query-plans.contract.js';
import { folderStorage } from '../under-test/storage.js';
import { sqliteFile } from './sqlite.js';

describeProjectorContract('SQLite', folderStorage);
describeCrashContract('SQLite', folderStorage);
describeQueryPlansContract('SQLite', folderStorage, async (place) => {
  const folder = 'dataFolder' in place ? place.dataFolder : '';
  const database = new DatabaseSync(join(folder, sqliteFile), { readOnly: true });
  return {
    async plan({ text, parameters }) {
      const steps = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters);
      return steps.map(({ detail }) => String(detail));
    },
    async close() {
      database.close();
    },
  };
});
