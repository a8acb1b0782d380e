import { setTimeout as delay } from 'node:timers/promises';
import { type AnswerWatch, type Place } from './answer-watch.ts';
import { type Load, rubbish } from './load.ts';
import { type Random } from '../../libs/allocator/src/simulation/random.js';
import { partitions, type SetUp } from './set-up.ts';

/** `zombie`: an allocator is stopped for longer than its session, and wakes when others have its partitions. */
export const strikes = ['allocator', 'event store', 'kafka', 'projector', 'zombie'] as const;
export type Strike = (typeof strikes)[number];

export interface Round {
  strike: Strike;
  /** From the strike until a message that was taken after it had been answered in every partition. */
  answeredMs: number;
  /** From the strike until GraphQL showed all of these. */
  shownMs: number;
}

/** Of the allocators, as the engines set it. */
const sessionMs = 10_000;
const lullMs = { least: 300, most: 2_500 };
/** Until everything works again after one strike; far more than a restart and a session take on a busy machine. */
const recoveryMs = 180_000;
const lookEveryMs = 50;

/** Each kind as often as the others, in random order. */
export function drawStrikes(random: Random, rounds: number): Strike[] {
  const drawn: Strike[] = [];
  while (drawn.length < rounds) drawn.push(...random.shuffled(strikes));
  return drawn.slice(0, rounds);
}

/** @throws Error when a partition doesn't go on, or the read model doesn't follow, in time: naming which. */
export async function playRound(
  strike: Strike,
  { setUp, load, watch, random }: { setUp: SetUp; load: Load; watch: AnswerWatch; random: Random },
): Promise<Round> {
  await delay(random.whole(lullMs.least, lullMs.most));
  const struckAt = Date.now();
  const blow = deal(strike, setUp, random);
  const works = async () => {
    const position = await answeredEverywhere(struckAt, load, watch);
    const answeredMs = Date.now() - struckAt;
    await shown(position, setUp);
    return { strike, answeredMs, shownMs: Date.now() - struckAt };
  };
  const round = await works();
  await blow;
  return round;
}

/** Resolves once the blow is over: what it hit is down or awake, whether others have noticed or not. */
async function deal(strike: Strike, setUp: SetUp, random: Random): Promise<void> {
  const allocator = random.pick(setUp.allocators);
  switch (strike) {
    case 'allocator':
      return void (await allocator.kill());
    case 'event store':
      return void (await setUp.eventStore.kill());
    case 'kafka':
      return void (await setUp.kafka.kill());
    case 'projector':
      return void (await setUp.projector.kill());
    case 'zombie':
      return void (await allocator.freeze(sessionMs + random.whole(2_000, 5_000)));
  }
}

/** @returns the highest position that these answers name. */
async function answeredEverywhere(since: number, load: Load, watch: AnswerWatch): Promise<bigint> {
  const deadline = Date.now() + recoveryMs;
  const positions = new Map<number, bigint>();
  for (;;) {
    for (let at = load.sent.length - 1; at >= 0 && (load.sent[at]?.at ?? 0) > since; at -= 1) {
      const { partition, offset, value } = load.sent[at] as Load['sent'][0];
      const place: Place = `${partition}/${offset}`;
      const answered = positions.has(partition) || value.startsWith(rubbish) ? undefined : watch.first.get(place);
      if (answered) positions.set(partition, answered.position);
    }
    if (positions.size === partitions) return [...positions.values()].reduce((a, b) => (a > b ? a : b));
    if (Date.now() > deadline) {
      const silent = Array.from({ length: partitions }, (_, partition) => partition).filter((it) => !positions.has(it));
      throw new Error(`${recoveryMs} ms after a strike, partitions ${silent.join(', ')} have answered nothing`);
    }
    await delay(lookEveryMs);
  }
}

async function shown(position: bigint, { gateway }: SetUp): Promise<void> {
  const deadline = Date.now() + recoveryMs;
  for (;;) {
    const url = gateway.now?.url;
    if (url !== undefined && (await isShown(url, position).catch(() => false))) return;
    if (Date.now() > deadline) throw new Error(`${recoveryMs} ms after a strike, GraphQL does not show ${position}`);
    await delay(lookEveryMs);
  }
}

async function isShown(url: string, position: bigint): Promise<boolean> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'berth-min-position': String(position) },
    body: JSON.stringify({ query: '{ hubLoads { hub } }' }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as { errors?: unknown };
  return response.ok && body.errors === undefined;
}
