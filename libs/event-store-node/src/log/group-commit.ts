import type { DatabaseSync } from 'node:sqlite';

/** A write that waits for its turn; `settle` hears the outcome once it is on disk, or the error that kept it from there. */
export interface PendingWrite<T> {
  readonly bytes: number;
  /** Runs inside the transaction. Must not answer anybody: the commit may still fail. */
  execute(): T;
  settle(result: Settled<T>): void;
}

export type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

interface GroupCommitHooks {
  /** After a rollback. */
  onRollback(): void;
  /** After each commit, before anybody is answered. Must not throw: what was committed is not taken back. */
  onCommitted(): void;
  /** After the group was answered. */
  onSettled(): void;
}

/**
 * Everything that arrives within one turn of the event loop shares one transaction and so one fsync. A group closes early
 * when it grows past the bounds, hence what waits here is bounded too.
 */
export class GroupCommit<T> {
  static readonly BYTES_MAX = 8 * 1024 * 1024;
  static readonly WRITES_MAX = 1024;

  #waiting: PendingWrite<T>[] = [];
  #waitingBytes = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(
    private readonly writer: DatabaseSync,
    private readonly hooks: GroupCommitHooks,
  ) {}

  enqueue(write: PendingWrite<T>): void {
    this.#waiting.push(write);
    this.#waitingBytes += write.bytes;
    if (this.#waitingBytes >= GroupCommit.BYTES_MAX || this.#waiting.length >= GroupCommit.WRITES_MAX) this.flush();
    else this.#turn ??= setImmediate(() => this.flush());
  }

  /** Commits and answers whatever waits, now. */
  flush(): void {
    if (this.#turn) clearImmediate(this.#turn);
    this.#turn = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (group.length === 0) return;
    const results = this.#commit(group);
    for (const [index, write] of group.entries()) write.settle(results[index] ?? neverRan);
    this.hooks.onSettled();
  }

  #commit(group: readonly PendingWrite<T>[]): Settled<T>[] {
    try {
      const results = this.#transact(group);
      this.hooks.onCommitted();
      return results;
    } catch (error) {
      if (group.length === 1) return [{ ok: false, error }];
      // One write that can't be done must not fail its neighbours: each gets a transaction of its own.
      return group.map((write) => this.#commit([write])[0] ?? neverRan);
    }
  }

  #transact(group: readonly PendingWrite<T>[]): Settled<T>[] {
    try {
      this.writer.exec('BEGIN IMMEDIATE');
      const results = group.map((write): Settled<T> => ({ ok: true, value: write.execute() }));
      this.writer.exec('COMMIT');
      return results;
    } catch (error) {
      // A full disk makes SQLite roll back by itself, and rolling back twice would hide the first error.
      if (this.writer.isTransaction) this.writer.exec('ROLLBACK');
      this.hooks.onRollback();
      throw error;
    }
  }
}

const neverRan: Settled<never> = { ok: false, error: new Error('The write was never run.') };
