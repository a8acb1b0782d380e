import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { KafkaUnavailable, startKafka } from '../../../tools/kafka.js';
import { connectKafkaLog } from './kafka/kafka-log.js';
import { describeRegistrationLogContract } from './registration-log.contract.js';
import type { LogWarning } from './registration-log.js';

/** Brokers to test against: those named by the environment, else one of our own, else a reason why there are none. */
async function findBrokers(): Promise<{ brokers: string[]; stop(): Promise<void> } | { missing: string }> {
  const named = process.env['BERTH_KAFKA_BROKERS'];
  if (named) return { brokers: named.split(','), stop: async () => undefined };
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-kafka-'));
  try {
    const kafka = await startKafka({ dataFolder });
    const stop = async () => {
      await kafka.kill();
      await rm(dataFolder, { recursive: true, force: true });
    };
    return { brokers: kafka.brokers, stop };
  } catch (error) {
    if (error instanceof KafkaUnavailable) return { missing: error.message };
    throw error;
  }
}

const found = await findBrokers();

if ('missing' in found) {
  describe('RegistrationLog contract: Kafka', () => {
    const title = `was not run: ${found.missing}, or name a broker in BERTH_KAFKA_BROKERS`;
    if (process.env['CI'] === 'true') it(title, () => expect('a Kafka broker').toBe('there in CI'));
    else it.skip(title, () => undefined);
  });
} else {
  const { brokers, stop } = found;
  afterAll(stop, 60_000);

  const open = async (partitions: number) => {
    const warnings: LogWarning[] = [];
    const log = await connectKafkaLog({
      brokers,
      partitions,
      sessionMs: 6_000,
      handoverMs: 500,
      backOff: { firstMs: 5, mostMs: 50 },
      onWarning: (warning) => void warnings.push(warning),
    });
    return { log, warnings };
  };

  describeRegistrationLogContract(
    'Kafka',
    async ({ partitions }) => {
      let current = (await open(partitions)).log;
      return {
        log: current,
        restart: async (options) => {
          await current.close();
          const again = await open(options.partitions);
          current = again.log;
          return again;
        },
        end: () => current.close(),
      };
    },
    { deadlineMs: 30_000 },
  );
}
