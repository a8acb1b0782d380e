// The services of compose.yaml, with the secrets of make-secrets.sh, as containers on one network: TLS and passwords between
// all of them. Registrations come from a producer outside; what goes wrong are a cut network and a kill.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LedgerEvent } from '@berth/domain';
import { EventStore, streams } from '@berth/event-store';
import { connectKafkaLog, parseAssignment, type RegistrationLog, topics } from '@berth/registration-log';
import { BerthClient } from '@berth/testcontainers';
import { eventually } from '@berth/testing';
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getContainerRuntimeClient, RandomPortGenerator } from 'testcontainers';
import { registrationEvent } from '../../libs/testcontainers/src/device.js';
import { ComposeStack, readEnvFile } from './compose-stack.js';

const partitions = 8;
const hubs = ['hub-a', 'hub-b', 'hub-c'];
/** Devices of each scenario. */
const crowd = 240;
const chunk = 40;
/** How long a silent allocator keeps its partitions, and what a busy machine needs on top. */
const takeOverMs = 90_000;
const graceS = 15;
const drainS = 10;

const folder = mkdtempSync(join(tmpdir(), 'berth-distributed-'));
const secrets = join(folder, 'secrets');
let stack: ComposeStack;
let berth: BerthClient;
let producer: Producer;
let log: RegistrationLog;
let store: EventStore;
let registered: string[] = [];

beforeAll(async () => {
  execFileSync(join(import.meta.dirname, '..', 'make-secrets.sh'), [secrets], { stdio: 'ignore' });
  // Containers run as somebody else, and mount single files of it.
  chmodSync(folder, 0o711);
  const ports = new RandomPortGenerator();
  const [http, kafka] = [await ports.generatePort(), await ports.generatePort()];
  stack = await ComposeStack.start(
    {
      files: ['compose.yaml', 'compose.event-store.yaml'],
      profiles: ['two-allocators'],
      variables: { BERTH_PORT: String(http), KAFKA_PORT: String(kafka), BERTH_PARTITIONS: String(partitions) },
      secrets,
      published: { eventstore: 2113 },
    },
    console.log,
  );
  const given = readEnvFile(join(secrets, 'berth.env')) as Record<
    'BERTH_API_KEYS' | 'BERTH_KAFKA_SASL_PASSWORD' | 'BERTH_EVENTSTORE_URL',
    string
  >;
  berth = new BerthClient(`http://127.0.0.1:${http}`, given.BERTH_API_KEYS.replace('operator:', ''));

  const authority = join(secrets, 'ca.crt');
  const ca = readFileSync(authority, 'utf8');
  const sasl = { mechanism: 'plain', username: 'berth', password: given.BERTH_KAFKA_SASL_PASSWORD } as const;
  const brokers = [`localhost:${kafka}`];
  const client = new Kafka({ brokers, ssl: { ca }, sasl, logLevel: logLevel.NOTHING });
  producer = client.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  log = await connectKafkaLog({ brokers, partitions, sasl, tls: { ca } });

  const eventStore = `127.0.0.1:${stack.service('eventstore').getMappedPort(2113)}`;
  const url = given.BERTH_EVENTSTORE_URL.replace('eventstore:2113', eventStore);
  store = new EventStore(url.replace('/run/berth/ca.crt', authority));
}, 600_000);

afterAll(async () => {
  await producer?.disconnect();
  await log?.close();
  await store?.close();
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

describe('the compose file as containers', () => {
  it('publishes its ports on loopback only', async () => {
    const { container } = await getContainerRuntimeClient();
    const addresses = (await container.list()).flatMap(({ Ports }) => Ports.flatMap(({ IP }) => IP ?? []));
    expect(new Set(addresses)).toEqual(new Set(['127.0.0.1']));
  });

  it('spreads devices that a producer outside registers, decided by two allocators', async () => {
    for (const name of hubs) await berth.linkHub({ name });
    const devices = await enroll('first');
    await register(devices);
    expectEven(await everyDeviceHasItsHub());
    expect(await allocatorsThatClaimed()).toBe(2);
    await expectInvariants();
  }, 300_000);

  it('goes on when an allocator is cut off from the network, and takes it back when it returns', async () => {
    const devices = await enroll('cut');
    await register(devices, () => stack.cutOff('allocator'));
    expectEven(await everyDeviceHasItsHub());
    await stack.reconnect('allocator');
    await eventually(
      'the allocator that was cut off to be healthy again',
      () => stack.isHealthy('allocator'),
      takeOverMs,
    );
    await register(await enroll('back'));
    expectEven(await everyDeviceHasItsHub());
    await expectInvariants();
  }, 600_000);

  it('goes on when an allocator is killed, and takes it back when it is started again', async () => {
    const devices = await enroll('kill');
    await register(devices, () => stack.kill('allocator-2'));
    expectEven(await everyDeviceHasItsHub());
    await stack.restart('allocator-2');
    await register(await enroll('again'));
    expectEven(await everyDeviceHasItsHub());
    await expectInvariants();
  }, 600_000);

  it('ends each service within 10 s of SIGTERM, with nothing half done', async () => {
    for (const name of ['gateway', 'projector', 'allocator-2', 'allocator', 'eventstore']) {
      const { seconds, exitCode } = await stack.terminate(name, graceS);
      console.log(`  ${name.padEnd(12)} ended after ${seconds.toFixed(1)} s with ${exitCode}`);
      expect({ name, exitCode, isInTime: seconds <= drainS }).toEqual({ name, exitCode: 0, isInTime: true });
    }
  }, 120_000);
});

async function enroll(name: string): Promise<string[]> {
  const devices = Array.from({ length: crowd }, (_, index) => `${name}-${index}`);
  const toEnroll = devices.values();
  const attestation = { gateway: { sources: ['/gateways/outside'] } };
  const some = async () => {
    for (const registrationId of toEnroll) await berth.enroll({ registrationId, attestation });
  };
  await Promise.all(Array.from({ length: 8 }, some));
  return devices;
}

/** @param halfway happens in the middle of it. */
async function register(devices: readonly string[], halfway?: () => Promise<void>): Promise<void> {
  for (let start = 0; start < devices.length; start += chunk) {
    if (start >= devices.length / 2 && start < devices.length / 2 + chunk) await halfway?.();
    const messages = devices.slice(start, start + chunk).map((registrationId) => ({
      key: registrationId,
      value: JSON.stringify(registrationEvent({ registrationId, source: '/gateways/outside' }, '')),
      headers: { 'content-type': 'application/cloudevents+json' },
    }));
    await producer.send({ topic: topics.registrations, acks: -1, messages });
  }
  registered = [...registered, ...devices];
}

async function everyDeviceHasItsHub(): Promise<number[]> {
  try {
    return await eventually(
      `${registered.length} devices to have their hub`,
      async () => {
        const counts = (await berth.hubLoads()).map(({ devices }) => devices);
        return counts.reduce((a, b) => a + b, 0) === registered.length && counts;
      },
      takeOverMs,
    );
  } catch (error) {
    console.log(await stack.lastWords(20));
    throw error;
  }
}

/** Each allocator spreads the devices of its own partitions. */
function expectEven(loads: readonly number[]): void {
  expect(loads).toHaveLength(hubs.length);
  expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(4);
}

async function allocatorsThatClaimed(): Promise<number> {
  const names = new Set<string>();
  for await (const event of ledgerEvents()) if (event.type === 'PartitionClaimed') names.add(event.data.allocator);
  return names.size;
}

/** One outcome a message, none lost, none decided twice; one hub a device; no answer that contradicts the ledger. */
async function expectInvariants(): Promise<void> {
  const hubOf = new Map<string, string>();
  const hubOfRequest = new Map<string, string>();
  for await (const event of ledgerEvents()) {
    if (event.type !== 'DecisionsRecorded') continue;
    for (const outcome of event.data.outcomes) {
      expect(outcome.type).toBe('DeviceAssigned');
      if (outcome.type !== 'DeviceAssigned') continue;
      expect(hubOf.has(outcome.registrationId)).toBe(false);
      hubOf.set(outcome.registrationId, outcome.hub);
      hubOfRequest.set(outcome.requestId, outcome.hub);
    }
  }
  expect([...hubOf.keys()].sort()).toEqual([...registered].sort());

  const answered = await eventually('every answer', async () => {
    const answers = await allAnswers();
    return new Set(answers.map(({ requestId }) => requestId)).size === registered.length && answers;
  });
  // Given again after a take-over, perhaps, but never another one.
  for (const { requestId, hub } of answered) expect(hub).toBe(hubOfRequest.get(requestId));
}

async function* ledgerEvents(): AsyncGenerator<LedgerEvent> {
  for (let partition = 0; partition < partitions; partition += 1) {
    for await (const { event } of store.read<LedgerEvent>(streams.ledger(partition))) yield event;
  }
}

async function allAnswers() {
  const answers: { requestId: string; hub?: string | null }[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    for (const record of await log.read(topics.assignments, partition, 0, 10_000)) {
      const parsed = parseAssignment(record);
      if (!parsed.ok) throw new Error(parsed.reason);
      answers.push(parsed.assignment.answer);
    }
  }
  return answers;
}
