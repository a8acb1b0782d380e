/*
 * How many registrations are decided and durable per second: real Kafka in, event store out, answers published, a symmetric key
 * checked at each. In the same run, in turn, on the same messages: the bare pipe (the same consumer, client and batches, pages and
 * answers of the same bytes, no decisions), once on the libraries as they come and once on Berth's adapters, and a peer (an upsert on PostgreSQL in a transaction for each device). Then answers'
 * latency at a steady rate, and the rate with many devices present against few. Needs the build, Java and Maven.
 *
 *   node tools/bench/allocate.ts [--devices 1000000] [--rounds 10] [--quick] [--json] [--profiles DIR]
 */
import { parseAssignment, topics } from '@berth/registration-log';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startOwnPostgres } from '../postgres.ts';
import { idOf, publishWishes, wishOf } from './allocation/devices.ts';
import { learnPatterns } from './allocation/learn-patterns.ts';
import { MeasuredPart, type Taken } from './allocation/measured-part.ts';
import { openWorld, type World } from './allocation/world.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    profiles: { type: 'string' },
  },
});
const devices = Number(values.devices ?? (values.quick ? 50_000 : 1_000_000));
const rounds = Number(values.rounds ?? (values.quick ? 5 : 10));
const perRound = Math.floor(devices / rounds);
/** The peer is slow, and its rate does not change. */
const ofPeer = Math.min(perRound, 5000);
const warmUp = Math.min(perRound, 50_000);
const paced = { perSecond: 2000, seconds: values.quick ? 3 : 20, everyMs: 20 };
const present = values.quick ? { many: 100_000, few: 1000, rounds: 5 } : { many: 1_000_000, few: 1000, rounds: 7 };
const perPresentRound = values.quick ? 10_000 : 20_000;
const partitions = 8;
const hubs = 10;
const budgets = { shareOfPipe: 0.8, manyToFew: 0.9 } as const;
/** Registrations a second that Azure's service takes of one customer: 1,000 a minute. */
const quotaPerSecond = 1000 / 60;

/** What the parts took, round by round. */
interface Rounds {
  allocator: Taken[];
  pipe: Taken[];
  plain: Taken[];
  /** Empty where there is no PostgreSQL. */
  peer: Taken[];
}

/** All in turn on the same messages. The first round warms them up and shows the pipe what to write. */
async function inTurn(world: World, databaseUrl: string | null): Promise<Rounds> {
  const { profiles } = values;
  const allocator = await MeasuredPart.start('allocator', world, { profiles });
  await publishWishes(world.log, 0, warmUp);
  await allocator.take(warmUp);
  await learnPatterns(world);
  const pipe = await MeasuredPart.start('pipe', world, { profiles });
  await pipe.take(warmUp);
  const plain = await MeasuredPart.start('plain', world, { profiles });
  await plain.take(warmUp);
  const peer =
    databaseUrl === null ? null : await MeasuredPart.start('peer', world, { databaseUrl, devices: warmUp + devices });
  await peer?.take(ofPeer);
  const parts = { allocator, pipe, plain };
  const order = ['allocator', 'pipe', 'plain'] as const;
  const taken: Rounds = { allocator: [], pipe: [], plain: [], peer: [] };
  for (let round = 0; round < rounds; round += 1) {
    const from = warmUp + round * perRound;
    await publishWishes(world.log, from, from + perRound);
    // Each goes first in every other round: who comes second finds a warmer machine, or a busier disk.
    for (const kind of round % 2 === 0 ? order : order.toReversed()) {
      taken[kind].push(await parts[kind].take(perRound));
    }
    if (peer) taken.peer.push(await peer.take(ofPeer));
    const latest = Object.entries(taken).map(([kind, all]: [string, Taken[]]) => `${kind} ${inWords(all.at(-1))}`);
    say(`round ${round + 1}: ${latest.join('; ')}`);
  }
  for (const part of [allocator, pipe, plain, peer]) await part?.end();
  return taken;
}

/**
 * Milliseconds from before a registration is published until its answer is read, at a steady rate: sorted.
 * @param answered so far in this world.
 */
async function latencies(
  world: World,
  part: MeasuredPart,
  { firstDevice, answered }: { firstDevice: number; answered: number },
): Promise<number[]> {
  const publishedAt = new Map<string, number>();
  const taken: number[] = [];
  let heard = 0;
  const answers = await world.log.consume(
    { topic: topics.assignments, group: 'bench.answers' },
    {
      assigned: () => undefined,
      revoked: () => undefined,
      async batch({ records, commit }) {
        const now = performance.now();
        heard += records.length;
        for (const record of records) {
          const parsed = parseAssignment(record);
          const published = parsed.ok && publishedAt.get(parsed.assignment.answer.registrationId);
          if (published) taken.push(now - published);
        }
        await commit();
      },
    },
  );
  // Else its joining the group and its reading what was answered before would be measured, too.
  await until(() => heard >= answered, 'the former answers');
  await part.order('join');
  await part.order('go');
  const perTick = (paced.perSecond * paced.everyMs) / 1000;
  const ticks = (paced.seconds * 1000) / paced.everyMs;
  const wishes = Array.from({ length: ticks }, (_, tick) =>
    Array.from({ length: perTick }, (_, index) => firstDevice + tick * perTick + index),
  ).map((some) => some.map((device) => ({ id: idOf(device), wish: wishOf(device) })));
  const began = performance.now();
  const publishing: Promise<unknown>[] = [];
  for (const [tick, some] of wishes.entries()) {
    await delay(Math.max(0, began + tick * paced.everyMs - performance.now()));
    for (const { id } of some) publishedAt.set(id, performance.now());
    publishing.push(
      world.log.publish(
        topics.registrations,
        some.map(({ wish }) => wish),
      ),
    );
  }
  await Promise.all(publishing);
  await until(() => taken.length >= publishedAt.size, 'the answers');
  await part.order('leave');
  await answers.stop();
  return taken.sort((a, b) => a - b);
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Waited a minute for ${what}`);
    await delay(20);
  }
}

const pacedDevices = paced.perSecond * paced.seconds;

/** The same rounds beside many devices and beside few, in turn; before that, the latency beside few. */
async function besideManyAndFew(): Promise<{
  shares: number[];
  rates: Record<'many' | 'few', number[]>;
  latency: number[];
}> {
  const open = (assigned: number) =>
    openWorld({
      hubs,
      partitions,
      assigned,
      enrolled: [assigned, assigned + perPresentRound * (present.rounds + 1) + pacedDevices],
    });
  const worlds = { few: await open(present.few), many: await open(present.many) };
  try {
    const parts = {
      few: await MeasuredPart.start('allocator', worlds.few),
      many: await MeasuredPart.start('allocator', worlds.many),
    };
    const rates: Record<'many' | 'few', number[]> = { many: [], few: [] };
    for (let round = 0; round <= present.rounds; round += 1) {
      for (const which of round % 2 === 0 ? (['few', 'many'] as const) : (['many', 'few'] as const)) {
        const from = present[which] + round * perPresentRound;
        await publishWishes(worlds[which].log, from, from + perPresentRound);
        const { perSecond } = await parts[which].take(perPresentRound);
        if (round > 0) rates[which].push(perSecond);
      }
    }
    const answered = perPresentRound * (present.rounds + 1);
    const latency = await latencies(worlds.few, parts.few, { firstDevice: present.few + answered, answered });
    for (const part of Object.values(parts)) await part.end();
    return { shares: rates.many.map((rate, round) => rate / rates.few[round]!), rates, latency };
  } finally {
    for (const world of Object.values(worlds)) await world.close();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function rounded(number: number, digits = 0): number {
  return Number(number.toFixed(digits));
}

function inWords(taken: Taken | undefined): string {
  if (!taken) return 'none';
  const microseconds = Math.round(taken.cpuSecondsPerThousand.all * 1000);
  return `${Math.round(taken.perSecond)}/s, ${microseconds} µs of processor time each`;
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}

/** The peer needs no durable disk to be slower: ours has fsync off, which favours it. */
const postgres = await startOwnPostgres();
const databaseUrl = 'missing' in postgres ? null : postgres.url;
if ('missing' in postgres) say(`No peer: ${postgres.missing}`);
say(`Enrolling ${warmUp + devices} devices …`);
const world = await openWorld({ hubs, partitions, assigned: 0, enrolled: [0, warmUp + devices] });
const { allocator, pipe, plain, peer } = await inTurn(world, databaseUrl).finally(async () => {
  await world.close();
  if (!('missing' in postgres)) await postgres.stop();
});
say(`Beside ${present.many} devices and beside ${present.few} …`);
const beside = await besideManyAndFew();

const rateOf = (taken: readonly Taken[]) => median(taken.map(({ perSecond }) => perSecond));
const share = (others: readonly Taken[]) =>
  median(others.map(({ perSecond }, round) => allocator[round]!.perSecond / perSecond));
const cpu = (which: keyof Taken['cpuSecondsPerThousand'], taken = allocator) =>
  rounded(median(taken.map(({ cpuSecondsPerThousand }) => cpuSecondsPerThousand[which])), 4);
const figures = {
  registrations: devices,
  rounds,
  decidedPerSecond: rounded(rateOf(allocator)),
  barePipePerSecond: rounded(rateOf(plain)),
  shareOfBarePipe: rounded(share(plain), 3),
  shareOfBarePipeByCpu: rounded(cpu('all', plain) / cpu('all'), 3),
  adaptersPipePerSecond: rounded(rateOf(pipe)),
  shareOfAdaptersPipe: rounded(share(pipe), 3),
  shareOfAdaptersPipeByCpu: rounded(cpu('all', pipe) / cpu('all'), 3),
  peerPerSecond: rounded(rateOf(peer)),
  timesPeer: rounded(share(peer), 1),
  timesAzureQuota: rounded(rateOf(allocator) / quotaPerSecond),
  cpuSecondsPerThousand: cpu('all'),
  cpuSecondsPerThousandAllocator: cpu('own'),
  cpuSecondsPerThousandKafka: cpu('kafka'),
  cpuSecondsPerThousandEventStore: cpu('eventStore'),
  cpuSecondsPerThousandBarePipe: cpu('all', plain),
  cpuSecondsPerThousandBarePipeOwn: cpu('own', plain),
  cpuSecondsPerThousandAdaptersPipe: cpu('all', pipe),
  cpuSecondsPerThousandAdaptersPipeOwn: cpu('own', pipe),
  pacedPerSecond: paced.perSecond,
  answerP50Ms: rounded(quantile(beside.latency, 0.5), 1),
  answerP99Ms: rounded(quantile(beside.latency, 0.99), 1),
  devicesPresent: present.many,
  perSecondBesideMany: rounded(median(beside.rates.many)),
  perSecondBesideFew: rounded(median(beside.rates.few)),
  manyToFew: rounded(median(beside.shares), 3),
};
console.table(figures);
if (values.json) {
  const atLeast = (name: string, value: number, budget: number) => ({ name, value, budget, holds: value >= budget });
  const held = [
    atLeast('share of the bare pipe, libraries as they come', figures.shareOfBarePipe, budgets.shareOfPipe),
    atLeast("share of the bare pipe, Berth's adapters", figures.shareOfAdaptersPipe, budgets.shareOfPipe),
    atLeast('rate beside many devices, of that beside few', figures.manyToFew, budgets.manyToFew),
  ];
  console.log(JSON.stringify({ bench: 'allocate', figures, budgets: held }));
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
