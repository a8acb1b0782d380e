import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database } from '../sql/database.js';
import { PostgresDatabase } from '../sql/postgres.js';
import { SqliteDatabase } from '../sql/sqlite.js';
import pg from 'pg';

/** Where a read model is kept, in words that can be handed to another process. */
export type Place = { dataFolder: string } | { databaseUrl: string; schema: string };

/** A place of its own for one test. */
export interface Storage {
  place: Place;
  remove(): Promise<void>;
}

export async function openDatabase(place: Place): Promise<Database> {
  if ('dataFolder' in place) return SqliteDatabase.open(place.dataFolder);
  return PostgresDatabase.open(place.databaseUrl, place.schema);
}

export async function folderStorage(): Promise<Storage & { place: { dataFolder: string } }> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-read-model-'));
  return { place: { dataFolder }, remove: () => rm(dataFolder, { recursive: true, force: true }) };
}

let lastSchema = 0;

export async function schemaStorage(
  databaseUrl: string,
): Promise<Storage & { place: { databaseUrl: string; schema: string } }> {
  lastSchema += 1;
  const schema = `spec_${process.pid}_${lastSchema}`;
  return {
    place: { databaseUrl, schema },
    async remove() {
      const client = new pg.Client(databaseUrl);
      await client.connect();
      await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await client.end();
    },
  };
}
