import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Chunks, readSnapshotFile, SnapshotDamaged, writeSnapshotFile } from './snapshot-file.js';

export interface SnapshotsOptions {
  /** The files go to `<dataFolder>/snapshots/<name>`. */
  dataFolder: string;
  /** Lower case letters, digits, dashes: `ledger-3`. */
  name: string;
  /**
   * Counts the shapes of facts and chunks, from 1. Raise it when either changes, or when the fold does: snapshots of
   * another shape are never read.
   */
  shape: number;
  /** Hears of each file that can't be read, for the operator's eyes. */
  onDamaged?(file: string, reason: string): void;
}

/** A snapshot found, to be restored from. */
export interface Snapshot<F> {
  /** Where the fold stood: what `save` was given. */
  at: bigint;
  facts: F;
  /**
   * As they were given to `save`, in order, for the caller to write into, each good until the next is asked for. It is checked
   * before it comes; a damaged or cut file ends them with an error.
   */
  chunks: AsyncIterable<Buffer>;
}

/** Kept, so that one that turns out damaged has a predecessor. */
const kept = 2;
/** A file in writing that nothing was written to for so long belongs to a process that is gone. */
const abandonedAfterMs = 3_600_000;
/** Width of 2^64 - 1, so that names sort like numbers. */
const atDigits = 20;

/**
 * Snapshots of one fold, as local files: a shorter way to a state that its events give too. Any of them may be lost at any
 * time; what can't be trusted is never read. Several processes may save under one name.
 *
 * A snapshot says nothing about whether its events are still the store's: put into the facts by what `restore` can tell
 * (the last event's id, say), for the store behind a folder may have been exchanged or set back.
 * @template F what is stored beside the chunks, plain JSON, at most 1 MiB.
 */
export class Snapshots<F> {
  private readonly folder: string;

  constructor(private readonly options: SnapshotsOptions) {
    const { dataFolder, name, shape } = options;
    if (!/^[a-z0-9-]+$/.test(name)) throw new RangeError(`No name for snapshots: ${name}`);
    if (!Number.isInteger(shape) || shape < 1) throw new RangeError(`No shape of snapshots: ${shape}`);
    this.folder = join(dataFolder, 'snapshots', name);
  }

  /**
   * Takes the chunks (1 byte to 1 MiB each) one after another and gives the event loop a turn at least after each MiB, then
   * keeps this snapshot and one before it. What the chunks are made from must stand still meanwhile, or be safe to fold the
   * events after `at` into once more.
   * @throws when the file can't be written (a full disk) or the chunks throw: the snapshots before stay as they were.
   */
  async save(at: bigint, facts: F, chunks: Chunks): Promise<void> {
    if (BigInt.asUintN(64, at) !== at) throw new RangeError(`No place for a snapshot: ${at}`);
    await mkdir(this.folder, { recursive: true });
    await this.removeAbandoned();
    const part = join(this.folder, `${randomUUID()}.part`);
    const file = nameOf(at, this.options.shape);
    try {
      await writeSnapshotFile(part, { at: String(at), shape: this.options.shape, facts }, chunks);
      await rename(part, join(this.folder, file));
    } catch (error) {
      await this.remove(part);
      throw error;
    }
    await this.removeOthers(file);
  }

  /**
   * Restores from the newest snapshot that is whole and that `restore` takes.
   * @param restore reads all chunks; null refuses the snapshot, which is then removed. What it throws, `load` throws.
   * @returns null when there is none: fold from zero.
   */
  async load<S>(restore: (snapshot: Snapshot<F>) => Promise<S | null>): Promise<S | null> {
    for (const { file } of await this.files()) {
      try {
        const restored = await this.restoreFrom(join(this.folder, file), restore);
        if (restored !== null) return restored;
      } catch (error) {
        if (!(error instanceof SnapshotDamaged)) throw error;
        if (isMissing(error.cause)) continue; // another process has put newer ones in its place
        this.options.onDamaged?.(file, error.message);
        if (error.cause !== undefined) continue; // the system may let it be read next time
      }
      await this.remove(join(this.folder, file));
    }
    return null;
  }

  /** Removes every snapshot but the one at `at`: they hold what must not be found any more. */
  async keepOnly(at: bigint): Promise<void> {
    const file = nameOf(at, this.options.shape);
    for (const other of await this.names()) if (other.file !== file) await this.remove(join(this.folder, other.file));
  }

  private async restoreFrom<S>(path: string, restore: (snapshot: Snapshot<F>) => Promise<S | null>): Promise<S | null> {
    const { head, chunks } = await readSnapshotFile(path);
    try {
      const { at, facts } = head as { at: string; facts: F };
      return await restore({ at: BigInt(at), facts, chunks });
    } finally {
      await chunks.return(undefined);
    }
  }

  /** Snapshots of this shape, newest first. */
  private async files(): Promise<SnapshotName[]> {
    return (await this.names())
      .filter(({ shape }) => shape === this.options.shape)
      .sort((a, b) => (a.at > b.at ? -1 : 1));
  }

  private async names(): Promise<SnapshotName[]> {
    const names = await readdir(this.folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names.flatMap((file) => parseName(file) ?? []);
  }

  /** The one just written stays whatever its place, for those before it may belong to a history that is no more. */
  private async removeOthers(written: string): Promise<void> {
    const others = (await this.files()).filter(({ file }) => file !== written);
    const outgrown = (await this.names()).filter(({ shape }) => shape < this.options.shape);
    for (const { file } of [...others.slice(kept - 1), ...outgrown]) await this.remove(join(this.folder, file));
  }

  private async removeAbandoned(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.part')) continue;
      const path = join(this.folder, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
      if (Date.now() - mtimeMs > abandonedAfterMs) await this.remove(path);
    }
  }

  private remove(path: string): Promise<void> {
    return rm(path, { force: true });
  }
}

interface SnapshotName {
  file: string;
  at: bigint;
  shape: number;
}

function nameOf(at: bigint, shape: number): string {
  return `${String(at).padStart(atDigits, '0')}.v${shape}.snapshot`;
}

function parseName(file: string): SnapshotName | undefined {
  const [, at, shape] = /^(\d{20})\.v(\d+)\.snapshot$/.exec(file) ?? [];
  return at && shape ? { file, at: BigInt(at), shape: Number(shape) } : undefined;
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
}
