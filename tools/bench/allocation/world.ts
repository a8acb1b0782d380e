// What every run needs: a real Kafka broker and the event store's node, each a process of its own, and a folder for both.
import { connectKafkaLog, topics, type RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { Kafka, logLevel } from 'kafkajs';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBroker } from '../../kafka/broker.ts';
import { type Past, storePast } from './past.ts';

export interface World {
  folder: string;
  brokers: string[];
  eventStoreUrl: string;
  partitions: number;
  /** Base64. */
  masterKey: string;
  log: RegistrationLog;
  /** CPU seconds that broker and event store have used so far. */
  cpu(): { kafka: number; eventStore: number };
  close(): Promise<void>;
}

/** kafkajs copies all there are for each further one. */
const fillersAtOnce = 1000;

/** @param past already stored, and its messages on the topic: as empty records, behind which the allocators' group stands. */
export async function openWorld(past: Omit<Past, 'masterKey'>): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  const key = randomBytes(32);
  const masterKey = key.toString('base64');
  const decided = await storePast(folder, { ...past, masterKey: new MasterKey(key) });
  const { partitions } = past;
  const [broker, node] = await Promise.all([startBroker({ dataFolder: join(folder, 'kafka') }), startNode(folder)]);
  endWithUs([broker.pid, node.child.pid!]);
  const { brokers } = broker;
  const log = await connectKafkaLog({ brokers, partitions });
  if (past.assigned > 0) await fillTopic(brokers, decided);
  return {
    folder,
    brokers,
    eventStoreUrl: `esdb://127.0.0.1:${node.port}?tls=false`,
    partitions,
    masterKey,
    log,
    cpu: () => ({ kafka: cpuSecondsOf(broker.pid), eventStore: cpuSecondsOf(node.child.pid!) }),
    async close() {
      await log.close();
      const ended = once(node.child, 'exit');
      node.child.kill('SIGTERM');
      await Promise.all([ended, broker.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whoever stops a bench in the middle is left with none of its processes; killed by SIGKILL, it can do nothing. */
function endWithUs(pids: readonly number[]): void {
  process.once('exit', () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  });
  if (process.listenerCount('SIGTERM') > 0) return;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));
}

async function fillTopic(brokers: string[], decided: readonly number[]): Promise<void> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  const topic = topics.registrations;
  for (const [partition, count] of decided.entries()) {
    for (let sent = 0; sent < count; sent += fillersAtOnce) {
      const messages = Array.from({ length: Math.min(fillersAtOnce, count - sent) }, () => ({
        value: null,
        partition,
      }));
      await producer.send({ topic, messages });
    }
  }
  const partitions = decided.map((count, partition) => ({ partition, offset: String(count) }));
  await admin.setOffsets({ groupId: 'berth.allocator', topic, partitions });
  await Promise.all([producer.disconnect(), admin.disconnect()]);
}

async function startNode(folder: string): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(new URL('../../../apps/event-store/dist/main.js', import.meta.url)), {
    env: { BERTH_DATA: folder, PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('exit', (code) => reject(new Error(`The event store ended with ${code}: is it built?`)));
  });
  return { child, port };
}

/** Linux counts in hundredths of a second (USER_HZ), whatever the kernel's own tick. NaN where there is no /proc. */
export function cpuSecondsOf(pid: number): number {
  try {
    // The second field is the program's name in brackets and may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}
