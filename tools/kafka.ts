// A real Kafka broker for development and tests, without Docker: `node tools/kafka.ts start|stop|run [--port N] [--data DIR]`.
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startBroker } from './kafka/broker.ts';
import { KafkaUnavailable } from './kafka/jars.ts';

/** Starts a broker for a test; the caller stops it. Throws `KafkaUnavailable` where there is no Java or no Maven. */
export { startBroker as startKafka, type Broker, type Secured } from './kafka/broker.ts';
export { testUser } from './kafka/security.ts';
export { KafkaUnavailable };

const defaultPort = 9092;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string', default: String(defaultPort) },
      data: { type: 'string', default: join(import.meta.dirname, '..', '.kafka', 'data') },
    },
  });
  const dataFolder = resolve(values.data);
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`--port ${values.port} is no port`);
  switch (positionals[0]) {
    case 'start':
      return start(dataFolder, port);
    case 'stop':
      return stop(dataFolder);
    case 'run':
      return runHere(dataFolder, port);
    default:
      throw new Error('usage: node tools/kafka.ts start|stop|run [--port N] [--data DIR]');
  }
}

async function start(dataFolder: string, port: number): Promise<void> {
  if (await runningPid(dataFolder)) throw new Error('Kafka runs already; `stop` ends it');
  const { brokers, pid } = await startBroker({ dataFolder, port, detached: true });
  await writeFile(pidFile(dataFolder), String(pid));
  announce(brokers);
}

async function stop(dataFolder: string): Promise<void> {
  const pid = await runningPid(dataFolder);
  if (pid === undefined) {
    console.log('Kafka does not run.');
    return;
  }
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + 30_000;
  while (await runningPid(dataFolder)) {
    if (Date.now() > deadline) throw new Error(`Kafka (process ${pid}) does not end`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
  await rm(pidFile(dataFolder), { force: true });
  console.log('Kafka has stopped.');
}

async function runHere(dataFolder: string, port: number): Promise<void> {
  const broker = await startBroker({ dataFolder, port });
  announce(broker.brokers);
  const end = () => void broker.stop().then(() => process.exit(0));
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

function announce(brokers: readonly string[]): void {
  console.log(`Kafka answers at ${brokers.join(',')}. To use it: BERTH_KAFKA_BROKERS=${brokers.join(',')} npm start`);
}

const pidFile = (dataFolder: string) => join(dataFolder, 'broker.pid');

/** The pid that `start` wrote, if that process still is this folder's broker: pids are used again. */
async function runningPid(dataFolder: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(pidFile(dataFolder), 'utf8'));
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-p', String(pid), '-o', 'args=']);
    return stdout.includes(join(dataFolder, 'server.properties')) ? pid : undefined;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
