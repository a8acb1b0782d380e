import { type BerthEvent, EventStore, noStream, streams } from '@berth/event-store';
import {
  connectKafkaLog,
  type LogRecord,
  registrationRecord,
  type RegistrationLog,
  topics,
} from '@berth/registration-log';
import { enrollmentData } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceProcess } from '../demo/service-process.ts';
import { startEventStore } from '../event-store.ts';
import { startKafka } from '../kafka.ts';
import { Account } from './account.ts';

/** Of the registration topic, as in production. */
export const partitions = 64;
const source = '/gateways/one';
const metadata = { correlationId: 'suite', actor: 'suite', at: new Date().toISOString() };
/** Appends, and messages of one publish, at once. */
const atOnce = 250;
const betweenPublishesMs = 25;

/** Some allocators as deployed, each a process, on a real Kafka broker and the event store's node. */
export class Allocators {
  readonly account: Account;
  private wishes = 0;
  private started = 0;
  private readonly running: ServiceProcess[] = [];

  private constructor(
    private readonly folder: string,
    private readonly env: Record<string, string>,
    readonly store: EventStore,
    private readonly log: RegistrationLog,
    private readonly stops: (() => Promise<unknown>)[],
  ) {
    this.account = new Account(store);
    stops.push(() => this.account.stop());
  }

  static async begin(): Promise<Allocators> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-several-allocators-'));
    const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
    try {
      const kafka = await startKafka({ dataFolder: join(folder, 'kafka') });
      stops.push(() => kafka.stop());
      const eventStore = await startEventStore({ dataFolder: join(folder, 'event-store') });
      stops.push(() => eventStore.stop());
      const store = new EventStore(eventStore.url);
      stops.push(() => store.close());
      const log = await connectKafkaLog({ brokers: kafka.brokers, partitions, onWarning: () => undefined });
      stops.push(() => log.close());
      const env = {
        BERTH_KAFKA_BROKERS: kafka.brokers.join(','),
        BERTH_EVENTSTORE_URL: eventStore.url,
        BERTH_MASTER_KEY: randomBytes(32).toString('base64'),
        BERTH_PARTITIONS: String(partitions),
      };
      return new Allocators(folder, env, store, log, stops);
    } catch (error) {
      await stopAll(stops);
      throw error;
    }
  }

  /** Resolves when it has claimed its partitions. */
  async start(): Promise<void> {
    const name = `allocator-${(this.started += 1)}`;
    const env = { ...this.env, BERTH_DATA: join(this.folder, name) };
    const service = await ServiceProcess.start('allocator', name, env, join(this.folder, `${name}.log`));
    this.running.push(service);
    this.stops.push(() => service.end('SIGTERM'));
  }

  /** SIGKILL for the one of that process id. */
  async kill(pid: number): Promise<void> {
    const victim = this.running.find((service) => service.pid === pid);
    if (!victim) throw new Error(`No allocator has process id ${pid}`);
    this.running.splice(this.running.indexOf(victim), 1);
    await victim.end('SIGKILL');
  }

  link(name: string, capacity: number | null): Promise<unknown> {
    const data = { name, weight: 1, capacity, region: null, connection: null };
    return this.first(streams.hub(name), { type: 'HubLinked', v: 1, data });
  }

  async enroll(devices: readonly string[]): Promise<void> {
    for (let from = 0; from < devices.length; from += atOnce) {
      const some = devices.slice(from, from + atOnce);
      const enrolled = (id: string) => ({
        type: 'EnrollmentCreated' as const,
        v: 2 as const,
        data: enrollmentData(id, source),
      });
      await Promise.all(some.map((id) => this.first(streams.enrollment(id), enrolled(id))));
    }
  }

  /** Their wishes come, some hundred at a time. */
  async register(devices: readonly string[]): Promise<void> {
    for (let from = 0; from < devices.length; from += atOnce) {
      const some = devices.slice(from, from + atOnce);
      await this.log.publish(
        topics.registrations,
        some.map((id) => this.wish(id)),
      );
      await delay(betweenPublishesMs);
    }
  }

  /** What they printed last. */
  lastWords(): string {
    return this.running.map((service) => `--- ${service.name}\n${service.lastWords()}`).join('\n');
  }

  stop(): Promise<void> {
    return stopAll(this.stops);
  }

  private wish(registrationId: string): LogRecord {
    const requestId = `wish-${(this.wishes += 1)}`;
    return registrationRecord({ requestId, source, registrationId, attestation: { type: 'gateway' } }, metadata.at);
  }

  private first(stream: string, event: BerthEvent): Promise<unknown> {
    return this.store.append(stream, [event], noStream, metadata);
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}
