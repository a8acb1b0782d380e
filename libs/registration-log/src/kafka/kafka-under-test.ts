import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { KafkaUnavailable, type Secured, startKafka } from '../../../../tools/kafka.js';

export interface KafkaUnderTest {
  brokers: string[];
  stop(): Promise<void>;
}

/** Brokers to test against: those that the environment names, else one of our own, else the reason why there are none. */
export async function findKafka(named: string | undefined): Promise<KafkaUnderTest | { missing: string }> {
  if (named) return { brokers: named.split(','), stop: async () => undefined };
  const kafka = await startOwnKafka();
  return 'missing' in kafka ? kafka : { brokers: kafka.brokers, stop: () => kafka.remove() };
}

export interface OwnKafka {
  brokers: string[];
  /** Where it keeps its partitions, a folder each: `topic-0` and so on. */
  logFolder: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again at the same address, on the same data. */
  restart(): Promise<void>;
  /** Ends it and deletes its data. */
  remove(): Promise<void>;
}

export interface SecuredKafka extends OwnKafka {
  secured: Secured;
}

/** A broker that a spec may kill. */
export async function startOwnKafka(): Promise<OwnKafka | { missing: string }>;
/** One with the secured listeners besides. Started again, it has other ports for them. */
export async function startOwnKafka(options: { secured: true }): Promise<SecuredKafka | { missing: string }>;
export async function startOwnKafka({ secured = false } = {}): Promise<OwnKafka | { missing: string }> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-kafka-'));
  try {
    let kafka = await startKafka({ dataFolder, secured });
    const { brokers } = kafka;
    const port = Number(brokers[0]!.split(':')[1]);
    return {
      brokers,
      logFolder: join(dataFolder, 'logs'),
      ...(kafka.secured && { secured: kafka.secured }),
      kill: () => kafka.kill(),
      restart: async () => {
        kafka = await startKafka({ dataFolder, port });
      },
      remove: async () => {
        await kafka.kill();
        await rm(dataFolder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataFolder, { recursive: true, force: true });
    if (error instanceof KafkaUnavailable) return { missing: error.message };
    throw error;
  }
}

/** Says in the report that a suite did not run, and why; in CI, where everything has to run, that is a failure. */
export function describeNotRun(suite: string, why: string, isCi: boolean): void {
  const title = `did not run: ${why}, or name a broker in BERTH_KAFKA_BROKERS`;
  describe(suite, () => {
    if (isCi) it(title, () => expect('a broker').toBe('there'));
    else it.skip(title, () => undefined);
  });
}
