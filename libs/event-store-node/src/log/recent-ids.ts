import type { DatabaseSync } from 'node:sqlite';
import { RowStatement } from './database.js';
import { TwoGenerationMap } from './two-generation-map.js';

/** About what a real server's 8 MiB hold. */
const REMEMBERED_IDS = 50_000;

/**
 * Which event ids were written lately, for appends that state no exact revision. Bounded as on a real server; but filled from the
 * log at first need, so that a repetition after a crash is known.
 */
export class RecentIds {
  readonly #newest: RowStatement<[stream: number, revision: number, id: Uint8Array]>;
  readonly #revisions = new TwoGenerationMap<number>(REMEMBERED_IDS);
  #filled = false;

  constructor(writer: DatabaseSync) {
    this.#newest = new RowStatement(
      writer,
      `SELECT stream, revision, id FROM event ORDER BY position DESC LIMIT ${REMEMBERED_IDS}`,
    );
  }

  revisionOf(streamId: number, id: Buffer): number | undefined {
    if (!this.#filled) {
      for (const [stream, revision, stored] of this.#newest.all().reverse()) {
        this.#revisions.set(keyOf(stream, Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)), revision);
      }
      this.#filled = true;
    }
    return this.#revisions.get(keyOf(streamId, id));
  }

  remember(streamId: number, id: Buffer, revision: number): void {
    if (this.#filled) this.#revisions.set(keyOf(streamId, id), revision);
  }

  clear(): void {
    this.#revisions.clear();
    this.#filled = false;
  }
}

function keyOf(streamId: number, id: Buffer): string {
  return `${id.toString('latin1')}${streamId}`;
}
