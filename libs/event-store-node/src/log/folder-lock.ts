import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';

const RETRY_EVERY_MS = 50;

/** https://www.sqlite.org/rescode.html: the low byte says what happened, the rest how. */
const PRIMARY_CODE = 0xff;
const SQLITE_BUSY = 5;

/** The folder's owner didn't let go in time. Not retriable without stopping that other process. */
export class DataFolderInUse extends Error {
  readonly code = 'DATA_FOLDER_IN_USE';
  readonly retriable = false;

  constructor(readonly folder: string) {
    super(`Another process holds the event store's data folder ${folder}.`);
    this.name = 'DataFolderInUse';
  }
}

export interface FolderLock {
  release(): void;
}

/**
 * Makes this process the folder's only owner, by an exclusive lock on a file of its own. The kernel drops it with the process,
 * so kill -9 leaves nothing to clean up; a predecessor that is still dying gets `patienceMs` to be gone.
 * @throws DataFolderInUse
 */
export async function lockFolder(folder: string, patienceMs: number): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true });
  const database = new DatabaseSync(join(folder, 'owner.lock'), { timeout: 0 });
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return { release: () => database.close() };
    } catch (error) {
      if (!isBusy(error) || Date.now() >= deadline) {
        database.close();
        throw isBusy(error) ? new DataFolderInUse(folder) : error;
      }
    }
    await wait(RETRY_EVERY_MS);
  }
}

function isBusy(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  return (Number(error.errcode) & PRIMARY_CODE) === SQLITE_BUSY;
}
