import { NO_REVISION, type ExpectedRevision } from './records.js';

/** What a stream looks like to somebody about to write to it. */
export interface StreamStanding {
  /** {@link NO_REVISION} when it never held an event; a deleted stream keeps its last. */
  readonly lastRevision: number;
  readonly softDeleted: boolean;
  readonly tombstoned: boolean;
  readonly hasMetadata: boolean;
}

/** Looks back at what the stream holds, to know a repeated append by its event ids. */
export interface StreamHistory {
  isAt(revision: number, id: Buffer): boolean;
  /** Bounded memory, as on a real server: an old id may have been forgotten. */
  recentRevisionOf(id: Buffer): number | undefined;
}

export type AppendVerdict =
  | { readonly kind: 'write' }
  | { readonly kind: 'repeated'; readonly lastRevision: number }
  | { readonly kind: 'wrong-expected-revision' }
  | { readonly kind: 'stream-deleted' };

/** Follows the order of checks of EventStoreDB's index writer, so that every corner answers alike. */
export function judgeAppend(
  expected: ExpectedRevision,
  ids: readonly Buffer[],
  stream: StreamStanding,
  history: StreamHistory,
): AppendVerdict {
  if (stream.tombstoned) return { kind: 'stream-deleted' };
  if (expected === 'streamExists') {
    if (stream.softDeleted) return { kind: 'stream-deleted' };
    if (stream.lastRevision === NO_REVISION && !stream.hasMetadata) return { kind: 'wrong-expected-revision' };
  }
  if (expected === 'any' || expected === 'streamExists') return judgeByRecentIds(ids, history);
  const revision = expected === 'noStream' ? NO_REVISION : expected;
  if (revision > stream.lastRevision) return { kind: 'wrong-expected-revision' };
  if (revision === stream.lastRevision) return { kind: 'write' };
  return judgeByPlace(revision, ids, stream, history);
}

function judgeByRecentIds(ids: readonly Buffer[], history: StreamHistory): AppendVerdict {
  let lastRevision: number | undefined;
  for (const [index, id] of ids.entries()) {
    const known = history.recentRevisionOf(id);
    if (known === undefined) return index === 0 ? { kind: 'write' } : { kind: 'wrong-expected-revision' };
    lastRevision = known;
  }
  return lastRevision === undefined ? { kind: 'write' } : { kind: 'repeated', lastRevision };
}

function judgeByPlace(
  expected: number,
  ids: readonly Buffer[],
  stream: StreamStanding,
  history: StreamHistory,
): AppendVerdict {
  for (const [index, id] of ids.entries()) {
    if (history.isAt(expected + 1 + index, id)) continue;
    const beginsAnew = index === 0 && expected === NO_REVISION && stream.softDeleted;
    return beginsAnew ? { kind: 'write' } : { kind: 'wrong-expected-revision' };
  }
  return ids.length === 0
    ? { kind: 'wrong-expected-revision' }
    : { kind: 'repeated', lastRevision: expected + ids.length };
}

/** Deleting states its expectation like appending, but is never taken for a repetition. */
export function mayDelete(expected: ExpectedRevision, stream: StreamStanding): boolean {
  switch (expected) {
    case 'any':
      return true;
    case 'streamExists':
      return stream.lastRevision !== NO_REVISION && !stream.softDeleted;
    case 'noStream':
      return stream.lastRevision === NO_REVISION || stream.softDeleted;
    default:
      return expected === stream.lastRevision;
  }
}
