import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEventStore } from '../event-store.ts';
import { KafkaUnavailable, startKafka } from '../kafka.ts';
import { startOwnPostgres } from '../postgres.ts';
import { ServiceProcess } from './service-process.ts';

export interface DistributedInstance {
  /** Of the gateway. */
  url: string;
  brokers: readonly string[];
  /** Kills one of the two allocators with SIGKILL. */
  killAllocator(): Promise<void>;
}

/** A program that the set-up needs is not on this machine. */
export class EngineMissing extends Error {}

/**
 * The distributed set-up on this machine, data in a temporary folder that goes with it: a Kafka broker, the event store
 * and PostgreSQL, and on them a projector, two allocators and a gateway, each in a process of its own.
 * @param onStop takes what ends a part again, as soon as the part runs; to be called in reverse order.
 * @throws EngineMissing; Error naming what could not be started and why.
 */
export async function startDistributedInstance(
  say: (line: string) => void,
  onStop: (stop: () => Promise<void>) => void,
): Promise<DistributedInstance> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-distributed-'));
  onStop(() => rm(folder, { recursive: true, force: true }));
  say('Starting Kafka, the event store and PostgreSQL …');
  const starting = [kafkaIn(folder), eventStoreIn(folder), postgres()].map(async (engine) => {
    const { address, stop } = await engine;
    onStop(stop);
    return address;
  });
  // All of them, so that none is left behind when another fails.
  await Promise.allSettled(starting);
  const [kafka, eventStore, database] = (await Promise.all(starting)) as [string, string, string];
  say(`  Kafka ${kafka}, event store ${eventStore}, PostgreSQL ${database}`);
  const env = {
    BERTH_KAFKA_BROKERS: kafka,
    BERTH_EVENTSTORE_URL: eventStore,
    BERTH_DATABASE_URL: database,
    BERTH_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  const start = async (app: string, name: string) => {
    const service = await ServiceProcess.start(app, name, env, join(folder, `${name.replaceAll(' ', '-')}.log`));
    onStop(() => service.end('SIGTERM'));
    say(`  ${name.padEnd(16)} ${service.url}`);
    return service;
  };
  // The topics are made once, by the first that comes.
  const first = await start('allocator', 'first allocator');
  await Promise.all([start('allocator', 'second allocator'), start('projector', 'projector')]);
  const gateway = await start('gateway', 'gateway');
  return { url: gateway.url, brokers: [kafka], killAllocator: () => first.end('SIGKILL') };
}

interface Engine {
  address: string;
  stop(): Promise<void>;
}

async function kafkaIn(folder: string): Promise<Engine> {
  const starting = startKafka({ dataFolder: join(folder, 'kafka') });
  const { brokers, stop } = await starting.catch((error: unknown) => {
    throw error instanceof KafkaUnavailable ? new EngineMissing(error.message) : error;
  });
  return { address: brokers.join(','), stop };
}

async function postgres(): Promise<Engine> {
  const found = await startOwnPostgres();
  if ('missing' in found) throw new EngineMissing(found.missing);
  return { address: found.url, stop: () => found.stop() };
}

async function eventStoreIn(folder: string): Promise<Engine> {
  const { url, stop } = await startEventStore({ dataFolder: folder });
  return { address: url, stop };
}
