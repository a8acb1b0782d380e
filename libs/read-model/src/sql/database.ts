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

/** What one transaction changes. */
export interface Changes {
  /** Checkpoints move from exactly where they were when the rows were read; else nothing is written. */
  advance: readonly { projection: string; from: bigint | null; to: bigint }[];
  /** Whole rows, as the values of `columnsOf(table)`. */
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

/** Another writer has moved a checkpoint: this one is no longer the projector. Not retriable. */
export class ProjectorFenced extends Error {
  readonly code = 'PROJECTOR_FENCED';
  readonly retriable = false;
  constructor() {
    super('Another projector writes to this read model');
  }
}

/** The database can't be reached, or went away. Retriable by opening the read model again. */
export class DatabaseUnavailable extends Error {
  readonly code = 'READ_MODEL_UNAVAILABLE';
  readonly retriable = true;
}

/** The tables of the read model: one writer, any number of readers that never wait for it. */
export interface Database {
  /**
   * Makes the tables. A projection of another version loses its rows and its checkpoint, alone. Gives every
   * projection's checkpoint.
   */
  prepare(projections: readonly ProjectionSchema[]): Promise<readonly Checkpoint[]>;
  /** Documents by key, as the writer sees them; absent keys are left out. */
  find(table: AnyTable, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** All or nothing, one after the other in the order called. @throws ProjectorFenced */
  write(changes: Changes): Promise<void>;
  /** Makes the indexes that aren't there yet. Lists filtered by a facet are slow until then, and filling is fast. */
  createIndexes(tables: readonly AnyTable[]): Promise<void>;
  /** Answers all statements from one and the same state. */
  read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]>;
  /** Rejects when the writer is gone without having been closed; pending otherwise. */
  readonly failed: Promise<never>;
  /** After the writes under way. */
  close(): Promise<void>;
}
