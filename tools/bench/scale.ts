/*
 * One allocator process against two on the same broker and event store, in turn: how many registrations are decided per second, and
 * the processor time that each part used for it. On one machine all of them share its cores, so the processor time says what more
 * machines would give. Needs the build, Java and Maven, and /proc.
 *
 *   node tools/bench/scale.ts [--devices 50000] [--rounds 6] [--quick] [--json]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { publishWishes } from './allocation/devices.ts';
import { MeasuredPart } from './allocation/measured-part.ts';
import type { Progress } from './allocation/part.ts';
import { openWorld, type World } from './allocation/world.ts';

const { values } = parseArgs({
  options: {
    devices: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
/** In each round. */
const devices = Number(values.devices ?? (values.quick ? 10_000 : 50_000));
/** Of each. */
const rounds = Number(values.rounds ?? (values.quick ? 3 : 6));
const partitions = 8;
const hubs = 10;
const waitMs = 120_000;

interface Round {
  perSecond: number;
  /** Seconds of processor time for 1,000 registrations. */
  cpu: { allocators: number; kafka: number; eventStore: number };
}

/** Has these allocators do a round together. */
async function round(world: World, parts: readonly MeasuredPart[], from: number): Promise<Round> {
  for (const part of parts) await part.order('join');
  await until('an even share', async () => {
    const held = await Promise.all(parts.map((part) => part.status()));
    return held.every((progress) => progress.partitions === partitions / parts.length);
  });
  await publishWishes(world.log, from, from + devices);
  const before = world.cpu();
  const began = performance.now();
  const latest = new Map<MeasuredPart, Progress>();
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const forget = parts.map((part) =>
    part.onProgress((progress) => {
      latest.set(part, progress);
      let done = 0;
      for (const each of latest.values()) done += each.done;
      if (done >= devices) finish();
    }),
  );
  await Promise.all(parts.map((part) => part.order('go')));
  await Promise.race([finished, delay(waitMs, undefined, { ref: false })]);
  const seconds = (performance.now() - began) / 1000;
  const after = world.cpu();
  for (const end of forget) end();
  for (const part of parts) await part.order('leave');
  const done = [...latest.values()].reduce((sum, each) => sum + each.done, 0);
  if (done < devices) throw new Error(`Only ${done} of ${devices} were decided`);
  const per = (cpuSeconds: number) => (cpuSeconds / devices) * 1000;
  const own = [...latest.values()].reduce((sum, each) => sum + each.cpuSeconds, 0);
  return {
    perSecond: devices / seconds,
    cpu: {
      allocators: per(own),
      kafka: per(after.kafka - before.kafka),
      eventStore: per(after.eventStore - before.eventStore),
    },
  };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
    await delay(50);
  }
}

async function measure(): Promise<Record<'one' | 'two', Round[]>> {
  const world = await openWorld({ hubs, partitions, assigned: 0, enrolled: [0, devices * 2 * (rounds + 1)] });
  try {
    const first = await MeasuredPart.start('allocator', world, { name: 'first' });
    const second = await MeasuredPart.start('allocator', world, { name: 'second' });
    const taken: Record<'one' | 'two', Round[]> = { one: [], two: [] };
    let from = 0;
    // The first round of each warms it up.
    for (let number = 0; number <= rounds; number += 1) {
      for (const which of number % 2 === 0 ? (['one', 'two'] as const) : (['two', 'one'] as const)) {
        const taking = await round(world, which === 'one' ? [first] : [first, second], from);
        from += devices;
        if (number > 0) taken[which].push(taking);
        process.stderr.write(`round ${number}, ${which}: ${Math.round(taking.perSecond)}/s\n`);
      }
    }
    await first.end();
    await second.end();
    return taken;
  } finally {
    await world.close();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const { one, two } = await measure();
const rounded = (number: number, digits: number) => Number(number.toFixed(digits));
const cpu = (taken: readonly Round[], part: keyof Round['cpu']) => rounded(median(taken.map((it) => it.cpu[part])), 4);
const cpuOf = (taken: readonly Round[]) => ({
  allocators: cpu(taken, 'allocators'),
  kafka: cpu(taken, 'kafka'),
  eventStore: cpu(taken, 'eventStore'),
});
const [alone, together] = [cpuOf(one), cpuOf(two)];
const figures = {
  devices,
  rounds,
  cores: availableParallelism(),
  onePerSecond: rounded(median(one.map((it) => it.perSecond)), 0),
  twoPerSecond: rounded(median(two.map((it) => it.perSecond)), 0),
  twoToOne: rounded(median(two.map((it, index) => it.perSecond / one[index]!.perSecond)), 2),
  cpuSecondsPerThousandOneAllocator: alone.allocators,
  cpuSecondsPerThousandOneKafka: alone.kafka,
  cpuSecondsPerThousandOneEventStore: alone.eventStore,
  cpuSecondsPerThousandTwoAllocators: together.allocators,
  cpuSecondsPerThousandTwoKafka: together.kafka,
  cpuSecondsPerThousandTwoEventStore: together.eventStore,
};
console.table(figures);
if (values.json) console.log(JSON.stringify({ bench: 'scale', figures, budgets: [] }));
