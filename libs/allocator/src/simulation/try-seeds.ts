import { World, type WorldRun } from './world.js';

/** Steps shown before the one that broke something. */
const traceMax = 200;

/** What the worlds of many seeds saw, summed. */
export type Seen = WorldRun['seen'];

/** Runs one world after another. @throws Error for the first that breaks an invariant: with its seed and what led to it. */
export async function trySeeds(seeds: Iterable<number>): Promise<Seen> {
  const sum: Record<string, number> = {};
  for (const seed of seeds) {
    const run = await new World(seed).run();
    if (run.violation) throw new Error(await describeRun(seed));
    for (const [what, count] of Object.entries({ worlds: 1, steps: run.steps, ...run.seen })) {
      sum[what] = (sum[what] ?? 0) + count;
    }
  }
  return sum;
}

/** The same world again, this time written down. */
async function describeRun(seed: number): Promise<string> {
  const trace: string[] = [];
  const { violation } = await new World(seed, { onStep: (what) => trace.push(what) }).run();
  return [
    `Seed ${seed}: ${violation?.invariant}: ${violation?.what}`,
    `To see it again: BERTH_SEED=${seed} npm test -- libs/allocator/src/simulation`,
    'Once it is mended, give it a name in known-seeds.ts.',
    '',
    ...(trace.length > traceMax ? [`… ${trace.length - traceMax} steps before`] : []),
    ...trace.slice(-traceMax),
  ].join('\n');
}

export function* seedsFrom(first: number, count: number): Iterable<number> {
  for (let seed = first; seed < first + count; seed += 1) yield seed;
}
