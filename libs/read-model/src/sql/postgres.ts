import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import {
  type Changes,
  type Checkpoint,
  type Database,
  DatabaseUnavailable,
  ProjectorFenced,
  type ProjectionSchema,
  type SqlRow,
  type Statement,
} from './database.js';
import { linesOf } from './postgres-copy.js';
import { asFault } from './postgres-fault.js';
import { positionIn, positionText } from './stored-position.js';
import { type AnyTable, columnsOf, createIndex } from './table.js';

const schemaByDefault = 'berth';
/** Connections that read; the projector has one more, and one listens. */
const readersMax = 8;
const connectTimeoutMs = 5_000;
/** A read that takes longer is given up: pages take milliseconds. */
const readTimeoutMs = 10_000;
/** How often a standby asks whether it may lead. Waiting in the database would keep it from cleaning up old rows. */
const standByMs = 1_000;
/** Waits between tries to listen again. */
const listenAgainMs = 1_000;

/**
 * The read model in a schema of a PostgreSQL database, shared by any number of processes. One projector leads: it holds
 * an advisory lock for as long as its connection lives, and as every checkpoint moves from exactly where it was, one
 * that doesn't know yet that it has lost the lock writes nothing.
 */
export class PostgresDatabase implements Database {
  /** Never: what is away may come back. */
  readonly failed = new Promise<never>(() => undefined);
  private readonly readers: pg.Pool;
  private readonly closing = new AbortController();
  private leader: pg.Client | null = null;
  private writing: Promise<unknown> = Promise.resolve();
  private listening: Promise<void> = Promise.resolve();

  private constructor(
    private readonly url: string,
    private readonly schema: string,
  ) {
    const options = `-c search_path=${schema} -c statement_timeout=${readTimeoutMs}`;
    this.readers = new pg.Pool({ ...this.connection(options), max: readersMax });
    // A connection that breaks while nobody uses it is replaced by the next that is needed.
    this.readers.on('error', () => undefined);
  }

  /** Connects when first needed. @param schema lower-case letters, digits and `_`. */
  static open(url: string, schema = schemaByDefault): PostgresDatabase {
    if (!/^[a-z_][a-z0-9_]*$/.test(schema)) throw new Error(`No name for a schema: ${schema}`);
    return new PostgresDatabase(url, schema);
  }

  async prepare(projections: readonly ProjectionSchema[]): Promise<readonly Checkpoint[]> {
    const client = await this.connect();
    try {
      // Processes that start together take turns: IF NOT EXISTS alone doesn't stand two at once.
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`prepare ${this.schema}`]);
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${this.schema}`);
      await client.query(
        'CREATE TABLE IF NOT EXISTS projections (name TEXT PRIMARY KEY, version INTEGER NOT NULL, position TEXT NOT NULL, tables TEXT NOT NULL)',
      );
      const present = new Set((await storedIn(client)).map(({ name }) => name));
      for (const projection of projections) if (!present.has(projection.name)) await create(client, projection);
      const checkpoints = checkpointsOf(projections, await storedIn(client));
      await client.query('COMMIT');
      return checkpoints;
    } catch (error) {
      throw asFault(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async lead(projections: readonly ProjectionSchema[], signal: AbortSignal): Promise<readonly Checkpoint[]> {
    const stopping = AbortSignal.any([signal, this.closing.signal]);
    await this.resign();
    const client = await this.connect();
    try {
      // A leader whose machine is gone must not keep its lock for the hours that TCP would wait.
      await client.query(
        'SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET synchronous_commit = off',
      );
      while (!(await tryLock(client, this.schema))) await delay(standByMs, undefined, { signal: stopping });
      const stored = await storedIn(client);
      const changed = projections.filter(
        ({ name, version }) => stored.find((it) => it.name === name)?.version !== version,
      );
      for (const projection of changed) await rebuild(client, projection, stored);
      const checkpoints = checkpointsOf(projections, await storedIn(client));
      if (changed.length > 0) await client.query('SELECT pg_notify($1, $2)', [this.schema, '']);
      this.leader = client;
      return checkpoints;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw asFault(error);
    }
  }

  async find(table: AnyTable, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    try {
      const { rows } = await this.readers.query<{ key: string; doc: string }>(
        `SELECT key, doc FROM ${table.name} WHERE key = ANY($1::text[])`,
        [keys],
      );
      return new Map(rows.map(({ key, doc }) => [key, doc]));
    } catch (error) {
      throw asFault(error);
    }
  }

  write(changes: Changes): Promise<void> {
    return this.asLeader(async (client) => {
      await client.query('BEGIN');
      try {
        if (!(await applied(client, changes))) throw new ProjectorFenced(true);
        await client.query('SELECT pg_notify($1, $2)', [this.schema, '']);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  async createIndexes(tables: readonly AnyTable[]): Promise<void> {
    await this.asLeader(async (client) => {
      for (const table of tables) {
        for (const index of table.indexes) await client.query(createIndex(table, index));
        // Filled in one go, a table is unknown to the planner until somebody looks.
        await client.query(`ANALYZE ${table.name}`);
      }
    });
  }

  /** One query for all statements: one state, and one way there and back. */
  async read(statements: readonly Statement[]): Promise<readonly (readonly SqlRow[])[]> {
    const parameters = statements.flatMap((statement) => statement.parameters);
    let number = 0;
    const answers = statements.map(({ text }, index) => {
      const numbered = text.replaceAll('?', () => `$${(number += 1)}`);
      return `(SELECT COALESCE(json_agg(answer), '[]') FROM (${numbered}) AS answer) AS a${index}`;
    });
    try {
      const { rows } = await this.readers.query<Record<string, SqlRow[]>>(`SELECT ${answers.join(', ')}`, parameters);
      return statements.map((_statement, index) => rows[0]?.[`a${index}`] ?? []);
    } catch (error) {
      throw asFault(error);
    }
  }

  watch(moved: (checkpoints: readonly Checkpoint[]) => void): void {
    this.listening = this.listen(moved);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.writing.catch(() => undefined);
    await this.resign();
    await this.listening;
    await this.readers.end();
  }

  private connection(options: string): pg.ClientConfig {
    return {
      connectionString: this.url,
      options,
      application_name: 'berth',
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
    };
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client(this.connection(`-c search_path=${this.schema}`));
    // Queries under way are told by themselves.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      throw asFault(error);
    }
    return client;
  }

  /** One transaction after the other, on the connection that holds the lock. */
  private asLeader<T>(run: (client: pg.Client) => Promise<T>): Promise<T> {
    const result = this.writing.then(async () => {
      const { leader } = this;
      if (!leader) throw new DatabaseUnavailable('Not the projector of this read model', { retriable: true });
      try {
        return await run(leader);
      } catch (error) {
        throw asFault(error);
      }
    });
    this.writing = result.catch(() => undefined);
    return result;
  }

  private async resign(): Promise<void> {
    const { leader } = this;
    this.leader = null;
    await leader?.end().catch(() => undefined);
  }

  /** For as long as the read model is open, over as many connections as it takes. */
  private async listen(moved: (checkpoints: readonly Checkpoint[]) => void): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await this.listenOnce(moved).catch(() => undefined);
      await delay(listenAgainMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async listenOnce(moved: (checkpoints: readonly Checkpoint[]) => void): Promise<void> {
    const { signal } = this.closing;
    const client = await this.connect();
    try {
      let wake: () => void = () => undefined;
      let isOver = false;
      client.on('notification', () => wake());
      const over = () => {
        isOver = true;
        wake();
      };
      client.once('end', over);
      signal.addEventListener('abort', over, { once: true });
      await client.query(`LISTEN ${this.schema}`);
      while (!isOver && !signal.aborted) {
        // Asked for before the state is read: what moves meanwhile is told again.
        const told = new Promise<void>((resolve) => (wake = resolve));
        moved((await storedIn(client)).map(({ name, position }) => ({ projection: name, position })));
        if (!isOver) await told;
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

interface Stored {
  name: string;
  version: number;
  position: bigint | null;
  tables: readonly string[];
}

async function storedIn(client: pg.Client): Promise<Stored[]> {
  const { rows } = await client.query<{ name: string; version: number; position: string; tables: string }>(
    'SELECT * FROM projections',
  );
  return rows.map(({ name, version, position, tables }) => ({
    name,
    version,
    position: positionIn(position),
    tables: JSON.parse(tables) as string[],
  }));
}

/** A projection of another version counts as not begun: somebody will rebuild it. */
function checkpointsOf(projections: readonly ProjectionSchema[], stored: readonly Stored[]): Checkpoint[] {
  return projections.map(({ name, version }) => {
    const present = stored.find((it) => it.name === name && it.version === version);
    return { projection: name, position: present?.position ?? null };
  });
}

async function tryLock(client: pg.Client, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ isLeader: boolean }>(
    'SELECT pg_try_advisory_lock(hashtext($1)) AS "isLeader"',
    [`project ${schema}`],
  );
  return rows[0]?.isLeader === true;
}

async function rebuild(client: pg.Client, projection: ProjectionSchema, stored: readonly Stored[]): Promise<void> {
  const left = stored.find(({ name }) => name === projection.name)?.tables ?? [];
  const names = new Set([...left, ...projection.tables.map(({ name }) => name)]);
  await client.query('BEGIN');
  for (const name of names) await client.query(`DROP TABLE IF EXISTS ${name}`);
  await create(client, projection);
  await client.query('COMMIT');
}

async function create(client: pg.Client, { name, version, tables }: ProjectionSchema): Promise<void> {
  for (const table of tables) await client.query(createTable(table));
  await client.query(
    'INSERT INTO projections VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position, tables = excluded.tables',
    [name, version, positionText(null), JSON.stringify(tables.map((table) => table.name))],
  );
}

/** Keys in byte order, as everywhere. Room is left in the pages, so that a new document needn't move its row. */
function createTable({ name, facets }: AnyTable): string {
  const columns = facets.map((facet) => `${facet.name} ${facet.type === 'integer' ? 'BIGINT' : 'TEXT COLLATE "C"'}`);
  const all = ['key TEXT COLLATE "C" PRIMARY KEY', ...columns, 'doc TEXT NOT NULL'].join(', ');
  return `CREATE TABLE ${name} (${all}) WITH (fillfactor = 85)`;
}

/** False when a checkpoint wasn't where it was thought to be. */
async function applied(client: pg.Client, { advance, insert, upsert, refresh, remove }: Changes): Promise<boolean> {
  for (const { projection, from, to } of advance) {
    const { rowCount } = await client.query('UPDATE projections SET position = $1 WHERE name = $2 AND position = $3', [
      positionText(to),
      projection,
      positionText(from),
    ]);
    if (rowCount !== 1) return false;
  }
  for (const { table, rows } of insert) {
    // Half the time of an INSERT that would look whether the key has a row.
    const copy = copyFrom(`COPY ${table.name} (${columnsOf(table).join(', ')}) FROM STDIN`);
    await pipeline(Readable.from(linesOf(rows)), client.query(copy));
  }
  for (const { table, rows } of upsert) {
    const columns = columnsOf(table);
    const values = columns.map((_column, index) => rows.map((row) => row[index] ?? null));
    await client.query(upsertText(table), values);
  }
  for (const { table, rows } of refresh) {
    await client.query(
      `UPDATE ${table.name} AS t SET doc = v.doc FROM unnest($1::text[], $2::text[]) AS v (key, doc) WHERE t.key = v.key`,
      [rows.map(([key]) => key), rows.map(([, doc]) => doc)],
    );
  }
  for (const { table, keys } of remove) {
    await client.query(`DELETE FROM ${table.name} WHERE key = ANY($1::text[])`, [keys]);
  }
  return true;
}

function upsertText(table: AnyTable): string {
  const columns = columnsOf(table);
  const types = ['text', ...table.facets.map(({ type }) => (type === 'integer' ? 'bigint' : 'text')), 'text'];
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const updates = columns.slice(1).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${table.name} (${columns.join(', ')}) SELECT * FROM unnest(${arrays}) ON CONFLICT (key) DO UPDATE SET ${updates.join(', ')}`;
}
