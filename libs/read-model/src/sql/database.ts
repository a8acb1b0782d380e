import { type AnyTable, type SqlValue } from './table.js';

export type SqlRow = Readonly<Record<string, SqlValue>>;

/** A read in SQL that every database here speaks; `?` marks a parameter. */
export interface Statement {
  text: string;
  parameters: readonly SqlValue[];
}

/** How far a projection has come. */
export interface Checkpoint {
  projection: string;
  /** Null before the first event. */
  position: bigint | null;
}

/** The position that all have reached; null when one hasn't begun. */
export function lowestOf(positions: readonly (bigint | null)[]): bigint | null {
  return positions.reduce((low, it) => (low === null || it === null ? null : it < low ? it : low));
}

/** What one transaction changes. */
export interface Changes {
  /** Checkpoints move from exactly where they were when the rows were read; else nothing is written. */
  advance: readonly { projection: string; from: bigint | null; to: bigint }[];
  /** Whole rows, as the values of `columnsOf(table)`, whose keys have none. */
  insert: readonly { table: AnyTable; rows: readonly (readonly SqlValue[])[] }[];
  /** Whole rows, whether or not their keys have some. */
  upsert: readonly { table: AnyTable; rows: readonly (readonly SqlValue[])[] }[];
  /** Rows of which only the document changed, as key and document: their indexes needn't be touched. */
  refresh: readonly { table: AnyTable; rows: readonly (readonly [key: string, doc: string])[] }[];
  remove: readonly { table: AnyTable; keys: readonly string[] }[];
}

/** What is stored of a projection, so that a new version finds what an old one left. */
export interface ProjectionSchema {
  name: string;
  /** Raised whenever the same events give other rows. */
  version: number;
  tables: readonly AnyTable[];
}

/** Another writer has moved a checkpoint: this one no longer is the projector. */
export class ProjectorFenced extends Error {
  readonly code = 'PROJECTOR_FENCED';
  /** @param retriable whether one may become the projector again by `Database.lead`. */
  constructor(readonly retriable: boolean) {
    super('Another projector writes to this read model');
  }
}

/** The database can't be reached, went away, or is closed. */
export class DatabaseUnavailable extends Error {
  readonly code = 'READ_MODEL_UNAVAILABLE';
  /** Whether it may come back; an embedded database whose writer ended doesn't. */
  readonly retriable: boolean;
  constructor(message: string, options: ErrorOptions & { retriable: boolean }) {
    super(message, options);
    this.retriable = options.retriable;
  }
}

/** The tables of the read model: one writer, any number of readers that never wait for it. */
export interface Database {
  /** Makes the tables that aren't there. Gives every projection's checkpoint; null where it has to be rebuilt. */
  prepare(projections: readonly ProjectionSchema[]): Promise<readonly Checkpoint[]>;
  /**
   * Becomes the one that writes, waiting while another is. A projection that was stored in another version loses its
   * rows and its checkpoint, alone. Gives every projection's checkpoint as it is now. May be called again after a
   * retriable failure. @throws DatabaseUnavailable; also when the signal aborts.
   */
  lead(projections: readonly ProjectionSchema[], signal: AbortSignal): Promise<readonly Checkpoint[]>;
  /** Documents by key, as last written; absent keys are left out. */
  find(table: AnyTable, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** All or nothing, one after the other in the order called. @throws ProjectorFenced, DatabaseUnavailable */
  write(changes: Changes): Promise<void>;
  /** Makes the indexes that aren't there yet. Lists filtered by a facet are slow until then, and filling is fast. */
  createIndexes(tables: readonly AnyTable[]): Promise<void>;
  /** Answers all statements from one and the same state. */
  read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>;
  /** Tells, from now on, of checkpoints that other processes moved; where there are no others, never. */
  watch(moved: (checkpoints: readonly Checkpoint[]) => void): void;
  /** Rejects when it is gone for good without having been closed; pending otherwise. */
  readonly failed: Promise<never>;
  /** After the writes under way. */
  close(): Promise<void>;
}
