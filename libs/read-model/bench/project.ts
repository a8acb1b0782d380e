// Measures the read model on either engine against its budgets, over the real event store in a process of its own, and beside a
// bare follower, which gets the same events from the same store and does nothing with them. Needs the build.
//   npm run bench -- read-model [--devices 1000000] [--hubs 10] [--engine embedded|postgres] [--quick] [--json]
// PostgreSQL is a server of its own, of Debian's package. Processor time is that of this process: all of the work when embedded,
// and otherwise what is not the server's.
import { EventStore, projectedPrefixes } from '@berth/event-store';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type * as library from '../src/index.js';
import type { OpenReadModel, ReadModelOptions } from '../src/index.js';
import { Ledgers } from './ledgers.ts';
import { lag, pace, pages, percentile, timed } from './reads.ts';
import { startStoreProcess } from './store-process.ts';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { type OwnPostgres, startOwnPostgres } from '../../../tools/postgres.ts';

const built = new URL('../dist/index.js', import.meta.url).href;
const { openReadModel } = (await import(built)) as typeof library;

const { values } = parseArgs({
  // `npm run bench` passes every bench the options of all.
  strict: false,
  options: {
    devices: { type: 'string' },
    hubs: { type: 'string', default: '10' },
    engine: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const devices = Number(values.devices ?? (values.quick ? 100_000 : 1_000_000));
const hubCount = Number(values.hubs);
const say = (line: string) => (values.json ? console.error(line) : console.log(line));

const fewDevices = 1000;
const catchUpRounds = 3;
/** Decisions of a round, if a fifteenth of the devices isn't more. */
const catchUpMin = 20_000;

/** The read model on one engine, and what was found of it. */
class MeasuredEngine {
  readonly figures: Record<string, number> = {};
  readonly name: string;
  private readonly placeOf: (table: string) => ReadModelOptions;
  private many: OpenReadModel | null = null;

  constructor(name: string, placeOf: (table: string) => ReadModelOptions) {
    this.name = name;
    this.placeOf = placeOf;
  }

  /** A read model of few devices; stays as it is. */
  async fillFew(): Promise<void> {
    const few = await openReadModel(this.placeOf('few'));
    few.projector.start(store);
    await few.projector.caughtUp;
    await few.close();
  }

  async rebuild(): Promise<void> {
    const cpu = process.cpuUsage();
    const many = await this.open();
    const ms = await timed(() => {
      many.projector.start(store);
      return many.projector.caughtUp;
    });
    const { user, system } = process.cpuUsage(cpu);
    this.figures['rebuildSeconds'] = ms / 1000;
    this.figures['rebuildCpuSeconds'] = (user + system) / 1e6;
    this.figures['rebuildPerSecond'] = ledgers.count / (ms / 1000);
    await this.close();
  }

  async readPages(): Promise<void> {
    const few = await openReadModel(this.placeOf('few'));
    Object.assign(this.figures, await pages(few, await this.open()));
    await few.close();
    await this.close();
  }

  async follow(): Promise<void> {
    const many = await this.open();
    many.projector.start(store);
    await many.projector.caughtUp;
    Object.assign(this.figures, await pace(ledgers, many));
    await this.close();
  }

  /** With what was appended while it was closed. Gives decisions a second, and microseconds of processor time for one. */
  async catchUp(decisions: number): Promise<{ perSecond: number; cpuMicros: number }> {
    const many = await this.open();
    const cpu = process.cpuUsage();
    const ms = await timed(() => {
      many.projector.start(store);
      return many.readModel.reached(ledgers.position, 600_000);
    });
    const { user, system } = process.cpuUsage(cpu);
    await this.close();
    return { perSecond: decisions / (ms / 1000), cpuMicros: (user + system) / decisions };
  }

  private async open(): Promise<OpenReadModel> {
    return (this.many = await openReadModel(this.placeOf('many')));
  }

  async close(): Promise<void> {
    await this.many?.close();
    this.many = null;
  }
}

const folder = await mkdtemp(join(tmpdir(), 'berth-bench-read-model-'));
const storeProcess = await startStoreProcess(join(folder, 'store'));
const store = new EventStore(storeProcess.url);
const ledgers = new Ledgers(store, hubCount);
const postgres = values.engine === 'embedded' ? null : await ownPostgres();
const engines = [
  ...(values.engine === 'postgres'
    ? []
    : [new MeasuredEngine('embedded', (name) => ({ dataFolder: join(folder, name) }))]),
  ...(postgres ? [new MeasuredEngine('postgres', (schema) => ({ databaseUrl: postgres.url, schema }))] : []),
];
const bare: number[] = [];

try {
  await ledgers.linkHubs();
  await ledgers.appendMany(fewDevices);
  for (const engine of engines) await engine.fillFew();
  say(`Writing the decisions on ${devices} devices …`);
  await ledgers.appendMany(devices - fewDevices);
  for (const engine of engines) {
    say(`Projecting them from zero, ${engine.name} …`);
    bare.push(await followBarely(null, devices));
    await engine.rebuild();
  }
  for (const engine of engines) {
    say(`Reading pages, ${engine.name} …`);
    await engine.readPages();
  }
  await catchUp();
  for (const engine of engines) {
    say(`Following ${lag.perSecond} decisions a second for ${lag.seconds} s, ${engine.name} …`);
    await engine.follow();
  }
} finally {
  for (const engine of engines) await engine.close();
  await store.close();
  await storeProcess.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
}
report();

async function ownPostgres(): Promise<OwnPostgres | null> {
  const started = await startOwnPostgres({ fsync: true });
  if (!('missing' in started)) return started;
  if (values.engine === 'postgres') throw new Error(started.missing);
  say(`Not measured on PostgreSQL: ${started.missing}`);
  return null;
}

/** All engines and the bare follower in turn with the same decisions, so that they see the same machine. */
async function catchUp(): Promise<void> {
  const found = engines.map(() => ({ rates: [] as number[], shares: [] as number[], cpus: [] as number[] }));
  const count = Math.max(catchUpMin, Math.round(devices / 15));
  for (let round = 0; round < catchUpRounds; round += 1) {
    say(`Catching up with ${count} more, round ${round + 1} of ${catchUpRounds} …`);
    const after = ledgers.position;
    await ledgers.appendMany(count);
    const bareRate = await followBarely(after, count);
    bare.push(bareRate);
    for (const [index, engine] of engines.entries()) {
      const { perSecond, cpuMicros } = await engine.catchUp(count);
      found[index]?.rates.push(perSecond);
      found[index]?.shares.push(perSecond / bareRate);
      found[index]?.cpus.push(cpuMicros);
    }
  }
  for (const [index, { figures }] of engines.entries()) {
    const { rates = [], shares = [], cpus = [] } = found[index] ?? {};
    figures['catchUpPerSecond'] = median(rates);
    figures['catchUpShareOfBareFollower'] = median(shares);
    figures['catchUpCpuMicros'] = median(cpus);
  }
}

/** Decisions a second. */
async function followBarely(after: bigint | null, decisions: number): Promise<number> {
  const ms = await timed(async () => {
    const following = store.follow({ prefixes: projectedPrefixes, after, handle: () => undefined });
    await following.caughtUp;
    await following.stop();
  });
  return decisions / (ms / 1000);
}

function median(numbers: readonly number[]): number {
  return percentile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  );
}

function report(): void {
  const most = (name: string, value: number, budget: number) => ({ name, value, budget, holds: value <= budget });
  const least = (name: string, value: number, budget: number) => ({ name, value, budget, holds: value >= budget });
  const budgets = engines.flatMap(({ name, figures }) => {
    const figure = (of: string) => figures[of] ?? Number.NaN;
    return [
      least(`${name}: decisions/s, catching up behind a filled table`, figure('catchUpPerSecond'), 20_000),
      most(`${name}: rebuild of ${devices} decisions, seconds`, figure('rebuildSeconds'), 15),
      most(`${name}: page of 100, p99, many against few`, figure('pageP99Ratio'), 1.5),
      most(`${name}: page of 100 by status, p99, many against few`, figure('pageByStatusP99Ratio'), 1.5),
      most(`${name}: page of 100 by hub, p99, many against few`, figure('pageByHubP99Ratio'), 1.5),
      most(`${name}: lag at ${lag.perSecond} decisions/s, p99 ms`, figure('lagP99Ms'), 250),
    ];
  });
  const figures = Object.fromEntries([
    ['devices', devices],
    ['hubs', hubCount],
    ['bareFollowerPerSecond', median(bare)],
    ...engines.flatMap(({ name, figures: found }) =>
      Object.entries(found).map(([figure, value]) => [`${name} ${figure}`, value]),
    ),
  ]) as Record<string, number>;
  for (const [name, value] of Object.entries(figures)) say(`${name.padEnd(38)} ${value.toFixed(2)}`);
  for (const { name, value, budget, holds } of budgets) {
    say(`${holds ? 'holds ' : 'BROKEN'}  ${name}: ${value.toFixed(2)} (budget ${budget})`);
  }
  if (values.json) console.log(JSON.stringify({ bench: 'read-model', figures, budgets }));
}
