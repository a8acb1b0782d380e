import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ConfigurationEvent,
  type GatewayLatenciesReported,
  GatewayTable,
  latencyStaleAfterMs,
} from '@berth/domain';
import { EventStore, noStream, StoreUnavailable, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import {
  connectKafkaLog,
  latencyRecord,
  type LogRecord,
  openEmbeddedLog,
  parseAssignment,
  partitionOf,
  type RegistrationLog,
  registrationRecord,
  topics,
} from '@berth/registration-log';
import { describeNotRun, findKafka } from '@berth/registration-log/kafka-under-test';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, eventually } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Allocator } from './allocator.js';
import { ConfigurationView } from './configuration-view.js';
import { recordReports } from './gateway-reports.js';

const at = new Date().toISOString();
const metadata = { correlationId: 'spec', actor: 'spec', at };
const source = 'https://gateways.example.com/pl%C3%A4nt?line=7#-';
const partitions = 4;
const masterKey = new MasterKey(randomBytes(32));
const report = (ms: Record<string, number>, reportId: string, ageMs = 0) => {
  const hubLatencies = Object.fromEntries(Object.entries(ms).map(([hub, value]) => [hub, { ms: value, ageMs }]));
  return latencyRecord({ reportId, source, hubLatencies }, at);
};

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;
let log: RegistrationLog;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-gateway-reports-'));
  node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  store = new EventStore(node.connectionString);
  log = await openEmbeddedLog({ dataFolder: folder, partitions });
  await record(streams.hub('near'), linked('near'));
  await record(streams.hub('far'), linked('far'));
  await record(streams.policy, { type: 'AllocationPolicyChosen', v: 1, data: { policy: { kind: 'lowestLatency' } } });
  for (const id of ['a', 'b', 'c', 'd']) {
    await record(streams.enrollment(id), { type: 'EnrollmentCreated', v: 2, data: enrollmentData(id, source) });
  }
});

afterEach(async () => {
  for (const part of running.splice(0)) await part.stop();
  await log.close();
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

function linked(name: string): ConfigurationEvent {
  const data = { name, weight: 1, capacity: null, region: null, connection: null };
  return { type: 'HubLinked', v: 1, data };
}

function record(stream: string, event: ConfigurationEvent) {
  return store.append(stream, [event], noStream, metadata);
}

async function startAllocator(name: string): Promise<ConfigurationView> {
  const view = new ConfigurationView(store, masterKey);
  running.push(view);
  const allocator = new Allocator({ log, store, view, idScope: '0ne0TEST', name, now: Date.now, wait });
  running.unshift(allocator);
  await allocator.start();
  return view;
}

const wish = (registrationId: string): LogRecord =>
  registrationRecord(
    { requestId: `of-${registrationId}`, source, registrationId, attestation: { type: 'gateway' } },
    at,
  );

async function hubOf(registrationId: string): Promise<string | null> {
  await log.publish(topics.registrations, [wish(registrationId)]);
  return eventually(`an answer to ${registrationId}`, async () => (await answers()).get(registrationId));
}

async function answers(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let partition = 0; partition < partitions; partition += 1) {
    for (const answer of await log.read(topics.assignments, partition, 0, 1000)) {
      const parsed = parseAssignment(answer);
      if (parsed.ok) found.set(parsed.assignment.answer.registrationId, parsed.assignment.answer.hub ?? 'none');
    }
  }
  return found;
}

async function recorded(): Promise<GatewayLatenciesReported['data'][]> {
  const all: GatewayLatenciesReported['data'][] = [];
  for await (const { event } of store.read<GatewayLatenciesReported>(streams.gatewayLatencies(source)))
    all.push(event.data);
  return all;
}

const reported = (hub: string, ms: number) =>
  eventually(`${hub} at ${ms} ms`, async () =>
    (await recorded())[0]?.latencies.some((known) => known.hub === hub && known.us === ms * 1000),
  );

describe("a gateway's report", () => {
  it('places the devices of every partition, and the newest one counts', async () => {
    const view = await startAllocator('one');
    await log.publish(topics.registrations, [report({ near: 10, far: 90 }, 'r-1')]);
    await reported('near', 10);
    await eventually('the report in view', async () => view.configuration.gateways.get(source));
    expect([await hubOf('a'), await hubOf('b')]).toEqual(['near', 'near']);
    expect(new Set(['a', 'b', source].map((key) => partitionOf(key, partitions))).size).toBeGreaterThan(1);
    await log.publish(topics.registrations, [report({ near: 90, far: 10 }, 'r-2')]);
    await reported('far', 10);
    await eventually('it in view', async () => view.configuration.gateways.get(source)?.latencies[0]?.us === 90_000);
    expect(await hubOf('c')).toBe('far');
    expect(await recorded()).toHaveLength(1);
  });

  it('is known to an allocator that starts later', async () => {
    await startAllocator('one');
    await log.publish(topics.registrations, [report({ near: 90, far: 10 }, 'r-1')]);
    await reported('far', 10);
    for (const part of running.splice(0)) await part.stop();
    await startAllocator('two');
    expect(await hubOf('a')).toBe('far');
  });

  const said = (offset: number, us: number) => ({ source, offset, latencies: [{ hub: 'near', us, measuredAt: 0 }] });
  /** As an allocator that has just claimed the partition. */
  const recording = () => ({ store, known: new GatewayTable(), name: 'spec', now: Date.now });

  it('is no news when it comes again, and a batch that comes again changes nothing', async () => {
    const options = recording();
    const batch = [said(4, 10_000), said(5, 90_000)];
    await recordReports(batch, options);
    expect(await recorded()).toEqual([batch[1]]);
    expect(await recordReports(batch, options)).toBeNull();
    expect(await recordReports(batch, recording())).toBeNull();
    expect(await recordReports([said(6, 90_000)], options)).toBeNull();
    expect(await recordReports([], options)).toBeNull();
  });

  it('of two allocators at once is kept as the later message says', async () => {
    await Promise.all([3, 1, 4, 2].map((offset) => recordReports([said(offset, offset * 10_000)], recording())));
    expect(await recorded()).toEqual([said(4, 40_000)]);
  });

  it('that takes another back is news to whoever has the partition next', async () => {
    const before = recording();
    await recordReports([said(4, 10_000)], before);
    await recordReports([said(5, 90_000)], before);
    await recordReports([said(6, 10_000)], recording());
    expect(await recorded()).toEqual([said(6, 10_000)]);
  });

  it('that takes another back is news where nobody knows whether that one was stored', async () => {
    const options = recording();
    await recordReports([said(4, 10_000)], options);
    const unanswered = Object.assign(Object.create(store) as EventStore, {
      append: async (...args: Parameters<EventStore['append']>) => {
        await store.append(...args);
        throw new StoreUnavailable('no answer');
      },
    });
    await expect(recordReports([said(5, 90_000)], { ...options, store: unanswered })).rejects.toThrow('no answer');
    await recordReports([said(6, 10_000)], options);
    expect(await recorded()).toEqual([said(6, 10_000)]);
  });

  it('that is stale places nobody', async () => {
    const view = await startAllocator('one');
    await log.publish(topics.registrations, [report({ near: 90, far: 10 }, 'r-1', latencyStaleAfterMs)]);
    await eventually('the report in view', async () => view.configuration.gateways.get(source));
    // Without any latency it is by turns, and the first turn is that of the first by name.
    expect([await hubOf('a'), await hubOf('b')]).toEqual(['far', 'near']);
  });

  it('that can’t be read is rejected with its bytes, and what comes after it is taken', async () => {
    await startAllocator('one');
    const good = report({ near: 10 }, 'r-2');
    const bad = { ...report({ near: -1 }, 'r-1'), key: source };
    const elsewhere = { ...report({ near: 1 }, 'r-3'), key: '/another' };
    await log.publish(topics.registrations, [bad, elsewhere, good]);
    await reported('near', 10);
    const rejected = await eventually('both rejected', async () => {
      const all = await Promise.all(
        Array.from({ length: partitions }, (_, partition) => log.read(topics.rejected, partition, 0, 100)),
      );
      return all.flat().length === 2 ? all.flat() : null;
    });
    const seen = rejected.map(({ value, headers }) => [headers['berth-path'], value.toString()]);
    expect(new Map(seen as [string, string][])).toEqual(
      new Map([
        ['/data/hubLatencies/near/ms', bad.value.toString()],
        ['/key', elsewhere.value.toString()],
      ]),
    );
  });
});

const kafka = await findKafka(undefined);
const overKafka = "a gateway's report over Kafka";

if ('missing' in kafka) {
  describeNotRun(overKafka, kafka.missing, process.env['CI'] === 'true');
} else {
  afterAll(() => kafka.stop(), 30_000);

  describe(overKafka, () => {
    it('places the devices of every partition, outlives its allocator, and is followed by newer ones', async () => {
      await log.close();
      log = await connectKafkaLog({ brokers: kafka.brokers, partitions, sessionMs: 10_000, handoverMs: 500 });
      const first = await startAllocator('one');
      await log.publish(topics.registrations, [
        report({ near: 10, far: 90 }, 'r-1'),
        { ...report({ near: 1 }, 'r-2'), key: 'x' },
      ]);
      await reported('near', 10);
      await eventually('the report in view', async () => first.configuration.gateways.get(source));
      expect([await hubOf('a'), await hubOf('b')]).toEqual(['near', 'near']);
      for (const part of running.splice(0)) await part.stop();
      const second = await startAllocator('two');
      expect(await hubOf('c')).toBe('near');
      await log.publish(topics.registrations, [report({ near: 90, far: 10 }, 'r-3')]);
      await reported('far', 10);
      await eventually(
        'it in view',
        async () => second.configuration.gateways.get(source)?.latencies[0]?.us === 90_000,
      );
      expect(await hubOf('d')).toBe('far');
      expect(await recorded()).toHaveLength(1);
      const rejected = await Promise.all([0, 1, 2, 3].map((partition) => log.read(topics.rejected, partition, 0, 100)));
      expect(rejected.flat().map(({ key, headers }) => [key, headers['berth-path']])).toEqual([['x', '/key']]);
    });
  });
}
