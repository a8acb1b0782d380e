// The thread that owns the embedded log's SQLite file: node:sqlite blocks, and a commit waits for the disk.
// Stands alone on purpose (type imports vanish): Node runs this file as it is from src, where a relative import that ends in
// .js would find nothing, and compiled from dist.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort } from 'node:worker_threads';
import type { Segment, StoreAnswer, StoreAsk, StoredSegment, StoreRequests } from './store-protocol.js';

const formatVersion = 1;
/** 'Berl' in ASCII, so that `file` and we can tell this database from any other. */
const applicationId = 0x4265726c;

const schema = `
  CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL) WITHOUT ROWID;
  -- A row is what one group commit brought a partition: few, large rows cost a fraction of one row a record.
  CREATE TABLE segments (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, last INTEGER NOT NULL, base INTEGER NOT NULL,
    at INTEGER NOT NULL, bytes BLOB NOT NULL
  );
  CREATE UNIQUE INDEX segments_by_last ON segments (topic, partition, last);
  CREATE TABLE commits (
    "group" TEXT, topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY ("group", topic, partition)
  ) WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

class StoreRefusal extends Error {
  readonly code: 'folder-in-use' | 'unknown-format';

  constructor(code: 'folder-in-use' | 'unknown-format', message: string) {
    super(message);
    this.code = code;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}

function openDatabase(dataFolder: string): DatabaseSync {
  mkdirSync(dataFolder, { recursive: true });
  const file = join(dataFolder, 'registration-log.sqlite');
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // Exclusive before WAL: the lock is then the operating system's, held until the process ends however it ends, and no
    // shared memory file is needed.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    database.exec('BEGIN EXCLUSIVE');
    prepareSchema(database, file);
    database.exec('COMMIT');
    return database;
  } catch (error) {
    database.close();
    if (isBusy(error)) throw new StoreRefusal('folder-in-use', `${file} is open in another log`);
    if (error instanceof Error && 'errcode' in error && error.errcode === 26) {
      throw new StoreRefusal('unknown-format', `${file} is not a registration log`);
    }
    throw error;
  }
}

function prepareSchema(database: DatabaseSync, file: string): void {
  const found = Number(database.prepare('PRAGMA application_id').get()?.['application_id']);
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  const empty = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
  if (empty) database.exec(schema);
  else if (found !== applicationId) throw new StoreRefusal('unknown-format', `${file} is not a registration log`);
  else if (version !== formatVersion) {
    throw new StoreRefusal('unknown-format', `${file} has format ${version}, this Berth knows ${formatVersion}`);
  }
}

class Store {
  private readonly database: DatabaseSync;
  private readonly insertSegment: StatementSync;
  private readonly insertCommit: StatementSync;
  private readonly selectSegments: StatementSync;
  private readonly selectEnd: StatementSync;
  private readonly selectCommitted: StatementSync;
  private readonly selectGroups: StatementSync;
  private readonly deleteSegments: StatementSync;
  /** The offset each partition goes on with, by topic. Moves only when a transaction has been committed. */
  private readonly ends = new Map<string, number[]>();

  constructor(dataFolder: string) {
    const database = openDatabase(dataFolder);
    this.database = database;
    this.insertSegment = database.prepare(
      'INSERT INTO segments (topic, partition, base, last, at, bytes) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.insertCommit = database.prepare(
      `INSERT INTO commits ("group", topic, partition, next) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET next = max(next, excluded.next)`,
    );
    this.selectSegments = database.prepare(
      'SELECT base, last, at, bytes FROM segments WHERE topic = ? AND partition = ? AND last >= ? ORDER BY last',
    );
    this.selectEnd = database.prepare('SELECT max(last) AS last FROM segments WHERE topic = ? AND partition = ?');
    this.selectCommitted = database.prepare(
      'SELECT next FROM commits WHERE "group" = ? AND topic = ? AND partition = ?',
    );
    this.selectGroups = database.prepare('SELECT DISTINCT "group" FROM commits WHERE topic = ?');
    this.deleteSegments = database.prepare(
      `DELETE FROM segments WHERE rowid IN (
         SELECT rowid FROM segments WHERE topic = ? AND partition = ? AND last < ? AND at < ? ORDER BY last LIMIT ?
       )`,
    );
    for (const row of database.prepare('SELECT name, partitions FROM topics').all()) {
      const topic = String(row['name']);
      const ends = Array.from({ length: Number(row['partitions']) }, (_, partition) => {
        const last = this.selectEnd.get(topic, partition)?.['last'];
        return typeof last === 'number' ? last + 1 : 0;
      });
      this.ends.set(topic, ends);
    }
  }

  topics(): Record<string, number> {
    return Object.fromEntries([...this.ends].map(([topic, ends]) => [topic, ends.length]));
  }

  topic({ topic, partitions }: StoreRequests['topic']['ask']): number {
    const known = this.ends.get(topic);
    if (known) return known.length;
    this.database.prepare('INSERT INTO topics (name, partitions) VALUES (?, ?)').run(topic, partitions);
    this.ends.set(topic, new Array<number>(partitions).fill(0));
    return partitions;
  }

  write({ segments, commits }: StoreRequests['write']['ask']): number[] {
    const moved: { ends: number[]; partition: number; end: number }[] = [];
    const bases: number[] = [];
    const pending = new Map<string, number>();
    this.database.exec('BEGIN IMMEDIATE');
    try {
      for (const segment of segments) {
        const ends = this.endsOf(segment.topic);
        const place = `${segment.partition} ${segment.topic}`;
        const base = pending.get(place) ?? ends[segment.partition]!;
        const end = base + segment.count;
        this.append(segment, base);
        pending.set(place, end);
        moved.push({ ends, partition: segment.partition, end });
        bases.push(base);
      }
      for (const { group, topic, partition, next } of commits) this.insertCommit.run(group, topic, partition, next);
      this.database.exec('COMMIT');
    } catch (error) {
      // SQLite may have rolled back by itself (a full disk); then there is nothing left to roll back.
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
    for (const { ends, partition, end } of moved) ends[partition] = end;
    return bases;
  }

  read({ topic, partition, from, maxRecords, maxBytes }: StoreRequests['read']['ask']): StoredSegment[] {
    const found: StoredSegment[] = [];
    let records = 0;
    let size = 0;
    for (const row of this.selectSegments.iterate(topic, partition, from)) {
      const { base, last, at, bytes } = row as { base: number; last: number; at: number; bytes: Uint8Array };
      found.push({ base, at, count: last - base + 1, bytes });
      records += last - Math.max(base, from) + 1;
      size += bytes.length;
      if (records >= maxRecords || size >= maxBytes) break;
    }
    return found;
  }

  committed({ group, topic, partition }: StoreRequests['committed']['ask']): number {
    return Number(this.selectCommitted.get(group, topic, partition)?.['next'] ?? 0);
  }

  expire({ before, segmentsMax }: StoreRequests['expire']['ask']): number {
    let left = segmentsMax;
    for (const [topic, ends] of this.ends) {
      const groups = this.selectGroups.all(topic).map((row) => String(row['group']));
      for (const [partition, end] of ends.entries()) {
        // A topic that no group has ever consumed is kept by time alone.
        const wanted = Math.min(end - 1, ...groups.map((group) => this.committed({ group, topic, partition })));
        if (wanted > 0) left -= Number(this.deleteSegments.run(topic, partition, wanted, before, left).changes);
        if (left === 0) return segmentsMax;
      }
    }
    return segmentsMax - left;
  }

  close(): void {
    this.database.close();
  }

  private append({ topic, partition, count, at, bytes }: Segment, base: number): void {
    this.insertSegment.run(topic, partition, base, base + count - 1, at, bytes);
  }

  private endsOf(topic: string): number[] {
    const ends = this.ends.get(topic);
    if (!ends) throw new Error(`no topic ${topic}`);
    return ends;
  }
}

let store: Store | undefined;

function opened(): Store {
  if (!store) throw new Error('the store is not open');
  return store;
}

function perform(message: StoreAsk): unknown {
  switch (message.operation) {
    case 'open':
      store = new Store(message.ask.dataFolder);
      return { topics: store.topics() };
    case 'topic':
      return opened().topic(message.ask);
    case 'write':
      return opened().write(message.ask);
    case 'read':
      return opened().read(message.ask);
    case 'committed':
      return opened().committed(message.ask);
    case 'expire':
      return opened().expire(message.ask);
    case 'close':
      store?.close();
      store = undefined;
      return null;
  }
}

/** Segments read are handed over, not copied. */
function transferable(answer: StoreAnswer): ArrayBuffer[] {
  if (!answer.ok || !Array.isArray(answer.answer)) return [];
  return answer.answer.flatMap((found: number | StoredSegment) =>
    typeof found === 'object' && found.bytes.buffer instanceof ArrayBuffer ? [found.bytes.buffer] : [],
  );
}

const port = parentPort;
if (!port) throw new Error('store-worker runs as a worker thread');
port.on('message', (message: StoreAsk) => {
  let answer: StoreAnswer;
  try {
    answer = { id: message.id, ok: true, answer: perform(message) };
  } catch (error) {
    const code = error instanceof StoreRefusal ? error.code : 'store-failed';
    answer = { id: message.id, ok: false, code, message: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(answer, transferable(answer));
});
