import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BerthClient } from '../demo/berth-client.ts';
import { ServiceProcess } from '../demo/service-process.ts';
import { type EventStoreProgram, startEventStore } from '../event-store.ts';
import { missingKafka } from '../kafka/jars.ts';
import { type Broker, startKafka } from '../kafka.ts';
import { missingPostgres, startOwnPostgres } from '../postgres.ts';
import { type Random } from '../../libs/allocator/src/simulation/random.js';
import { Supervised } from './supervised.ts';

/** Of the registration topic. */
export const partitions = 8;
/** How long a supervisor takes to notice that a program has ended. */
const noticeMs = { least: 100, most: 1_500 };

/** Which program that the set-up needs is not on this machine; null when all are. */
export async function missingEngine(): Promise<string | null> {
  return (await missingKafka()) ?? missingPostgres();
}

/** A service that is supervised. */
type Service = Awaited<ReturnType<typeof runService>>;

/** The distributed set-up, each part a process that may be killed at any time and is started again. */
export interface SetUp {
  allocators: readonly [Supervised<Service>, Supervised<Service>];
  eventStore: Supervised<EventStoreProgram>;
  kafka: Supervised<Broker>;
  projector: Supervised<Service>;
  gateway: Supervised<Service>;
  /** Through the gateway, wherever it is now. */
  berth: BerthClient;
  brokers: readonly string[];
  eventStoreUrl: string;
  masterKey: Buffer;
  /** Rejects when a part can't be started any more. */
  failed: Promise<never>;
  /** What the parts printed last. */
  lastWords(): string;
  stop(): Promise<void>;
}

export async function setUp(random: Random): Promise<SetUp> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-crashes-'));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const postgres = await startOwnPostgres();
    if ('missing' in postgres) throw new Error(postgres.missing);
    stops.push(() => postgres.stop());
    const supervise = async <R extends { pid: number; ended: Promise<void>; stop(): Promise<void> }>(
      name: string,
      start: () => Promise<R>,
    ) => {
      const supervised = new Supervised(name, start, () => random.whole(noticeMs.least, noticeMs.most));
      stops.push(() => supervised.stop());
      await supervised.begin();
      return supervised;
    };
    const [kafkaPort, eventStorePort, gatewayPort] = [await fixedPort(), await fixedPort(), await fixedPort()];
    const kafka = await supervise('kafka', () => startKafka({ dataFolder: join(folder, 'kafka'), port: kafkaPort }));
    const eventStore = await supervise('event store', () =>
      startEventStore({ dataFolder: join(folder, 'event-store'), port: eventStorePort }),
    );
    const masterKey = randomBytes(32);
    const brokers = [`127.0.0.1:${kafkaPort}`];
    const eventStoreUrl = `esdb://127.0.0.1:${eventStorePort}?tls=false`;
    const env = {
      BERTH_KAFKA_BROKERS: brokers.join(','),
      BERTH_EVENTSTORE_URL: eventStoreUrl,
      BERTH_DATABASE_URL: postgres.url,
      BERTH_MASTER_KEY: masterKey.toString('base64'),
      BERTH_PARTITIONS: String(partitions),
    };
    const outputs: string[] = [];
    const service = (app: string, name: string, more: Record<string, string> = {}) => {
      const output = join(folder, `${name.replaceAll(' ', '-')}.log`);
      outputs.push(output);
      const data = { BERTH_DATA: join(folder, name.replaceAll(' ', '-')) };
      return supervise(name, () => runService(app, name, { ...env, ...data, ...more }, output));
    };
    const first = await service('allocator', 'first allocator');
    const second = await service('allocator', 'second allocator');
    const projector = await service('projector', 'projector');
    const gateway = await service('gateway', 'gateway', { BERTH_HTTP_PORT: String(gatewayPort) });
    const parts = [first, second, projector, gateway];
    return {
      allocators: [first, second],
      eventStore,
      kafka,
      projector,
      gateway,
      berth: new BerthClient(`http://127.0.0.1:${gatewayPort}`),
      brokers,
      eventStoreUrl,
      masterKey,
      failed: Promise.race([...parts, eventStore, kafka].map(({ failed }) => failed)),
      lastWords: () => parts.map(({ name, now }) => `--- ${name}\n${now?.lastWords() ?? '(down)'}`).join('\n'),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runService(app: string, name: string, env: Record<string, string>, output: string) {
  const service = await ServiceProcess.start(app, name, env, output);
  const { url, pid, ended } = service;
  return { url, pid, ended, stop: () => service.end('SIGTERM'), lastWords: () => service.lastWords() };
}

/**
 * A port to come back to: below those that systems give to outgoing connections, or one of these could take it while the
 * program is down.
 */
async function fixedPort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
