// Measures the read model against its budgets, over the real event store in a process of its own. Needs the build.
//   node libs/read-model/bench/project.ts [--devices 1000000] [--hubs 10] [--quick] [--json] [--postgres]
// With --postgres in a PostgreSQL server of its own (Debian's package), else embedded.
import type { DecisionsRecorded, HubSnapshot, Outcome } from '@berth/domain';
import { EventStore } from '@berth/event-store';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type * as library from '../src/index.js';
import type { OpenReadModel, RegistrationFilter } from '../src/index.js';
import { startStoreProcess } from './store-process.ts';

import type { ReadModelOptions } from '../src/index.js';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { startOwnPostgres } from '../../../tools/postgres.ts';

const built = new URL('../dist/index.js', import.meta.url).href;
const { openReadModel } = (await import(built)) as typeof library;

const { values } = parseArgs({
  // `npm run bench` passes every bench the options of all.
  strict: false,
  options: {
    devices: { type: 'string' },
    hubs: { type: 'string', default: '10' },
    postgres: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const devices = Number(values.devices ?? (values.quick ? 100_000 : 1_000_000));
const hubCount = Number(values.hubs);
const say = (line: string) => (values.json ? console.error(line) : console.log(line));

const partitions = 8;
const pageSize = 1000;
const fewDevices = 1000;
const reads = 3000;
const lag = { perSecond: 5000, everyMs: 20, seconds: 15 };

const metadata = { correlationId: 'bench', actor: 'bench', at: new Date().toISOString() };
const rules = [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }] as const;

/** Ids in an order that has nothing to do with theirs, as devices come. */
const idOf = (number: number) => `dev-${createHash('md5').update(String(number)).digest('hex').slice(0, 16)}`;

/** What an allocator would have written for devices that come one after the other. */
class Ledgers {
  position = 0n;
  private readonly revisions = new Array<number>(partitions).fill(-1);
  private readonly hubs: HubSnapshot[];
  private readonly store: EventStore;
  private next = 0;

  constructor(store: EventStore) {
    this.store = store;
    this.hubs = Array.from({ length: hubCount }, (_, index) => ({
      name: `hub-${String(index).padStart(3, '0')}.example.net`,
      state: 'open',
      weight: 1,
      capacity: null,
      load: 0,
    }));
  }

  async linkHubs(): Promise<void> {
    for (const { name } of this.hubs) {
      const data = { name, weight: 1, capacity: null, region: null, connection: null };
      await this.store.append(`hub-${name}`, [{ type: 'HubLinked', v: 1, data }], -1, metadata);
    }
  }

  /** A page of devices never seen before. */
  async append(count: number): Promise<bigint> {
    const partition = Math.floor(this.next / pageSize) % partitions;
    const hubs = this.hubs.map((hub) => ({ ...hub }));
    const outcomes = Array.from({ length: count }, (): Outcome => {
      const id = idOf(this.next);
      const hub = this.hubs[this.next % hubCount] as HubSnapshot;
      hub.load += 1;
      const identity = { offset: this.next, registrationId: id, requestId: `r-${this.next}` };
      this.next += 1;
      return { type: 'DeviceAssigned', ...identity, enrollment: id, deviceId: id, hub: hub.name, rule: 0 };
    });
    const data: DecisionsRecorded = {
      generation: 1,
      firstOffset: this.next - count,
      lastOffset: this.next - 1,
      at: new Date().toISOString(),
      configuration: '1',
      build: 1,
      policy: 'evenlyWeighted',
      hubs,
      rules,
      outcomes,
      unchanged: [],
    };
    const revision = this.revisions[partition] ?? -1;
    const event = { type: 'DecisionsRecorded', v: 1, data } as const;
    const appended = await this.store.append(`ledger-${partition}`, [event], revision, metadata);
    this.revisions[partition] = appended.revision;
    this.position = appended.position;
    return appended.position;
  }

  async appendMany(count: number): Promise<void> {
    for (let left = count; left > 0; left -= pageSize) await this.append(Math.min(left, pageSize));
  }
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

const folder = await mkdtemp(join(tmpdir(), 'berth-bench-read-model-'));
const storeProcess = await startStoreProcess(join(folder, 'store'));
const store = new EventStore(storeProcess.url);
const ledgers = new Ledgers(store);
const postgres = values.postgres ? await startOwnPostgres() : null;
if (postgres && 'missing' in postgres) throw new Error(postgres.missing);
const placeOf = (name: string): ReadModelOptions =>
  postgres ? { databaseUrl: postgres.url, schema: name } : { dataFolder: join(folder, name) };
const few = await openReadModel(placeOf('few'));
const many = await openReadModel(placeOf('many'));
const figures: Record<string, number> = { devices, hubs: hubCount };

try {
  await ledgers.linkHubs();
  await ledgers.appendMany(fewDevices);
  few.projector.start(store);
  await few.projector.caughtUp;
  await few.projector.stop();

  say(`Writing the decisions on ${devices} devices …`);
  await ledgers.appendMany(devices - fewDevices);
  say('Projecting them from zero …');
  const cpu = process.cpuUsage();
  const rebuildMs = await timed(() => {
    many.projector.start(store);
    return many.projector.caughtUp;
  });
  figures['rebuildSeconds'] = rebuildMs / 1000;
  figures['rebuildCpuSeconds'] = (process.cpuUsage(cpu).user + process.cpuUsage(cpu).system) / 1e6;
  figures['rebuildPerSecond'] = devices / (rebuildMs / 1000);

  say('Reading pages …');
  Object.assign(figures, await pages(few, many));
  say(`Following ${lag.perSecond} decisions a second for ${lag.seconds} s …`);
  Object.assign(figures, await following(many));
  await many.close();

  const more = Math.max(pageSize, Math.round(devices / 5));
  say(`Catching up with ${more} more …`);
  await ledgers.appendMany(more);
  const again = await openReadModel(placeOf('many'));
  const catchUpMs = await timed(() => {
    again.projector.start(store);
    return again.readModel.reached(ledgers.position, 300_000);
  });
  figures['catchUpPerSecond'] = more / (catchUpMs / 1000);
  await again.close();
} finally {
  await few.close();
  await many.close();
  await store.close();
  await storeProcess.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
}
report();

/** Pages at random places, of the small and the large read model in turn, so that both see the same machine. */
async function pages(small: OpenReadModel, large: OpenReadModel): Promise<Record<string, number>> {
  const filters: Record<string, RegistrationFilter> = {
    page: {},
    pageByStatus: { status: 'assigned' },
    pageByHub: { hub: 'hub-000.example.net' },
    pageByPrefix: { registrationIdPrefix: 'dev-a' },
  };
  const found: Record<string, number> = {};
  for (const [name, filter] of Object.entries(filters)) {
    const times = { few: [] as number[], many: [] as number[] };
    for (let index = 0; index < reads; index += 1) {
      const request = name === 'pageByPrefix' ? { first: 100 } : { first: 100, after: cursorOf(index) };
      times.few.push(await timed(() => small.readModel.registrations(request, filter)));
      times.many.push(await timed(() => large.readModel.registrations(request, filter)));
    }
    times.few.sort((a, b) => a - b);
    times.many.sort((a, b) => a - b);
    for (const part of [0.5, 0.99]) {
      const label = part === 0.5 ? 'P50' : 'P99';
      found[`${name}${label}Few`] = percentile(times.few, part);
      found[`${name}${label}Many`] = percentile(times.many, part);
    }
    found[`${name}P99Ratio`] = percentile(times.many, 0.99) / percentile(times.few, 0.99);
  }
  return found;
}

/** Early enough in the order of keys that a whole page follows, in the small one too. */
function cursorOf(index: number): string {
  return `dev-${'0123456'[index % 7]}${createHash('md5').update(`cursor ${index}`).digest('hex').slice(0, 4)}`;
}

/** Time from the acknowledged append to its being shown, at a steady pace. */
async function following({ readModel }: OpenReadModel): Promise<Record<string, number>> {
  const lags: Promise<number>[] = [];
  const started = performance.now();
  const perTick = (lag.perSecond * lag.everyMs) / 1000;
  for (let tick = 0; tick < (lag.seconds * 1000) / lag.everyMs; tick += 1) {
    const position = await ledgers.append(perTick);
    lags.push(timed(() => readModel.reached(position, 30_000)));
    await delay(Math.max(0, started + (tick + 1) * lag.everyMs - performance.now()));
  }
  const sorted = (await Promise.all(lags)).sort((a, b) => a - b);
  const pace = (sorted.length * perTick) / ((performance.now() - started) / 1000);
  return { lagPace: pace, lagP50Ms: percentile(sorted, 0.5), lagP99Ms: percentile(sorted, 0.99) };
}

function report(): void {
  const most = (name: string, value: number, budget: number) => ({ name, value, budget, holds: value <= budget });
  const least = (name: string, value: number, budget: number) => ({ name, value, budget, holds: value >= budget });
  const figure = (name: string) => figures[name] ?? Number.NaN;
  const budgets = [
    least('projected decisions per second, catching up behind a filled table', figure('catchUpPerSecond'), 20_000),
    most(`rebuild of ${devices} decisions, seconds`, figure('rebuildSeconds'), 15),
    most('page of 100, p99, many against few', figure('pageP99Ratio'), 1.5),
    most('page of 100 by status, p99, many against few', figure('pageByStatusP99Ratio'), 1.5),
    most('page of 100 by hub, p99, many against few', figure('pageByHubP99Ratio'), 1.5),
    most(`lag at ${lag.perSecond} decisions/s, p99 ms`, figure('lagP99Ms'), 250),
  ];
  for (const [name, value] of Object.entries(figures)) say(`${name.padEnd(24)} ${value.toFixed(2)}`);
  for (const { name, value, budget, holds } of budgets) {
    say(`${holds ? 'holds ' : 'BROKEN'}  ${name}: ${value.toFixed(2)} (budget ${budget})`);
  }
  if (values.json)
    console.log(
      JSON.stringify({ bench: values.postgres ? 'read-model on PostgreSQL' : 'read-model', figures, budgets }),
    );
}
