import { CommitSignal } from './commit-signal.js';
import { openLogDatabase, RowStatement, type LogDatabase } from './database.js';
import { EventReader } from './event-reader.js';
import { EventWriter, type AppendRequest, type DeleteRequest, type WriteOutcome } from './event-writer.js';
import { lockFolder, type FolderLock } from './folder-lock.js';
import { GroupCommit, type Settled } from './group-commit.js';
import { metastreamOf } from './stream-names.js';

export interface EventLogOptions {
  readonly folder: string;
  /** How long a predecessor may take to let go of the folder. */
  readonly lockPatienceMs: number;
  /** Size the file may grow to; none by default. Appends beyond it fail like on a full disk. */
  readonly dataBytesMax?: number | undefined;
  readonly nowMs?: () => number;
}

/** Hears how a write ended: durable, refused, or not done because of a fault such as a full disk. */
export type WriteListener = (outcome: Settled<WriteOutcome>) => void;

/** The durable log: one file, one owner, group commit, and readers that see committed events only. */
export class EventLog {
  readonly reader: EventReader;
  readonly commits = new CommitSignal();
  readonly #writer: EventWriter;
  readonly #group: GroupCommit<WriteOutcome>;
  readonly #truncateWal: RowStatement<[busy: number]>;
  #removedSomething = false;
  /** Why what was removed last is still to be found on disk. */
  #scrubFault: unknown;
  #closed = false;

  /** @throws DataFolderInUse */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const lock = await lockFolder(options.folder, options.lockPatienceMs);
    try {
      return new EventLog(lock, openLogDatabase(options.folder, options.dataBytesMax), options.nowMs ?? Date.now);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    private readonly lock: FolderLock,
    private readonly database: LogDatabase,
    nowMs: () => number,
  ) {
    this.reader = new EventReader(database, nowMs);
    this.#writer = new EventWriter(database, nowMs);
    this.#truncateWal = new RowStatement(database.writer, 'PRAGMA wal_checkpoint(TRUNCATE)');
    this.#group = new GroupCommit(database.writer, {
      onRollback: () => this.#writer.forget(),
      onCommitted: () => this.#scrub(),
      onSettled: () => this.commits.committed(),
    });
  }

  append(request: AppendRequest, settle: WriteListener): void {
    const bytes = request.events.reduce((sum, { data, metadata }) => sum + data.byteLength + metadata.byteLength, 0);
    this.#enqueue(request.stream, bytes, () => this.#writer.append(request), settle);
  }

  delete(request: DeleteRequest, settle: WriteListener): void {
    this.#enqueue(request.stream, 0, () => this.#remove(this.#writer.delete(request)), this.#onceScrubbed(settle));
  }

  tombstone(request: DeleteRequest, settle: WriteListener): void {
    this.#enqueue(request.stream, 0, () => this.#remove(this.#writer.tombstone(request)), this.#onceScrubbed(settle));
  }

  /** Commits and answers what waits, then lets go of the folder. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#group.flush();
    } finally {
      this.database.close();
      this.lock.release();
    }
  }

  #enqueue(stream: string, bytes: number, execute: () => WriteOutcome, settle: WriteListener): void {
    if (this.#closed) {
      settle({ ok: false, error: new Error('The event log is closed.') });
      return;
    }
    this.#group.enqueue({
      bytes,
      execute: () => {
        this.commits.touch(stream);
        this.commits.touch(metastreamOf(stream));
        return execute();
      },
      settle,
    });
  }

  #remove(outcome: WriteOutcome): WriteOutcome {
    if (outcome.kind === 'written') this.#removedSomething = true;
    return outcome;
  }

  /** A deletion is acknowledged only when nothing of it is left in the folder. */
  #onceScrubbed(settle: WriteListener): WriteListener {
    return (outcome) => {
      const isStillOnDisk = outcome.ok && outcome.value.kind === 'written' && this.#removedSomething;
      settle(isStillOnDisk ? { ok: false, error: this.#scrubFault } : outcome);
    };
  }

  /** The write-ahead log still holds what a deletion removed, until it is folded into the file and cut. */
  #scrub(): void {
    if (!this.#removedSomething) return;
    try {
      const [busy] = this.#truncateWal.get() ?? [1];
      if (busy !== 0)
        throw new Error('Another program reads the event log, so what was deleted is not overwritten yet.');
      this.#removedSomething = false;
    } catch (error) {
      this.#scrubFault = error; // tried again after the next commit
    }
  }
}
