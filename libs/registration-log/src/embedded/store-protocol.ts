/** What the log and its store thread say to each other. Types only: the thread's file must stand alone (see store-worker.ts). */

/** Consecutive records of one partition, packed by segment.ts, stored as one row. */
export interface Segment {
  topic: string;
  partition: number;
  at: number;
  count: number;
  bytes: Uint8Array;
}

export interface StoredSegment {
  base: number;
  at: number;
  count: number;
  bytes: Uint8Array;
}

export interface OffsetCommit {
  group: string;
  topic: string;
  partition: number;
  /** The offset to go on with, as in Kafka: one past the last that is done. */
  next: number;
}

export interface StoreRequests {
  open: { ask: { dataFolder: string }; answer: { topics: Record<string, number> } };
  /** Makes the topic unless it is there; answers the partition count that holds. */
  topic: { ask: { topic: string; partitions: number }; answer: number };
  /** One durable transaction; answers the first offset of each segment, in order. */
  write: { ask: { segments: readonly Segment[]; commits: readonly OffsetCommit[] }; answer: number[] };
  read: {
    ask: { topic: string; partition: number; from: number; maxRecords: number; maxBytes: number };
    answer: StoredSegment[];
  };
  /** The offset to go on with; 0 when the group never committed. */
  committed: { ask: { group: string; topic: string; partition: number }; answer: number };
  /**
   * Deletes up to `segmentsMax` segments written before `before` (milliseconds since 1970), of which every group of their topic
   * has committed the last record; answers how many. The newest of each partition stays: the next offset hangs on it.
   */
  expire: { ask: { before: number; segmentsMax: number }; answer: number };
  close: { ask: null; answer: null };
}

export type StoreOperation = keyof StoreRequests;
export type StoreAsk = {
  [O in StoreOperation]: { id: number; operation: O; ask: StoreRequests[O]['ask'] };
}[StoreOperation];

export type StoreAnswer =
  | { id: number; ok: true; answer: unknown }
  | { id: number; ok: false; code: 'folder-in-use' | 'unknown-format' | 'store-failed'; message: string };
