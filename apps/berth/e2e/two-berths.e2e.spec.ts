import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LedgerEvent } from '@berth/domain';
import { EventStore, streams } from '@berth/event-store';
import { connectKafkaLog, parseAssignment, type RegistrationLog, topics } from '@berth/registration-log';
import { eventually } from '@berth/testing';
import { Kafka, logLevel } from 'kafkajs';
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// eslint-disable-next-line @nx/enforce-module-boundaries -- a tool of the workspace, which belongs to no project
import { KafkaUnavailable, startKafka } from '../../../tools/kafka.js';
import { registrationEvent } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

const partitions = 8;
const hubs = ['hub-a', 'hub-b', 'hub-c'];
const devices = Array.from({ length: 600 }, (_, index) => `device-${index}`);
const folder = await mkdtemp(join(tmpdir(), 'berth-two-'));
const kafka = await kafkaOrReason();
const describeWithKafka = 'brokers' in kafka ? describe : describe.skip;

afterAll(async () => {
  if ('brokers' in kafka) await kafka.stop();
  await rm(folder, { recursive: true, force: true });
});

const title =
  'brokers' in kafka ? 'two Berths on one Kafka and one event store' : `two Berths did not run: ${kafka.missing}`;

describeWithKafka(title, () => {
  const brokers = 'brokers' in kafka ? kafka.brokers : [];
  const running: { stop(): Promise<unknown> }[] = [];
  let store: EventStore;
  let log: RegistrationLog;
  let first: RunningBerth;
  let second: RunningBerth;

  beforeAll(async () => {
    const node = fork(fileURLToPath(new URL('../../event-store/dist/main.js', import.meta.url)), {
      env: { BERTH_DATA: folder, PATH: process.env['PATH'] },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const stopNode = async () => {
      const ended = once(node, 'exit');
      node.kill('SIGTERM');
      await ended;
    };
    running.unshift({ stop: stopNode });
    const [{ port }] = (await once(node, 'message')) as [{ port: number }];
    const url = `esdb://127.0.0.1:${port}?tls=false`;
    const env = {
      BERTH_EVENTSTORE_URL: url,
      BERTH_KAFKA_BROKERS: brokers.join(','),
      BERTH_MASTER_KEY: randomBytes(32).toString('base64'),
      BERTH_PARTITIONS: String(partitions),
    };
    store = new EventStore(url);
    running.unshift({ stop: () => store.close() });
    log = await connectKafkaLog({ brokers, partitions });
    running.unshift({ stop: () => log.close() });
    first = await RunningBerth.start({ ...env, BERTH_DATA: join(folder, 'first') });
    second = await RunningBerth.start({ ...env, BERTH_DATA: join(folder, 'second') });
    running.unshift({ stop: () => second.end('SIGTERM') });
  }, 120_000);

  afterAll(async () => {
    for (const part of running) await part.stop();
  }, 60_000);

  it('share the work, and when one is killed the other takes over: no device lost, none decided twice', async () => {
    for (const name of hubs)
      await first.graphql('mutation ($name: String!) { hubLink(input: { name: $name }) { position } }', { name });
    const toEnroll = devices.values();
    const enroll = async () => {
      for (const id of toEnroll) await first.graphql(enrollment, { id });
    };
    await Promise.all(Array.from({ length: 16 }, enroll));
    await eventually('both to have the enrollments', async () => (await enrolledIn(second)) === devices.length, 30_000);

    const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    const chunk = devices.length / 10;
    for (let start = 0; start < devices.length; start += chunk) {
      await producer.send({
        topic: topics.registrations,
        messages: devices.slice(start, start + chunk).map(messageOf),
      });
      if (start === 4 * chunk) await first.end('SIGKILL');
    }
    await producer.disconnect();

    const loads = await eventually(
      'every device to have its hub',
      async () => {
        const { hubLoads } = await second.graphql<{ hubLoads: { devices: number }[] }>('{ hubLoads { devices } }');
        const counts = hubLoads.map((load) => load.devices);
        return counts.reduce((a, b) => a + b, 0) === devices.length && counts;
      },
      60_000,
    );
    // Each allocator is exact by itself, and the heir knows everything.
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(2);

    const outcomes = await outcomesInLedgers();
    expect(outcomes.map(({ type }) => type)).toEqual(devices.map(() => 'DeviceAssigned'));
    expect(new Set(outcomes.map(({ registrationId }) => registrationId)).size).toBe(devices.length);

    const answers = await eventually(
      'every answer',
      async () => {
        const given = await answersByRequest();
        return given.size === devices.length && given;
      },
      30_000,
    );
    // An answer may be given again after the take-over, but never another one.
    for (const given of answers.values()) expect(given.size).toBe(1);
    for (const { requestId, hub } of outcomes) expect([...answers.get(requestId)!][0]).toContain(`"hub":"${hub}"`);
  }, 180_000);

  async function enrolledIn(berth: RunningBerth): Promise<number> {
    const query = '{ enrollments(first: 1) { totalCount } }';
    return (await berth.graphql<{ enrollments: { totalCount: number } }>(query)).enrollments.totalCount;
  }

  async function outcomesInLedgers() {
    const outcomes: { type: string; registrationId: string; requestId: string; hub: string }[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for await (const { event } of store.read<LedgerEvent>(streams.ledger(partition))) {
        if (event.type !== 'DecisionsRecorded') continue;
        for (const outcome of event.data.outcomes) {
          const hub = outcome.type === 'RegistrationRejected' ? '' : outcome.hub;
          outcomes.push({
            type: outcome.type,
            registrationId: outcome.registrationId,
            requestId: outcome.requestId,
            hub,
          });
        }
      }
    }
    return outcomes;
  }

  async function answersByRequest(): Promise<Map<string, Set<string>>> {
    const answers = new Map<string, Set<string>>();
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const record of await log.read(topics.assignments, partition, 0, 10_000)) {
        const parsed = parseAssignment(record);
        if (!parsed.ok) throw new Error(parsed.reason);
        const { answer } = parsed.assignment;
        answers.set(answer.requestId, (answers.get(answer.requestId) ?? new Set()).add(JSON.stringify(answer)));
      }
    }
    return answers;
  }
});

const enrollment = `mutation ($id: String!) {
  enrollmentCreate(input: { registrationId: $id, attestation: { gateway: { sources: ["/gateways/one"] } } }) { position }
}`;

function messageOf(registrationId: string) {
  const event = registrationEvent(registrationId, { type: 'gateway' }, { id: `wish-of-${registrationId}` });
  return {
    key: registrationId,
    value: JSON.stringify(event),
    headers: { 'content-type': 'application/cloudevents+json' },
  };
}

async function kafkaOrReason(): Promise<{ brokers: readonly string[]; stop(): Promise<void> } | { missing: string }> {
  try {
    const { brokers, kill } = await startKafka({ dataFolder: join(folder, 'kafka') });
    return { brokers, stop: kill };
  } catch (error) {
    if (error instanceof KafkaUnavailable) return { missing: error.message };
    throw error;
  }
}
