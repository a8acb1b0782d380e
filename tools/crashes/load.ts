import {
  connectKafkaLog,
  isRetriable,
  type LogRecord,
  releaseRecord,
  type RegistrationLog,
  topics,
} from '@berth/registration-log';
import { setTimeout as delay } from 'node:timers/promises';
import { type Device, registrationEvent } from '../demo/devices.ts';
import { type Random } from '../../libs/allocator/src/simulation/random.js';
import { partitions, type SetUp } from './set-up.ts';

/** Of the load: publishers side by side, and what each does at a time. */
const publishers = 3;
const batch = { least: 5, most: 40 };
const betweenBatchesMs = 150;
const betweenCommandsMs = 400;
/** Longest a publisher tries to get one batch taken. */
const publishPatienceMs = 120_000;

export const trustedSource = '/gateways/one';
export const hubs = ['hub-a', 'hub-b', 'hub-c', 'hub-d'] as const;
/** Of hub-d. */
export const capacity = 40;
/** Bytes of what can't be read begin so. */
export const rubbish = 'rubbish ';

/** What the log has taken for certain. */
export interface Sent {
  partition: number;
  offset: number;
  value: string;
  /** When it was acknowledged, milliseconds since 1970. */
  at: number;
}

/** Edge gateways and operators, who go on whatever happens: who gets no answer asks again. */
export class Load {
  readonly sent: Sent[] = [];
  /** Publishes that were not taken for certain, and were repeated. */
  repeated = 0;
  /** Commands that were answered, and that were not. */
  readonly commands = { answered: 0, unanswered: 0 };
  /** Rejects when a publisher can't go on. */
  readonly failed: Promise<never>;
  readonly log: RegistrationLog;
  private readonly setUp: SetUp;
  private readonly random: Random;
  private readonly devices: readonly Device[];
  private readonly idScope: string;
  private readonly latest: LogRecord[] = [];
  private isStopped = false;
  private running: Promise<unknown> = Promise.resolve();
  private fail!: (error: unknown) => void;
  private count = 0;

  private constructor(setUp: SetUp, random: Random, devices: readonly Device[], log: RegistrationLog, idScope: string) {
    this.setUp = setUp;
    this.random = random;
    this.devices = devices;
    this.log = log;
    this.idScope = idScope;
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
  }

  /** Links the hubs, enrolls the devices, and begins to publish. */
  static async begin(setUp: SetUp, random: Random, devices: readonly Device[]): Promise<Load> {
    const { berth, brokers } = setUp;
    for (const name of hubs) {
      const input = { name, capacity: name === 'hub-d' ? capacity : null };
      await berth.graphql('mutation ($input: HubLinkInput!) { hubLink(input: $input) { position } }', { input });
    }
    const toEnroll = devices.entries();
    const enroll = async () => {
      for (const [index, { registrationId, key }] of toEnroll) {
        const keys = { primary: key, secondary: key };
        const attestation = isKeyed(index) ? { symmetricKey: keys } : { gateway: { sources: [trustedSource] } };
        await berth.graphql(enrollment, { input: { registrationId, attestation } });
      }
    };
    await Promise.all(Array.from({ length: 8 }, enroll));
    const { deployment } = await berth.graphql<{ deployment: { idScope: string } }>('{ deployment { idScope } }');
    const log = await connectKafkaLog({ brokers: [...brokers], partitions, onWarning: () => undefined });
    const load = new Load(setUp, random, devices, log, deployment.idScope);
    const loops = [...Array.from({ length: publishers }, () => load.publishOn()), load.commandOn()];
    load.running = Promise.all(loops).catch((error: unknown) => load.fail(error));
    return load;
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async publishOn(): Promise<void> {
    while (!this.isStopped) {
      const records = Array.from({ length: this.random.whole(batch.least, batch.most) }, () => this.message());
      await this.publish(records);
      await delay(betweenBatchesMs);
    }
  }

  private async publish(records: readonly LogRecord[]): Promise<void> {
    const deadline = Date.now() + publishPatienceMs;
    for (;;) {
      try {
        const receipts = await this.log.publish(topics.registrations, records);
        const at = Date.now();
        for (const [index, { partition, offset }] of receipts.entries()) {
          this.sent.push({ partition, offset, value: (records[index] as LogRecord).value.toString(), at });
        }
        return;
      } catch (error) {
        if (!isRetriable(error) || Date.now() > deadline) throw error;
        this.repeated += 1;
        await delay(betweenBatchesMs);
      }
    }
  }

  private message(): LogRecord {
    const { random, latest } = this;
    if (latest.length > 0 && random.chance(0.03)) return random.pick(latest);
    const record = this.newMessage();
    latest.push(record);
    if (latest.length > 1_000) latest.shift();
    return record;
  }

  private newMessage(): LogRecord {
    const { random, devices, idScope } = this;
    const index = random.whole(0, devices.length - 1);
    const device = devices[index] as Device;
    const { registrationId } = device;
    const number = (this.count += 1);
    if (random.chance(0.02)) return { key: registrationId, value: Buffer.from(`${rubbish}${number}`), headers: {} };
    if (random.chance(0.05)) {
      return releaseRecord(
        { registrationId, requestId: `release-${number}`, actor: 'suite' },
        new Date().toISOString(),
      );
    }
    const isForged = random.chance(0.03);
    const named = random.chance(0.02) ? `nobody-${number}` : registrationId;
    const event = isKeyed(index)
      ? registrationEvent({ registrationId: named, key: isForged ? otherKey : device.key }, idScope)
      : gatewayEvent(named, isForged ? '/gateways/forged' : trustedSource);
    const value = Buffer.from(JSON.stringify({ ...event, id: `wish-${number}` }));
    return { key: named, value, headers: { 'content-type': 'application/cloudevents+json' } };
  }

  private async commandOn(): Promise<void> {
    while (!this.isStopped) {
      const [field, input] = this.command();
      const type = `${field.charAt(0).toUpperCase()}${field.slice(1).replace('Uncordon', 'Cordon')}Input`;
      const mutation = `mutation ($input: ${type}!) { ${field}(input: $input) { userErrors { code } } }`;
      try {
        await this.setUp.berth.graphql(mutation, { input });
        this.commands.answered += 1;
      } catch {
        this.commands.unanswered += 1;
      }
      await delay(betweenCommandsMs);
    }
  }

  private command(): [field: string, input: object] {
    const { random, devices } = this;
    const name = random.pick(hubs);
    const { registrationId } = random.pick(devices);
    return random.pick<[string, object]>([
      ['hubUpdate', { name, weight: random.whole(1, 5) }],
      ['hubCordon', { name }],
      ['hubUncordon', { name }],
      ['hubUncordon', { name: random.pick(hubs) }],
      ['enrollmentUpdate', { registrationId, enabled: false }],
      ['enrollmentUpdate', { registrationId, enabled: true }],
    ]);
  }
}

const otherKey = Buffer.alloc(32, 9).toString('base64');
const enrollment =
  'mutation ($input: EnrollmentCreateInput!) { enrollmentCreate(input: $input) { userErrors { code } } }';

/** Every fifth device has a key; gateways vouch for the others. */
function isKeyed(index: number): boolean {
  return index % 5 === 0;
}

function gatewayEvent(registrationId: string, source: string): object {
  return {
    specversion: '1.0',
    type: 'io.berth.registration.requested.v1',
    source,
    datacontenttype: 'application/json',
    data: { registrationId, attestation: { type: 'gateway' } },
  };
}
