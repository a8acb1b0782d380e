import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { type Certificates, makeCertificates } from './certificates.ts';
import { kafkaJars } from './jars.ts';
import { type SecuredListeners, securedListeners } from './security.ts';

const run = promisify(execFile);
const startMs = 90_000;
const stopMs = 30_000;
const host = '127.0.0.1';

export interface BrokerOptions {
  /** Kept from one start to the next; made when it isn't there. */
  dataFolder: string;
  /** Default: a free one. */
  port?: number;
  /** The broker outlives this process. */
  detached?: boolean;
  /** Opens two listeners more, with certificates and users of its own: see `Secured`. */
  secured?: boolean;
}

export interface Secured {
  certificates: Certificates;
  /** Addresses of the listener with SASL over TLS. */
  sasl: string[];
  /** Addresses of the listener with TLS that wants a client's certificate. */
  mutual: string[];
}

export interface Broker {
  brokers: string[];
  secured: Secured | undefined;
  pid: number;
  ended: Promise<void>;
  /** Lets it write everything and end. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts of one broker: between choosing a free port and binding it, seconds pass in which someone else may take it. */
const startsMax = 3;

/** Starts a single Kafka node, broker and controller in one, on loopback, and resolves when it answers. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  for (let start = 1; ; start += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      const isPortTaken = error instanceof Error && /BindException|Address already in use/.test(error.message);
      if (!isPortTaken || start >= startsMax) throw error;
    }
  }
}

async function startOnce({ dataFolder, port, detached = false, secured = false }: BrokerOptions): Promise<Broker> {
  const jars = await kafkaJars();
  const [freeOne, controllerPort, sasl, mutual] = await freePorts();
  const brokerPort = port ?? freeOne;
  await mkdir(dataFolder, { recursive: true });
  const certificates = secured ? await makeCertificates(join(dataFolder, 'certificates')) : undefined;
  const listeners = certificates && securedListeners(host, { sasl, mutual }, certificates);
  const config = join(dataFolder, 'server.properties');
  await writeFile(config, properties(dataFolder, brokerPort, controllerPort, listeners));
  await writeFile(join(dataFolder, 'log4j2.yaml'), logging);
  await formatStorage(jars, dataFolder, config, listeners?.formatting ?? []);

  const output = join(dataFolder, 'broker.log');
  // Of this start only, for the end of it is what a failure shows.
  const file = openSync(output, 'w');
  const child = spawn('java', [...jvm(dataFolder), '-cp', join(jars, '*'), 'kafka.Kafka', config], {
    stdio: ['ignore', file, file],
    detached,
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const broker = `${host}:${brokerPort}`;
  try {
    await answering(broker, child, output);
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
  if (detached) child.unref();
  return {
    brokers: [broker],
    secured: certificates && { certificates, sasl: [`${host}:${sasl}`], mutual: [`${host}:${mutual}`] },
    pid: child.pid!,
    ended,
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
  };
}

function jvm(dataFolder: string): string[] {
  return [
    '-Xms128m',
    '-Xmx512m',
    // A development broker starts often and shares its cores; the parallel collectors' threads are not worth it.
    '-XX:+UseSerialGC',
    // Half the time to start, and measured no slower at what one machine can ask of it.
    '-XX:TieredStopAtLevel=1',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${join(dataFolder, 'log4j2.yaml')}`,
  ];
}

function properties(
  dataFolder: string,
  port: number,
  controllerPort: number,
  secured: SecuredListeners | undefined,
): string {
  const open = [`PLAINTEXT://${host}:${port}`, ...(secured?.listeners ?? [])].join(',');
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${host}:${controllerPort}
listeners=${open},CONTROLLER://${host}:${controllerPort}
advertised.listeners=${open}
listener.security.protocol.map=${['PLAINTEXT:PLAINTEXT', 'CONTROLLER:PLAINTEXT', ...(secured?.protocols ?? [])].join(',')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(dataFolder, 'logs')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# Killed and started again, it has to wait for its own former session to run out.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
${secured?.properties ?? ''}`;
}

const logging = `
Configuration:
  status: warn
  Appenders:
    Console:
      name: out
      target: SYSTEM_OUT
      PatternLayout:
        pattern: "%d %p %m (%c)%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
`;

async function formatStorage(
  jars: string,
  dataFolder: string,
  config: string,
  additions: readonly string[],
): Promise<void> {
  if (existsSync(join(dataFolder, 'logs', 'meta.properties'))) return;
  const tool = [...jvm(dataFolder), '-cp', join(jars, '*'), 'kafka.tools.StorageTool'];
  const clusterId = Buffer.from(crypto.randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  // Joined by =, for one id in 64 begins with a dash and would be taken for an option.
  await run('java', [...tool, 'format', `--cluster-id=${clusterId}`, '-c', config, '--ignore-formatted', ...additions]);
}

/** Resolves when the broker answers a request for metadata; rejects with the end of its log when it has ended or is too slow. */
async function answering(broker: string, child: ChildProcess, output: string): Promise<void> {
  const deadline = Date.now() + startMs;
  const retry = { retries: 0, initialRetryTime: 50, maxRetryTime: 50 };
  for (;;) {
    const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry, connectionTimeout: 500 }).admin();
    try {
      await admin.connect();
      await admin.listTopics();
      return;
    } catch {
      const log = readFileSync(output, 'utf8').split('\n').slice(-20).join('\n');
      if (child.exitCode !== null) throw new Error(`Kafka ended with code ${child.exitCode}:\n${log}`);
      if (Date.now() > deadline) throw new Error(`Kafka did not answer within ${startMs} ms:\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      await admin.disconnect();
    }
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await ended;
  clearTimeout(timer);
}

/** Four, held together until all are known, so that they differ. */
async function freePorts(): Promise<[number, number, number, number]> {
  const servers = [createServer(), createServer(), createServer(), createServer()] as const;
  const ports = await Promise.all(servers.map(portOf));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as [number, number, number, number];
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
