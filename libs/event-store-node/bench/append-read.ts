/*
 * How fast the node is through the published client, each figure beside the same work on plain SQLite in this process without
 * gRPC. The two alternate; rates are medians over the rounds, and a share is the median of the rounds' shares. Needs the build.
 *
 *   npm run bench -- event-store [--rounds 5] [--quick] [--json]
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

const { values } = parseArgs({
  // `npm run bench` passes every bench the options of all.
  strict: false,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Math.max(1, Number(values.rounds ?? (values.quick ? 3 : 7)));
const say = (line: string) => (values.json ? console.error(line) : console.log(line));

/** About the size of a domain event: 270 bytes of JSON. */
const data = { id: 'x'.repeat(36), note: 'y'.repeat(210), n: 1 };
const json = Buffer.from(JSON.stringify(data));
const batches = [1, 100, 500, 1000];
const inFlight = 64;
/** Events of one round. */
const eventsOf = values.quick
  ? { one: 200, batch: 4_000, inFlight: 1_280 }
  : { one: 500, batch: 10_000, inFlight: 6_400 };
const pages = { count: 200, bytes: 256 * 1024 };

/** Things a second, one figure a round, by work and by who did it. */
const rates = new Map<string, { node: number[]; sqlite: number[] }>();

async function measure(work: string, who: 'node' | 'sqlite', run: () => Promise<number> | number): Promise<void> {
  const started = performance.now();
  const things = await run();
  const of = rates.get(work) ?? { node: [], sqlite: [] };
  of[who].push((things / (performance.now() - started)) * 1000);
  rates.set(work, of);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
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

/** The work of one kind, done by either. */
interface Work {
  name: string;
  node(client: EventStoreDBClient, round: number): Promise<number>;
  sqlite(plain: PlainTable, round: number): number;
}

const appending = batches.map((batch): Work => {
  const total = batch === 1 ? eventsOf.one : eventsOf.batch;
  return {
    name: `append ${batch}`,
    async node(client, round) {
      for (let n = 0; n < total; n += batch) await client.appendToStream(`batch-${batch}-${round}`, events(batch));
      return total;
    },
    sqlite(plain, round) {
      for (let n = 0; n < total; n += batch) plain.append(`batch-${batch}-${round}`, n, batch);
      return total;
    },
  };
});

const appendingInFlight: Work = {
  name: `append 1, ${inFlight} in flight`,
  async node(client, round) {
    const lane = async (_: unknown, number: number) => {
      for (let n = number; n < eventsOf.inFlight; n += inFlight) {
        await client.appendToStream(`lane-${number}-${round}`, events(1));
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
    return eventsOf.inFlight;
  },
  /** Whatever waits at the same time shares a transaction: the best that can be made of appends in flight. */
  sqlite(plain, round) {
    for (let n = 0; n < eventsOf.inFlight; n += inFlight) plain.append(`lanes-${round}`, n, inFlight);
    return eventsOf.inFlight;
  },
};

const reading: Work = {
  name: 'read a stream',
  async node(client, round) {
    let read = 0;
    for await (const { event } of client.readStream(`batch-500-${round}`)) if (event) read += 1;
    return read;
  },
  sqlite: (plain, round) => plain.readStream(`batch-500-${round}`),
};

const catchingUp: Work = {
  name: 'catch up on all',
  node: (client) => caughtUp(client),
  sqlite: (plain) => plain.readAll(),
};

/** Counted by what it got through, not by what came out: both logs hold the same. */
const catchingUpFiltered: Work = {
  name: 'catch up on a prefix',
  async node(client, round) {
    await caughtUp(client, `batch-1000-${round}`);
    return (round + 1) * eventsOfRound;
  },
  sqlite(plain, round) {
    plain.readPrefix(`batch-1000-${round}`);
    return (round + 1) * eventsOfRound;
  },
};

const eventsOfRound = eventsOf.one + (batches.length - 1) * eventsOf.batch + eventsOf.inFlight;

/** How many events came. */
async function caughtUp(client: EventStoreDBClient, prefix?: string): Promise<number> {
  const filter = prefix === undefined ? undefined : streamNameFilter({ prefixes: [prefix], checkpointInterval: 100 });
  let seen = 0;
  const subscription = client.subscribeToAll(filter ? { filter } : {});
  subscription.on('data', () => (seen += 1));
  await once(subscription, 'caughtUp');
  await subscription.unsubscribe();
  return seen;
}

/** One table in this process, with the node's promise of durability, and reading as much of each row as the client makes of it. */
class PlainTable {
  private readonly database: DatabaseSync;

  constructor(folder: string) {
    this.database = new DatabaseSync(join(folder, 'plain.sqlite'));
    this.database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE event (position INTEGER PRIMARY KEY, stream TEXT, revision INTEGER, id TEXT, type TEXT, data BLOB);
      CREATE UNIQUE INDEX by_stream ON event (stream, revision);
    `);
    this.insert = this.database.prepare('INSERT INTO event (stream, revision, id, type, data) VALUES (?, ?, ?, ?, ?)');
  }
  private readonly insert;

  append(stream: string, revision: number, count: number): void {
    this.database.exec('BEGIN');
    for (let of = 0; of < count; of += 1) this.insert.run(stream, revision + of, randomUUID(), 'Measured', json);
    this.database.exec('COMMIT');
  }

  readStream(stream: string): number {
    return this.read('SELECT * FROM event WHERE stream = ? ORDER BY revision', stream);
  }

  readAll(): number {
    return this.read('SELECT * FROM event ORDER BY position');
  }

  /** Looks at every row, as a filter on everything does. */
  readPrefix(prefix: string): number {
    return this.read("SELECT * FROM event WHERE stream || '' GLOB ? ORDER BY position", `${prefix}*`);
  }

  close(): void {
    this.database.close();
  }

  private read(sql: string, ...parameters: string[]): number {
    let rows = 0;
    for (const row of this.database.prepare(sql).iterate(...parameters)) {
      JSON.parse(Buffer.from(row['data'] as Uint8Array).toString());
      rows += 1;
    }
    return rows;
  }
}

/** Large events that a filter leaves out must cost next to nothing: how many times faster they are passed than read. */
async function passingLargePages(client: EventStoreDBClient): Promise<number> {
  const page = { page: 'z'.repeat(pages.bytes) };
  const { position } = await client.appendToStream('edge', events(1));
  if (!position) throw new Error('The append answered no position.');
  for (let n = 0; n < pages.count; n += 1) {
    await client.appendToStream('ledger-0', jsonEvent({ type: 'Page', data: page }));
  }
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const started = performance.now();
    const filter = streamNameFilter({ prefixes: ['none-'] });
    const subscription = client.subscribeToAll({ fromPosition: position, filter });
    subscription.on('data', () => undefined);
    await once(subscription, 'caughtUp');
    const passed = performance.now();
    for await (const _event of client.readStream('ledger-0'));
    times.push((performance.now() - passed) / (passed - started));
    await subscription.unsubscribe();
  }
  return median(times);
}

const works: readonly Work[] = [...appending, appendingInFlight, reading, catchingUp, catchingUpFiltered];
const folder = mkdtempSync(join(tmpdir(), 'event-store-bench-'));
const { child, connectionString } = await startNode(folder);
const client = EventStoreDBClient.connectionString(connectionString);
const plain = new PlainTable(folder);
try {
  // One round more, before those that count: in it the code of either is still being compiled.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, node, sqlite } of works) {
      await measure(name, 'sqlite', () => sqlite(plain, round));
      await measure(name, 'node', () => node(client, round));
    }
    if (round === 0) rates.clear();
    else process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  report(await passingLargePages(client));
} finally {
  await client.dispose();
  child.kill('SIGTERM');
  await once(child, 'exit');
  plain.close();
  rmSync(folder, { recursive: true, force: true });
}

function report(largePagesPassed: number): void {
  const shareOf = (work: string) => {
    const { node, sqlite } = rates.get(work) ?? { node: [], sqlite: [] };
    return median(node.map((rate, round) => rate / (sqlite[round] ?? Number.NaN)));
  };
  const rateOf = (work: string, who: 'node' | 'sqlite') => median(rates.get(work)?.[who] ?? []);
  const figures: Record<string, number> = { rounds, eventBytes: json.length };
  say(`Medians of ${rounds} rounds, events a second; events of ${json.length} bytes.`);
  say(`${'work'.padEnd(24)} ${'node'.padStart(9)} ${'in-process'.padStart(11)} ${'share'.padStart(7)}`);
  for (const { name } of works) {
    const [node, sqlite, share] = [rateOf(name, 'node'), rateOf(name, 'sqlite'), shareOf(name)];
    figures[`${name}, per second`] = Math.round(node);
    figures[`${name}, in-process per second`] = Math.round(sqlite);
    figures[`${name}, share`] = Number(share.toFixed(3));
    say(
      `${name.padEnd(24)} ${node.toFixed(0).padStart(9)} ${sqlite.toFixed(0).padStart(11)} ${share.toFixed(3).padStart(7)}`,
    );
  }
  const least = (name: string, value: number, budget: number) => {
    return { name, value: Number(value.toFixed(3)), budget, holds: value >= budget };
  };
  // The client spends some 40 µs on an event, so the shares are mostly its own; they fall when the node becomes the limit.
  const one = rateOf('append 1', 'node');
  const budgets = [
    least('append 1, share of in-process', shareOf('append 1'), 0.15),
    least('append 500, share of in-process', shareOf('append 500'), 0.06),
    least('read a stream, share of in-process', shareOf('read a stream'), 0.04),
    least('catch up on all, share of in-process', shareOf('catch up on all'), 0.04),
    least(`${inFlight} in flight against one at a time`, rateOf(appendingInFlight.name, 'node') / one, 2.5),
    least('large pages filtered out against read', largePagesPassed, 10),
  ];
  for (const { name, value, budget, holds } of budgets) {
    say(`${holds ? 'holds ' : 'BROKEN'}  ${name}: ${value} (at least ${budget})`);
  }
  if (values.json) console.log(JSON.stringify({ bench: 'event-store', figures, budgets }));
}
