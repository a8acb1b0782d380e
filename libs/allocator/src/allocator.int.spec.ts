import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConfigurationEvent, type EnrollmentEvent, type HubEvent, type LedgerEvent } from '@berth/domain';
import { EventStore, noStream, type StoredEvent, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import {
  type Assignment,
  type Batch,
  openEmbeddedLog,
  parseAssignment,
  type ReceivedRecord,
  type RegistrationLog,
  registrationRecord,
  releaseRecord,
  topics,
} from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { CuttableProxy, enrollmentData, eventually } from '@berth/testing';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Allocator, Fenced } from './allocator.js';
import { ConfigurationView } from './configuration-view.js';
import { LedgerSnapshots } from './snapshots/ledger-snapshots.js';

const idScope = '0ne0TEST';
const source = '/gateways/one';
const partitions = 4;
const masterKey = new MasterKey(randomBytes(32));
const at = '2026-01-01T00:00:00.000Z';
const metadata = { correlationId: 'spec', actor: 'spec', at };

const linked = (name: string, capacity: number | null = null): HubEvent => ({
  type: 'HubLinked',
  v: 1,
  data: { name, weight: 1, capacity, region: null, connection: null },
});
const enrolled = (registrationId: string, enabled = true): EnrollmentEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: enrollmentData(registrationId, source, { enabled }),
});
const wish = (registrationId: string, change: { requestId?: string; source?: string; minPosition?: string } = {}) =>
  registrationRecord(
    { requestId: `wish-of-${registrationId}`, source, registrationId, attestation: { type: 'gateway' }, ...change },
    '2026-01-01T00:00:00.000Z',
  );

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;
let log: RegistrationLog;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-allocator-'));
  node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  store = new EventStore(node.connectionString);
  log = await openEmbeddedLog({ dataFolder: folder, partitions });
});

afterEach(async () => {
  for (const part of running.splice(0)) await part.stop();
  await log.close();
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

function streamOf({ type, data }: ConfigurationEvent): string {
  if (type === 'AllocationPolicyChosen') return streams.policy;
  if (type === 'DataKeyCreated' || type === 'DataKeyRewrapped') return streams.dataKey(data.keyId);
  if (type === 'GatewayLatenciesReported') return streams.gatewayLatencies(data.source);
  if (type === 'RegionLatenciesSet') return streams.regionLatencies(data.region);
  if ('thumbprint' in data && 'holder' in data) return streams.certificate(data.thumbprint);
  if ('registrationId' in data) return streams.enrollment(data.registrationId);
  if (type.startsWith('EnrollmentGroup')) return streams.enrollmentGroup(data.name);
  return type.startsWith('CaCertificate') ? streams.caCertificate(data.name) : streams.hub(data.name);
}

async function record(...events: ConfigurationEvent[]): Promise<bigint> {
  let position = 0n;
  for (const event of events) {
    const stream = streamOf(event);
    let revision = noStream;
    for await (const stored of store.read(stream, { backwards: true, maxCount: 1 })) ({ revision } = stored);
    ({ position } = await store.append(stream, [event], revision, metadata));
  }
  return position;
}

function options(name: string) {
  return { log, store, idScope, name, now: () => Date.UTC(2026, 0, 1), wait };
}

async function allocator(name = 'one'): Promise<{ allocator: Allocator; view: ConfigurationView }> {
  const view = new ConfigurationView(store, masterKey);
  running.push(view);
  await view.caughtUp;
  const made = new Allocator({ ...options(name), view });
  running.unshift(made);
  return { view, allocator: made };
}

async function startAllocator(): Promise<ConfigurationView> {
  const { allocator: started, view } = await allocator();
  await started.start();
  return view;
}

async function answers(count: number): Promise<Assignment[]> {
  return eventually(`${count} answers`, async () => {
    const read: Assignment[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const answer of await log.read(topics.assignments, partition, 0, 10_000)) {
        const parsed = parseAssignment(answer);
        if (parsed.ok) read.push(parsed.assignment);
      }
    }
    return read.length >= count && read;
  });
}

async function ledgerOf(partition: number): Promise<StoredEvent<LedgerEvent>[]> {
  const events: StoredEvent<LedgerEvent>[] = [];
  for await (const stored of store.read<LedgerEvent>(streams.ledger(partition))) events.push(stored);
  return events;
}

describe('an allocator', () => {
  it('decides devices whose rules would fill more than a page that the store takes', async () => {
    const hubs = Array.from({ length: 1000 }, (_, index) => `hub-${index}.${'plant'.repeat(10)}.example.net`);
    const devices = Array.from({ length: 32 }, (_, index) => `press-${index}`);
    const ordered = (first: number) => [...hubs.slice(first), ...hubs.slice(0, first)];
    const events: ConfigurationEvent[] = [
      ...hubs.map((hub) => linked(hub)),
      ...devices.map((registrationId, index): EnrollmentEvent => {
        const data = enrollmentData(registrationId, source, { policy: 'static', hubs: ordered(index) });
        return { type: 'EnrollmentCreated', v: 2, data };
      }),
    ];
    await Promise.all(events.map((event) => store.append(streamOf(event), [event], noStream, metadata)));
    // On one partition, so that one batch has them all.
    await log.close();
    log = await openEmbeddedLog({ dataFolder: join(folder, 'one-partition'), partitions: 1 });
    await log.publish(
      topics.registrations,
      devices.map((registrationId) => wish(registrationId)),
    );
    await startAllocator();
    const given = await eventually('all answers', async () => {
      const read = await log.read(topics.assignments, 0, 0, 10_000);
      return read.length === devices.length && read;
    });
    const chosen = given.map((answer) => {
      const parsed = parseAssignment(answer);
      return parsed.ok && parsed.assignment.answer.hub;
    });
    expect(chosen).toEqual(hubs.slice(0, devices.length));
    const pages = (await ledgerOf(0)).flatMap(({ event }) => (event.type === 'DecisionsRecorded' ? [event.data] : []));
    expect(pages.flatMap(({ outcomes }) => outcomes)).toHaveLength(devices.length);
    expect(pages.length).toBeGreaterThan(1);
  });

  it('answers each kind of refusal with its reason', async () => {
    await record(linked('hub-a', 1), enrolled('first'), enrolled('off', false), enrolled('late'));
    await startAllocator();
    await log.publish(topics.registrations, [wish('first')]);
    await answers(1);
    await log.publish(topics.registrations, [
      wish('ghost'),
      wish('first', { source: '/gateways/evil', requestId: 'forged' }),
      wish('off'),
      wish('late'),
    ]);
    const byRequest = new Map((await answers(5)).map(({ answer }) => [answer.requestId, answer]));
    expect(byRequest.get('wish-of-first')).toMatchObject({ status: 'assigned', hub: 'hub-a', deviceId: 'first' });
    expect(byRequest.get('wish-of-ghost')).toMatchObject({ status: 'failed', errorCode: 404201 });
    expect(byRequest.get('forged')).toMatchObject({
      status: 'failed',
      errorCode: 401002,
      reason: expect.stringContaining('evil'),
    });
    expect(byRequest.get('wish-of-off')).toMatchObject({ status: 'disabled' });
    expect(byRequest.get('wish-of-late')).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('full (1 of 1)'),
    });
  });

  it('checks a token against the sealed key of the enrollment', async () => {
    const key = randomBytes(32);
    const dataKey = masterKey.newDataKey();
    const sealed = masterKey.seal(key, dataKey.key);
    const enrollment = enrolled('press-01') as Extract<EnrollmentEvent, { type: 'EnrollmentCreated' }>;
    enrollment.data.attestation = { type: 'symmetricKey', primary: sealed, secondary: sealed };
    await record(dataKey.event, linked('hub-a'), enrollment);
    await startAllocator();
    const resource = `${idScope}/registrations/press-01`;
    const token = (signingKey: Buffer) => {
      const signature = createHmac('sha256', signingKey).update(`${resource}\n2000000000`).digest('base64');
      return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=2000000000`;
    };
    const request = (requestId: string, signingKey: Buffer) =>
      registrationRecord(
        {
          requestId,
          source,
          registrationId: 'press-01',
          attestation: { type: 'symmetricKey', token: token(signingKey) },
        },
        metadata.at,
      );
    await log.publish(topics.registrations, [request('forged', randomBytes(32)), request('honest', key)]);
    expect((await answers(2)).map(({ answer }) => [answer.requestId, answer.status])).toEqual([
      ['forged', 'failed'],
      ['honest', 'assigned'],
    ]);
  });

  it('gives one assignment and equal answers for the same event posted five times', async () => {
    await record(linked('hub-a'), linked('hub-b'), enrolled('press-01'));
    await startAllocator();
    for (let time = 0; time < 5; time += 1) await log.publish(topics.registrations, [wish('press-01')]);
    const given = (await answers(5)).map(({ answer }) => JSON.stringify(answer));
    expect(new Set(given).size).toBe(1);
    const [partition] = (await log.publish(topics.registrations, [wish('press-01')])).map(
      (receipt) => receipt.partition,
    );
    const outcomes = (await ledgerOf(partition as number)).flatMap(({ event }) =>
      event.type === 'DecisionsRecorded' ? event.data.outcomes : [],
    );
    expect(outcomes).toHaveLength(1);
  });

  it('spreads devices over all its partitions evenly at any time', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `device-${index}`);
    await record(linked('hub-a'), linked('hub-b'), linked('hub-c'), ...ids.map((id) => enrolled(id)));
    await startAllocator();
    await log.publish(
      topics.registrations,
      ids.map((id) => wish(id)),
    );
    const perHub = new Map<string, number>();
    for (const { answer } of await answers(300))
      perHub.set(answer.hub as string, (perHub.get(answer.hub as string) ?? 0) + 1);
    expect([...perHub.values()].sort()).toEqual([100, 100, 100]);
  });

  it('puts what it cannot read on the rejected topic, untouched, and goes on', async () => {
    await record(linked('hub-a'), enrolled('press-01'));
    await startAllocator();
    const rubbish = Buffer.from([0xff, 0x00, 0x7b]);
    await log.publish(topics.registrations, [{ key: 'press-01', value: rubbish, headers: {} }, wish('press-01')]);
    expect((await answers(1))[0]?.answer.status).toBe('assigned');
    const rejected = await eventually('the rejected message', async () => {
      for (let partition = 0; partition < partitions; partition += 1) {
        const [found] = await log.read(topics.rejected, partition, 0, 10);
        if (found) return found;
      }
      return null;
    });
    expect(rejected.value).toEqual(rubbish);
    expect(rejected.headers['berth-reason']).toBeTruthy();
  });
});

describe('the ledger protocol', () => {
  it('has one ledger a device: what a producer put on the wrong partition is rejected, not decided', async () => {
    await record(linked('hub-a'), enrolled('press-01'));
    const [home] = await log.publish(topics.registrations, [wish('press-01')]);
    const astray = (home!.partition + 1) % partitions;
    const [misplaced] = await log.read(topics.registrations, home!.partition, home!.offset, 1);
    const { allocator: astrayAllocator } = await allocator();
    await astrayAllocator.batch({ ...(await batchOf(home!.partition)), partition: astray });
    expect((await ledgerOf(astray)).map(({ event }) => event.type)).toEqual(['PartitionClaimed']);
    const [rejected] = await log.read(topics.rejected, home!.partition, 0, 10);
    expect(rejected!.value).toEqual(misplaced!.value);
    expect(rejected!.headers).toMatchObject({
      'berth-path': '/key',
      'berth-reason': `belongs to partition ${home!.partition} of ${partitions} by murmur2, as Kafka's clients place it by default`,
      'berth-partition': String(astray),
    });
  });

  it('snapshots no page that was fenced, and takes a snapshot once the ledger was read again', async () => {
    await record(linked('hub-a'), enrolled('press-01'));
    const partition = await publishToOnePartition('press-01');
    const warn = (message: string, error: unknown) => expect([message, error]).toEqual([]);
    const snapshotsOf = () => new LedgerSnapshots({ dataFolder: folder, store, messagesMin: 0, warn });
    const { allocator: two, view } = await allocator('two');
    const one = new Allocator({ ...options('one'), view, snapshots: snapshotsOf() });
    running.unshift(one);
    await one.assigned([partition]);
    await two.assigned([partition]);
    await expect(deliver(one, partition)).rejects.toThrow(Fenced);
    const load = () => snapshotsOf().load(partition);
    // Time enough for a snapshot that is taken all the same.
    for (let read = 0; read < 20; read += 1) await ledgerOf(partition);
    expect((await load()).revision).toBe(-1);
    await deliver(one, partition);
    const ledger = await eventually('a snapshot', async () => {
      const loaded = await load();
      return loaded.revision > 0 && loaded;
    });
    expect(ledger.devices.get('press-01')).toMatchObject({ assigned: { hub: 'hub-a' } });
  });

  /** A batch as the log delivers it, and delivers it again, when nothing was committed. */
  async function batchOf(partition: number, heartbeat = async () => undefined): Promise<Batch> {
    const records = await log.read(topics.registrations, partition, 0, 1000);
    return {
      topic: topics.registrations,
      partition,
      records: records as [ReceivedRecord, ...ReceivedRecord[]],
      commit: async () => undefined,
      heartbeat,
      isStale: () => false,
    };
  }

  async function deliver(target: Allocator, partition: number, heartbeat?: () => Promise<undefined>): Promise<void> {
    await target.batch(await batchOf(partition, heartbeat));
  }

  async function publishToOnePartition(...ids: string[]): Promise<number> {
    const receipts = await log.publish(
      topics.registrations,
      ids.map((id) => wish(id)),
    );
    return receipts[0]!.partition;
  }

  it('decides with every command in view that a message was stamped with, though the view lags', async () => {
    const proxy = await CuttableProxy.to(node.port);
    const laggingStore = new EventStore(`esdb://127.0.0.1:${proxy.port}?tls=false`);
    const view = new ConfigurationView(laggingStore, masterKey);
    running.push(view, { stop: () => laggingStore.close() }, { stop: () => proxy.close() });
    await view.caughtUp;
    const lagging = new Allocator({ ...options('lagging'), view });
    running.unshift(lagging);
    proxy.hold();
    const position = await record(linked('hub-a'), enrolled('press-01'));
    const stamped = wish('press-01', { minPosition: String(position) });
    const [receipt] = await log.publish(topics.registrations, [stamped]);
    await lagging.assigned([receipt!.partition]);
    const batch = await batchOf(receipt!.partition);
    const deciding = lagging.batch(batch);
    expect(view.newest).toBeNull();
    proxy.release();
    await deciding;
    expect((await answers(1))[0]?.answer).toMatchObject({ status: 'assigned', hub: 'hub-a' });
    // A release wants it for what comes behind it, too.
    proxy.hold();
    const disabled = await record({ type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'press-01' } });
    const release = { requestId: 'r', registrationId: 'press-01', actor: 'ops', minPosition: String(disabled) };
    await log.publish(topics.registrations, [releaseRecord(release, at), wish('press-01', { requestId: 'late' })]);
    const releasing = lagging.batch(await batchOf(receipt!.partition));
    proxy.release();
    await releasing;
    expect((await answers(4)).slice(2).map(({ answer }) => answer.status)).toEqual(['unassigned', 'disabled']);
  });

  it('answers redelivered messages from the ledger, even when they changed nothing, and decides none twice', async () => {
    await record(linked('hub-a'), linked('hub-b'), enrolled('press-01'));
    const partition = await publishToOnePartition('press-01', 'press-01');
    await deliver((await allocator('one')).allocator, partition);
    // The first allocator is gone before it could commit; meanwhile the configuration changed under the decisions.
    await record({ type: 'EnrollmentDisabled', v: 1, data: { registrationId: 'press-01' } });
    await deliver((await allocator('two')).allocator, partition);
    const given = await answers(4);
    expect(given[2]).toEqual(given[0]);
    expect(given[3]).toEqual(given[1]);
    const types = (await ledgerOf(partition)).map(({ event }) => event.type);
    expect(types).toEqual(['PartitionClaimed', 'DecisionsRecorded', 'PartitionClaimed']);
  });

  it('fences whoever claimed before: its page is refused and it answers nothing', async () => {
    await record(linked('hub-a'), enrolled('press-01'));
    const partition = await publishToOnePartition('press-01');
    const zombie = (await allocator('zombie')).allocator;
    await zombie.assigned([partition]);
    const heir = (await allocator('heir')).allocator;
    await heir.assigned([partition]);
    await expect(deliver(zombie, partition)).rejects.toBeInstanceOf(Fenced);
    expect((await ledgerOf(partition)).map(({ event }) => event.type)).toEqual([
      'PartitionClaimed',
      'PartitionClaimed',
    ]);
    await deliver(heir, partition);
    expect(await answers(1)).toHaveLength(1);
  });

  it('does not claim back a partition that is no longer its own', async () => {
    await record(linked('hub-a'), enrolled('press-01'));
    const partition = await publishToOnePartition('press-01');
    const zombie = (await allocator('zombie')).allocator;
    await zombie.assigned([partition]);
    await (await allocator('heir')).allocator.assigned([partition]);
    await expect(deliver(zombie, partition)).rejects.toBeInstanceOf(Fenced);
    const lost = async () => Promise.reject(new Error('the partition is no longer ours'));
    await expect(deliver(zombie, partition, lost)).rejects.toThrow('no longer ours');
    expect((await ledgerOf(partition)).map(({ event }) => event.type)).toEqual([
      'PartitionClaimed',
      'PartitionClaimed',
    ]);
  });

  it('knows after a restart who is where', async () => {
    await record(linked('hub-a'), linked('hub-b'), enrolled('press-01'), enrolled('press-02'));
    const partition = await publishToOnePartition('press-01');
    await deliver((await allocator('one')).allocator, partition);
    await log.publish(topics.registrations, [wish('press-02'), wish('press-01', { requestId: 'again' })]);
    await startAllocator();
    const byRequest = new Map((await answers(4)).map(({ answer }) => [answer.requestId, answer.hub]));
    const [first, other] = byRequest.get('wish-of-press-01') === 'hub-a' ? ['hub-a', 'hub-b'] : ['hub-b', 'hub-a'];
    expect(Object.fromEntries(byRequest)).toEqual({
      'wish-of-press-01': first,
      again: first,
      'wish-of-press-02': other,
    });
  });

  it('releases a device between registrations, and says so again when the messages come again', async () => {
    await record(linked('hub-a'), linked('hub-b'), enrolled('Press-01'));
    const release = (requestId: string) => releaseRecord({ requestId, registrationId: 'PRESS-01', actor: 'ops' }, at);
    const messages = [
      wish('press-01', { requestId: 'first' }),
      release('r1'),
      release('r1'),
      release('r2'),
      wish('press-01', { requestId: 'anew' }),
      release('r3'),
    ];
    const [receipt] = await log.publish(topics.registrations, messages);
    await deliver((await allocator('one')).allocator, receipt!.partition);
    const given = await answers(6);
    expect(
      given.map(({ answer: { requestId, status, substatus, errorCode } }) => [
        requestId,
        status,
        substatus ?? errorCode,
      ]),
    ).toEqual([
      ['first', 'assigned', 'initialAssignment'],
      ['r1', 'unassigned', undefined],
      ['r1', 'unassigned', undefined],
      ['r2', 'failed', 404202],
      ['anew', 'assigned', 'initialAssignment'],
      ['r3', 'unassigned', undefined],
    ]);
    const [hub] = given.map(({ answer }) => answer.hub);
    const ledger = (await ledgerOf(receipt!.partition)).map(({ event }) => event);
    expect(ledger.map(({ type }) => type)).toEqual([
      'PartitionClaimed',
      'DecisionsRecorded',
      'RegistrationReleased',
      'RegistrationReleased',
      'ReleaseRefused',
      'DecisionsRecorded',
      'RegistrationReleased',
    ]);
    expect(ledger[2]!.data).toMatchObject({ registrationId: 'PRESS-01', actor: 'ops', hub, offset: 1 });
    expect(ledger[3]!.data).toMatchObject({ hub, offset: 2, repeats: 1 });
    // The first allocator is gone before it could commit.
    await deliver((await allocator('two')).allocator, receipt!.partition);
    expect((await answers(12)).slice(6)).toEqual(given);
    expect((await ledgerOf(receipt!.partition)).map(({ event }) => event.type).slice(7)).toEqual(['PartitionClaimed']);
  });

  it('gives the place of a released device to another', async () => {
    await record(linked('hub-a', 1), enrolled('press-01'), enrolled('press-02'));
    await startAllocator();
    await log.publish(topics.registrations, [wish('press-01')]);
    await answers(1);
    await log.publish(topics.registrations, [
      releaseRecord({ requestId: 'r', registrationId: 'press-01', actor: 'ops' }, at),
    ]);
    await answers(2);
    await log.publish(topics.registrations, [wish('press-02')]);
    const byRequest = new Map((await answers(3)).map(({ answer }) => [answer.requestId, answer]));
    expect(byRequest.get('wish-of-press-02')).toMatchObject({ status: 'assigned', hub: 'hub-a' });
  });
});
