import { replayLedger, storedLedger } from '@berth/allocator';
import { type DeploymentEvent, EventStore, streams } from '@berth/event-store';
import { MasterKey } from '@berth/secrets';
import { setTimeout as delay } from 'node:timers/promises';
import { devicesOf } from '../demo/devices.ts';
import { AnswerWatch, type Place } from './answer-watch.ts';
import { type Audit, Auditor } from './audit.ts';
import { Load } from './load.ts';
import { Random } from '../../libs/allocator/src/simulation/random.js';
import { drawStrikes, playRound, type Round, strikes } from './rounds.ts';
import { partitions, type SetUp, setUp } from './set-up.ts';

export interface CrashOptions {
  seed: number;
  rounds: number;
  devices: number;
  /** Of the rounds and what follows them, milliseconds. */
  deadlineMs: number;
  say: (line: string) => void;
}

export interface CrashReport extends Audit {
  rounds: Round[];
}

/** Until everything that was sent has been answered, once the load has stopped. */
const restMs = 120_000;
const lookEveryMs = 200;

/**
 * Kills and freezes the parts of the distributed set-up under load, round by round, then looks at everything from the outside.
 * @throws Error when a part doesn't come back, or a partition doesn't go on.
 */
export async function crashSuite(options: CrashOptions): Promise<CrashReport> {
  const { seed, deadlineMs, say } = options;
  say(`Seed ${seed}; repeat with BERTH_SEED=${seed}`);
  const random = new Random(seed);
  const stage = await setUp(random);
  const overtime = new AbortController();
  try {
    const tooLong = delay(deadlineMs, undefined, { signal: overtime.signal }).then(() => {
      throw new Error(`${deadlineMs} ms were not enough, see which round was the last`);
    });
    tooLong.catch(() => undefined);
    return await Promise.race([play(stage, random, options), stage.failed, tooLong]);
  } catch (error) {
    say(stage.lastWords());
    throw error;
  } finally {
    overtime.abort();
    await stage.stop();
  }
}

async function play(stage: SetUp, random: Random, { rounds, devices, say }: CrashOptions): Promise<CrashReport> {
  const load = await Load.begin(stage, random, devicesOf('crash', devices));
  const watch = AnswerWatch.begin(load.log);
  try {
    const played: Round[] = [];
    for (const [index, strike] of drawStrikes(random, rounds).entries()) {
      const round = await Promise.race([playRound(strike, { setUp: stage, load, watch, random }), load.failed]);
      played.push(round);
      const { answeredMs, shownMs } = round;
      say(`round ${index + 1}: ${strike.padEnd(11)} answered after ${answeredMs} ms, shown after ${shownMs} ms`);
    }
    await load.stop();
    const unanswered = await allAnswered(load, watch);
    await watch.stop();
    const audit = await new Auditor().audit(stage, load);
    audit.problems.push(...unanswered);
    say(summary(played, audit, load, stage));
    audit.problems.push(...(await replayAll(stage, load)));
    return { ...audit, rounds: played };
  } finally {
    await load.stop().catch(() => undefined);
    await watch.stop().catch(() => undefined);
    await load.log.close();
  }
}

/** @returns what is wrong: messages that never get an answer. */
async function allAnswered({ sent }: Load, { first }: AnswerWatch): Promise<string[]> {
  const deadline = Date.now() + restMs;
  const isMissing = ({ partition, offset, value }: Load['sent'][0]) =>
    value.startsWith('{') && !first.has(`${partition}/${offset}` satisfies Place);
  for (;;) {
    const missing = sent.filter(isMissing);
    if (missing.length === 0) return [];
    if (Date.now() > deadline) {
      const some = missing.slice(0, 10).map(({ partition, offset }) => `${partition}/${offset}`);
      return [`goes on: after ${restMs} ms, ${missing.length} messages are unanswered: ${some.join(', ')}`];
    }
    await delay(lookEveryMs);
  }
}

/** Every ledger is what its inputs come to, byte for byte. */
async function replayAll({ eventStoreUrl, masterKey }: SetUp, { log }: Load): Promise<string[]> {
  const problems: string[] = [];
  const store = new EventStore(eventStoreUrl);
  const key = new MasterKey(Buffer.from(masterKey));
  try {
    let idScope = '';
    for await (const { event } of store.read<DeploymentEvent>(streams.deployment)) idScope = event.data.idScope;
    for (let partition = 0; partition < partitions; partition += 1) {
      const recorded = await storedLedger({ store, log, idScope }, partition);
      const { difference } = await replayLedger(recorded, key.open.bind(key));
      if (difference) problems.push(`replay: ledger-${partition} differs at event ${difference.revision}`);
    }
  } finally {
    await store.close();
  }
  return problems;
}

function summary(rounds: readonly Round[], { figures, problems }: Audit, load: Load, stage: SetUp): string {
  const parts = [...stage.allocators, stage.eventStore, stage.kafka, stage.projector, stage.gateway];
  const lines = strikes.flatMap((strike) => {
    const hit = rounds.filter((round) => round.strike === strike);
    if (hit.length === 0) return [];
    const range = (values: number[]) => `${Math.min(...values)} to ${Math.max(...values)} ms`;
    const answered = range(hit.map(({ answeredMs }) => answeredMs));
    return `  ${strike.padEnd(11)} ${hit.length} times: answered again after ${answered}, shown after ${range(hit.map(({ shownMs }) => shownMs))}`;
  });
  return [
    `${rounds.length} rounds`,
    ...lines,
    `  ${JSON.stringify(figures)}`,
    `  publishes repeated ${load.repeated}, commands answered ${load.commands.answered}, unanswered ${load.commands.unanswered}`,
    `  starts: ${parts.map(({ name, starts, startsInVain }) => `${name} ${starts} (${startsInVain} in vain)`).join(', ')}`,
    ...problems.map((problem) => `  ${problem}`),
  ].join('\n');
}
