import { randomUUID } from 'node:crypto';
import { judgeAppend, mayDelete, type StreamStanding } from './append-verdict.js';
import { RowStatement, type LogDatabase } from './database.js';
import { FIRST_POSITION, positionAfter } from './positions.js';
import { RecentIds } from './recent-ids.js';
import { NO_REVISION, TOMBSTONE_REVISION, type ExpectedRevision, type ProposedEvent } from './records.js';
import { limitsOf, metadataBeginningAt, NO_LIMITS, softDeletedMetadata, type StreamLimits } from './stream-metadata.js';
import { isMetastream, metastreamOf, originalOf } from './stream-names.js';
import { isSoftDeleted, prepareStreamLookup, type StreamRow } from './stream-row.js';
import { TwoGenerationMap } from './two-generation-map.js';
import { bytesOfUuid } from './uuid.js';

const KNOWN_STREAMS = 50_000;

export interface AppendRequest {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
}

export interface DeleteRequest {
  readonly stream: string;
  readonly expected: ExpectedRevision;
}

export type Refusal =
  | { readonly kind: 'wrong-expected-revision'; /** -1: no stream. */ readonly current: number }
  | { readonly kind: 'stream-deleted' };

export type WriteOutcome =
  | {
      readonly kind: 'written';
      /** The stream's last revision, or for a repeated append the one it had answered first. */
      readonly revision: number;
      /** Absent when nothing was to be written. */
      readonly position: number | undefined;
    }
  | Refusal;

/**
 * Writes to the log, always inside a transaction that the caller began and will commit. After a rollback the caller must
 * call {@link forget}, since what is remembered here ran ahead of the file.
 */
export class EventWriter {
  readonly #lookUp: (name: string) => StreamRow | undefined;
  readonly #insertStream: RowStatement<[id: number]>;
  readonly #updateLimits: RowStatement<[]>;
  readonly #insertEvent: RowStatement<[]>;
  readonly #insertBody: RowStatement<[]>;
  readonly #idAt: RowStatement<[id: Uint8Array]>;
  readonly #positionAt: RowStatement<[position: number]>;
  readonly #bodyAt: RowStatement<[data: Uint8Array]>;
  readonly #newest: RowStatement<[position: number, type: string, dataBytes: number, metadataBytes: number]>;
  readonly #removeBodies: RowStatement<[]>;
  readonly #removeEvents: RowStatement<[]>;
  readonly #bury: RowStatement<[]>;
  readonly #streams = new TwoGenerationMap<StreamRow>(KNOWN_STREAMS);
  readonly #recentIds: RecentIds;
  #nextPosition: number | undefined;

  constructor(
    { writer }: LogDatabase,
    private readonly nowMs: () => number,
  ) {
    this.#lookUp = prepareStreamLookup(writer);
    this.#recentIds = new RecentIds(writer);
    this.#insertStream = new RowStatement(writer, 'INSERT INTO stream (name) VALUES (?) RETURNING id');
    this.#updateLimits = new RowStatement(
      writer,
      'UPDATE stream SET truncate_before = ?, max_count = ?, max_age_s = ? WHERE id = ?',
    );
    this.#insertEvent = new RowStatement(
      writer,
      'INSERT INTO event (position, stream, revision, created_ms, is_json, type, id) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertBody = new RowStatement(writer, 'INSERT INTO body (position, metadata, data) VALUES (?, ?, ?)');
    this.#idAt = new RowStatement(writer, 'SELECT id FROM event WHERE stream = ? AND revision = ?');
    this.#positionAt = new RowStatement(writer, 'SELECT position FROM event WHERE stream = ? AND revision = ?');
    this.#bodyAt = new RowStatement(
      writer,
      'SELECT data FROM body WHERE position = (SELECT position FROM event WHERE stream = ? AND revision = ?)',
    );
    this.#newest = new RowStatement(
      writer,
      `SELECT position, type, length(data), length(metadata) FROM event JOIN body USING (position)
       ORDER BY position DESC LIMIT 1`,
    );
    this.#removeBodies = new RowStatement(
      writer,
      'DELETE FROM body WHERE position IN (SELECT position FROM event WHERE stream = ?)',
    );
    this.#removeEvents = new RowStatement(writer, 'DELETE FROM event WHERE stream = ?');
    this.#bury = new RowStatement(writer, 'UPDATE stream SET floor_revision = ?, tombstoned = ? WHERE id = ?');
  }

  append({ stream: name, expected, events }: AppendRequest): WriteOutcome {
    const stream = this.#find(name);
    const original = isMetastream(name) ? this.#find(originalOf(name)) : undefined;
    const standing = this.#standing(stream, original);
    const verdict = judgeAppend(
      expected,
      events.map((event) => event.id),
      standing,
      {
        isAt: (revision, id) => stream !== undefined && this.#isAt(stream.id, revision, id),
        recentRevisionOf: (id) => stream && this.#recentRevisionOf(stream.id, id),
      },
    );
    switch (verdict.kind) {
      case 'write':
        return this.#write(name, stream, original, events, standing);
      case 'repeated':
        return this.#repeated(stream, verdict.lastRevision);
      case 'stream-deleted':
        return verdict;
      case 'wrong-expected-revision':
        return { ...verdict, current: standing.lastRevision };
    }
  }

  /** Soft: the events are gone for good, a later append goes on at the next revision. */
  delete({ stream: name, expected }: DeleteRequest): WriteOutcome {
    const found = this.#find(name);
    const refusal = this.#refuseDeletion(found, expected);
    if (refusal) return refusal;
    const stream = found ?? this.#create(name);
    this.#removeEventsOf(name, stream, false);
    return this.#putMetadata(name, softDeletedMetadata());
  }

  /** Hard: the name can never be used again. Leaves one `$streamDeleted` record in $all. */
  tombstone({ stream: name, expected }: DeleteRequest): WriteOutcome {
    const found = this.#find(name);
    const refusal = this.#refuseDeletion(found, expected);
    if (refusal) return refusal;
    const stream = found ?? this.#create(name);
    const metastream = this.#find(metastreamOf(name));
    if (metastream) this.#removeEventsOf(metastreamOf(name), metastream, false);
    this.#removeEventsOf(name, stream, true);
    const record = newEvent('$streamDeleted', false, Buffer.alloc(0));
    const position = this.#insert(stream.id, TOMBSTONE_REVISION, record);
    return { kind: 'written', revision: TOMBSTONE_REVISION, position };
  }

  /** To be called after a rollback. */
  forget(): void {
    this.#streams.clear();
    this.#recentIds.clear();
    this.#nextPosition = undefined;
  }

  #write(
    name: string,
    found: StreamRow | undefined,
    original: StreamRow | undefined,
    events: readonly ProposedEvent[],
    { softDeleted }: StreamStanding,
  ): WriteOutcome {
    const last = events.at(-1);
    if (last === undefined)
      return { kind: 'written', revision: found?.lastRevision ?? NO_REVISION, position: undefined };
    if (softDeleted && found) this.#undelete(name, found);
    const stream = this.#find(name) ?? this.#create(name);
    const outcome = this.#appendTo(name, stream, events);
    if (isMetastream(name)) {
      this.#obey(originalOf(name), limitsOf(last.data));
      if (original && isSoftDeleted(original)) this.#undelete(originalOf(name), original);
    }
    return outcome;
  }

  #appendTo(name: string, stream: StreamRow, events: readonly ProposedEvent[]): WriteOutcome {
    let revision = stream.lastRevision;
    let position: number | undefined;
    for (const event of events) {
      revision += 1;
      position = this.#insert(stream.id, revision, event);
      this.#recentIds.remember(stream.id, event.id, revision);
    }
    this.#streams.set(name, { ...stream, lastRevision: revision });
    return { kind: 'written', revision, position };
  }

  #repeated(stream: StreamRow | undefined, revision: number): WriteOutcome {
    const position = stream && this.#positionAt.get(stream.id, revision)?.[0];
    return { kind: 'written', revision, position };
  }

  #undelete(name: string, stream: StreamRow): void {
    const metastream = this.#find(metastreamOf(name));
    const newest = metastream && this.#bodyAt.get(metastream.id, metastream.lastRevision);
    this.#putMetadata(name, metadataBeginningAt(newest?.[0] ?? Buffer.alloc(0), stream.lastRevision + 1));
  }

  #putMetadata(name: string, metadata: Buffer): WriteOutcome {
    const metastreamName = metastreamOf(name);
    const metastream = this.#find(metastreamName) ?? this.#create(metastreamName);
    this.#obey(name, limitsOf(metadata));
    return this.#appendTo(metastreamName, metastream, [newEvent('$metadata', true, metadata)]);
  }

  #obey(name: string, limits: StreamLimits): void {
    const stream = this.#find(name) ?? this.#create(name);
    const { truncateBefore, maxCount, maxAgeS } = limits;
    this.#updateLimits.get(truncateBefore, maxCount, maxAgeS, stream.id);
    this.#streams.set(name, { ...stream, truncateBefore, maxCount, maxAgeS });
  }

  #removeEventsOf(name: string, stream: StreamRow, forEver: boolean): void {
    // Fixed before the log's newest record may vanish: a position once given out is never given out again.
    this.#nextPosition ??= this.#endOfLog();
    this.#removeBodies.get(stream.id);
    this.#removeEvents.get(stream.id);
    this.#bury.get(stream.lastRevision, forEver ? 1 : 0, stream.id);
    this.#streams.set(name, { ...stream, tombstoned: forEver });
  }

  #refuseDeletion(stream: StreamRow | undefined, expected: ExpectedRevision): Refusal | undefined {
    const standing = this.#standing(stream, undefined);
    if (standing.tombstoned) return { kind: 'stream-deleted' };
    if (!mayDelete(expected, standing)) return { kind: 'wrong-expected-revision', current: standing.lastRevision };
    return undefined;
  }

  #standing(stream: StreamRow | undefined, original: StreamRow | undefined): StreamStanding {
    return {
      lastRevision: stream?.lastRevision ?? NO_REVISION,
      softDeleted: stream !== undefined && isSoftDeleted(stream),
      tombstoned: stream?.tombstoned === true || original?.tombstoned === true,
      // A stream's row comes first with its metadata or its first event, so one without events was given metadata.
      hasMetadata: stream !== undefined,
    };
  }

  #find(name: string): StreamRow | undefined {
    const known = this.#streams.get(name);
    if (known) return known;
    const found = this.#lookUp(name);
    if (found) this.#streams.set(name, found);
    return found;
  }

  #create(name: string): StreamRow {
    const id = this.#insertStream.get(name)?.[0];
    if (id === undefined) throw new Error('A new stream was given no id.');
    const stream: StreamRow = { ...NO_LIMITS, id, lastRevision: NO_REVISION, tombstoned: false };
    this.#streams.set(name, stream);
    return stream;
  }

  #insert(streamId: number, revision: number, event: ProposedEvent): number {
    const position = this.#nextPosition ?? this.#endOfLog();
    const { type, data, metadata } = event;
    this.#insertEvent.get(position, streamId, revision, this.nowMs(), event.isJson ? 1 : 0, type, event.id);
    this.#insertBody.get(position, metadata, data);
    this.#nextPosition = positionAfter(position, type, data.byteLength, metadata.byteLength);
    return position;
  }

  #endOfLog(): number {
    const newest = this.#newest.get();
    return newest === undefined ? FIRST_POSITION : positionAfter(...newest);
  }

  #recentRevisionOf(streamId: number, id: Buffer): number | undefined {
    const revision = this.#recentIds.revisionOf(streamId, id);
    // What was deleted since is no repetition.
    return revision !== undefined && this.#isAt(streamId, revision, id) ? revision : undefined;
  }

  #isAt(streamId: number, revision: number, id: Buffer): boolean {
    const stored = this.#idAt.get(streamId, revision)?.[0];
    return stored !== undefined && id.equals(stored);
  }
}

function newEvent(type: string, isJson: boolean, data: Buffer): ProposedEvent {
  return { id: bytesOfUuid(randomUUID()), type, isJson, data, metadata: Buffer.alloc(0) };
}
