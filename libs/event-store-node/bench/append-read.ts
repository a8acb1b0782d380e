/*
 * How fast the node is through the published client, each figure beside plain SQLite in this process doing the same without
 * gRPC, in the same run. Needs the build (`npm run build`).
 *
 *   node libs/event-store-node/bench/append-read.ts [--rounds 5] [--json]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EventStoreDBClient, jsonEvent, streamNameFilter } from '@eventstore/db-client';

const { values: argv } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
});
const rounds = Math.max(1, Number(argv.rounds));

/** About the size of a domain event: 270 bytes of JSON. */
const data = { id: 'x'.repeat(36), note: 'y'.repeat(210), n: 1 };
const json = Buffer.from(JSON.stringify(data));
const BATCHES = [1, 100, 500, 1000];
const SINGLES = 300;
const EVENTS_A_ROUND = 10_000;
const IN_FLIGHT = 64;
const IN_FLIGHT_APPENDS = 3_000;
const LARGE_PAGES = 200;
const LARGE_PAGE_BYTES = 256 * 1024;

/** Rates in things a second, one a round. */
const rates = new Map<string, number[]>();

async function measure(name: string, things: number, work: () => Promise<void> | void): Promise<void> {
  const start = performance.now();
  await work();
  const rate = (things / (performance.now() - start)) * 1000;
  rates.set(name, [...(rates.get(name) ?? []), rate]);
}

function median(name: string): number {
  const sorted = [...(rates.get(name) ?? [])].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const events = (count: number) => Array.from({ length: count }, () => jsonEvent({ type: 'Measured', data }));

async function startNode(folder: string): Promise<{ child: ChildProcess; connectionString: string }> {
  const program = fileURLToPath(new URL('../../../apps/event-store/dist/main.js', import.meta.url));
  const child = fork(program, {
    env: { BERTH_DATA: folder, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('The node did not start: is it built?'))),
  ]);
  const { host, port } = message as { host: string; port: number };
  return { child, connectionString: `esdb://${host}:${port}?tls=false` };
}

async function benchNode(client: EventStoreDBClient, round: number): Promise<void> {
  for (const batch of BATCHES) {
    const stream = `batch-${batch}-${round}`;
    const total = batch === 1 ? SINGLES : EVENTS_A_ROUND;
    const appends = Array.from({ length: total / batch }, () => events(batch));
    await measure(`append ${batch}`, total, async () => {
      for (const append of appends) await client.appendToStream(stream, append);
    });
  }
  const singles = events(IN_FLIGHT_APPENDS);
  await measure(`append 1, ${IN_FLIGHT} in flight`, singles.length, async () => {
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async (_, lane) => {
        for (let n = lane; n < singles.length; n += IN_FLIGHT) {
          const event = singles[n];
          if (event) await client.appendToStream(`lane-${lane}-${round}`, event);
        }
      }),
    );
  });
  await measure('read stream', EVENTS_A_ROUND, async () => {
    for await (const _event of client.readStream(`batch-500-${round}`));
  });
  await catchUp(client, 'catch up $all', round, undefined);
  await catchUp(client, 'catch up $all by prefix', round, `batch-1000-${round}`);
}

async function catchUp(
  client: EventStoreDBClient,
  name: string,
  round: number,
  prefix: string | undefined,
): Promise<void> {
  const filter = prefix === undefined ? undefined : streamNameFilter({ prefixes: [prefix], checkpointInterval: 100 });
  let seen = 0;
  const start = performance.now();
  const subscription = client.subscribeToAll(filter ? { filter } : {});
  subscription.on('data', () => (seen += 1));
  await once(subscription, 'caughtUp');
  // A filtered one is measured by what it got through, not by what came out: the log holds as much in every round.
  const things = filter ? (round + 1) * (SINGLES + 3 * EVENTS_A_ROUND + IN_FLIGHT_APPENDS) : seen;
  const rate = (things / (performance.now() - start)) * 1000;
  rates.set(name, [...(rates.get(name) ?? []), rate]);
  await subscription.unsubscribe();
}

/** Large events that a filter leaves out must cost next to nothing. */
async function benchLargePages(client: EventStoreDBClient): Promise<void> {
  const page = { page: 'z'.repeat(LARGE_PAGE_BYTES) };
  const from = await client.appendToStream('edge', events(1));
  for (let n = 0; n < LARGE_PAGES; n += 1)
    await client.appendToStream('ledger-0', jsonEvent({ type: 'Page', data: page }));
  const fromPosition = from.position;
  if (!fromPosition) throw new Error('The append answered no position.');
  for (let round = 0; round < rounds; round += 1) {
    await measure('past large pages, filtered out', LARGE_PAGES, async () => {
      const filter = streamNameFilter({ prefixes: ['none-'] });
      const subscription = client.subscribeToAll({ fromPosition, filter });
      subscription.on('data', () => undefined);
      await once(subscription, 'caughtUp');
      await subscription.unsubscribe();
    });
    await measure('past large pages, read', LARGE_PAGES, async () => {
      for await (const _event of client.readStream('ledger-0'));
    });
  }
}

/** The same on one plain table, with the same promise of durability. */
async function benchSqlite(database: DatabaseSync, round: number): Promise<void> {
  database.exec('DELETE FROM event');
  const insert = database.prepare('INSERT INTO event (stream, revision, id, type, data) VALUES (?, ?, ?, ?, ?)');
  for (const batch of BATCHES) {
    const stream = `batch-${batch}-${round}`;
    const total = batch === 1 ? SINGLES : EVENTS_A_ROUND;
    await measure(`sqlite: append ${batch}`, total, () => {
      for (let n = 0; n < total; n += batch) {
        database.exec('BEGIN');
        for (let of = 0; of < batch; of += 1) insert.run(stream, n + of, randomUUID(), 'Measured', json);
        database.exec('COMMIT');
      }
    });
  }
  const ofStream = database.prepare('SELECT * FROM event WHERE stream = ? ORDER BY revision');
  await measure('sqlite: read stream', EVENTS_A_ROUND, () => {
    for (const row of ofStream.iterate(`batch-500-${round}`))
      JSON.parse(Buffer.from(row['data'] as Uint8Array).toString());
  });
  const all = database.prepare('SELECT * FROM event ORDER BY position');
  await measure('sqlite: catch up $all', SINGLES + 3 * EVENTS_A_ROUND, () => {
    for (const row of all.iterate()) JSON.parse(Buffer.from(row['data'] as Uint8Array).toString());
  });
}

function openSqlite(folder: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, 'plain.sqlite'));
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE event (position INTEGER PRIMARY KEY, stream TEXT, revision INTEGER, id TEXT, type TEXT, data BLOB);
    CREATE UNIQUE INDEX by_stream ON event (stream, revision);
  `);
  return database;
}

const folder = mkdtempSync(join(tmpdir(), 'event-store-bench-'));
const { child, connectionString } = await startNode(folder);
const client = EventStoreDBClient.connectionString(connectionString);
const database = openSqlite(folder);
try {
  for (let round = 0; round < rounds; round += 1) {
    // Turn about, so that whatever else the machine does hits both alike.
    await benchSqlite(database, round);
    await benchNode(client, round);
  }
  await benchLargePages(client);
} finally {
  await client.dispose();
  child.kill('SIGTERM');
  await once(child, 'exit');
  database.close();
  rmSync(folder, { recursive: true, force: true });
}
report();

function report(): void {
  const names = [...rates.keys()].filter((name) => !name.startsWith('sqlite: '));
  console.log(`Medians of ${rounds} rounds, things a second; events of ${json.length} bytes.`);
  console.table(
    Object.fromEntries(
      names.map((name) => {
        const beside = rates.has(`sqlite: ${name}`) ? median(`sqlite: ${name}`) : undefined;
        const row = { node: Math.round(median(name)), sqlite: beside && Math.round(beside) };
        return [name, { ...row, ratio: beside && Number((median(name) / beside).toFixed(3)) }];
      }),
    ),
  );
  const figures = Object.fromEntries([...rates.keys()].map((name) => [name, Math.round(median(name))]));
  const budgets = [
    // The client spends some 40 µs on an event, so these are mostly its share; they fall when the node becomes the limit.
    budget('append 500 against plain SQLite', median('append 500') / median('sqlite: append 500'), 0.06),
    budget('append 1 against plain SQLite', median('append 1') / median('sqlite: append 1'), 0.15),
    budget('read stream against plain SQLite', median('read stream') / median('sqlite: read stream'), 0.04),
    budget(
      `${IN_FLIGHT} in flight against one at a time`,
      median(`append 1, ${IN_FLIGHT} in flight`) / median('append 1'),
      2.5,
    ),
    budget(
      'large pages filtered out against read',
      median('past large pages, filtered out') / median('past large pages, read'),
      10,
    ),
  ];
  for (const { name, value, budget: limit, holds } of budgets) {
    console.log(`${holds ? 'holds' : 'FAILS'}  ${name}: ${value} (at least ${limit})`);
  }
  if (argv.json) console.log(JSON.stringify({ bench: 'event-store', figures, budgets }));
}

function budget(name: string, value: number, least: number) {
  return { name, value: Number(value.toFixed(3)), budget: least, holds: value >= least };
}
