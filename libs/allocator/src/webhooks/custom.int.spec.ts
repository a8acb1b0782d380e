import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CustomAllocation, type EnrollmentData, type LedgerEvent, type Outcome } from '@berth/domain';
import { type BerthEvent, EventStore, noStream, streams } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import {
  type Assignment,
  type JsonValue,
  openEmbeddedLog,
  parseAssignment,
  partitionOf,
  type RegistrationLog,
  registrationRecord,
  topics,
} from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, enrollmentGroupData, eventually } from '@berth/testing';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Allocator } from '../allocator.js';
import { ConfigurationView } from '../configuration-view.js';
import { storedLedger } from '../replay/recorded-ledger.js';
import { replayLedger } from '../replay/replay-ledger.js';
import { HttpWebhooks } from './http-webhooks.js';
import { Receiver } from './under-test/receiver.js';

/* The policy `custom`, from the message through a real webhook to the ledger and the answer. */

const idScope = '0ne0TEST';
const source = '/gateways/one';
const partitions = 4;
const masterKey = new MasterKey(randomBytes(32));
const at = '2026-01-01T00:00:00.000Z';
const metadata = { correlationId: 'spec', actor: 'spec', at };

let folder: string;
let node: EventStoreNode;
let store: EventStore;
let log: RegistrationLog;
let receiver: Receiver;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-custom-'));
  node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  store = new EventStore(node.connectionString);
  log = await openEmbeddedLog({ dataFolder: folder, partitions });
  receiver = await Receiver.start();
  await hub('hub-a');
  await hub('Hub-B');
});
afterEach(async () => {
  for (const part of running.splice(0)) await part.stop();
  await receiver.stop();
  await log.close();
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

function hub(name: string, capacity: number | null = null) {
  const data = { name, weight: 1, capacity, region: null, connection: null };
  return store.append(streams.hub(name), [{ type: 'HubLinked', v: 1, data }], noStream, metadata);
}

function asking(change: Partial<CustomAllocation> = {}): Pick<EnrollmentData, 'policy' | 'custom'> {
  const custom = { webhookUrl: receiver.url, apiVersion: '2021-10-01', fallback: null, deadlineMs: 2000, ...change };
  return { policy: 'custom', custom };
}

function enroll(registrationId: string, change: Partial<EnrollmentData> = {}) {
  const data = enrollmentData(registrationId, source, { ...asking(), ...change });
  const event: BerthEvent = { type: 'EnrollmentCreated', v: 2, data };
  return store.append(streams.enrollment(registrationId), [event], noStream, metadata);
}

async function start(name = 'one', hosts: ReadonlySet<string> = new Set([receiver.host])): Promise<Allocator> {
  const view = new ConfigurationView(store, masterKey);
  const webhooks = new HttpWebhooks({ hosts, secrets: [randomBytes(32)], now: () => Date.now() });
  const now = () => Date.UTC(2026, 0, 1);
  const allocator = new Allocator({ log, store, view, webhooks, idScope, name, now, wait });
  running.unshift(allocator, view);
  await allocator.start();
  return allocator;
}

let wishes = 0;
function wish(registrationId: string, payload?: JsonValue) {
  const requestId = `wish-${(wishes += 1)}`;
  const attestation = { type: 'gateway' } as const;
  return registrationRecord({ requestId, source, registrationId, attestation, ...(payload && { payload }) }, at);
}

async function answers(count: number): Promise<Assignment['answer'][]> {
  return eventually(`${count} answers`, async () => {
    const read: Assignment['answer'][] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const record of await log.read(topics.assignments, partition, 0, 1000)) {
        const parsed = parseAssignment(record);
        if (parsed.ok) read.push(parsed.assignment.answer);
      }
    }
    return read.length >= count && read;
  });
}

async function register(...ids: string[]): Promise<Assignment['answer'][]> {
  const before = (await answers(0)).length;
  const first = wishes + 1;
  await log.publish(
    topics.registrations,
    ids.map((id) => wish(id)),
  );
  const given = new Map((await answers(before + ids.length)).map((answer) => [answer.requestId, answer]));
  return ids.map((_, index) => given.get(`wish-${first + index}`) as Assignment['answer']);
}

async function outcomesOf(registrationId: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const { event } of store.read<LedgerEvent>(streams.ledger(partitionOf(registrationId, partitions)))) {
    if (event.type === 'DecisionsRecorded') outcomes.push(...event.data.outcomes);
  }
  return outcomes;
}

/** As after a crash before the commit. */
async function forgetWhatWasDone(): Promise<void> {
  const again = await openEmbeddedLog({ dataFolder: join(folder, 'again'), partitions });
  running.push({ stop: () => again.close() });
  for (let partition = 0; partition < partitions; partition += 1) {
    const records = await log.read(topics.registrations, partition, 0, 1000);
    if (records.length > 0) await again.publish(topics.registrations, records);
  }
  await log.close();
  log = again;
}

describe('a registration under custom', () => {
  it('is asked about in the shape of the reference service, and goes where the webhook says', async () => {
    const twin = { tags: { hall: 1 } };
    await enroll('Press-01', { hubs: ['hub-a', 'Hub-B'], initialTwin: twin, deviceId: 'P1' });
    receiver.say({ iotHubHostName: 'Hub-B', initialTwin: { tags: { hall: 2 } }, payload: { firmware: 7 } });
    await start();
    await log.publish(topics.registrations, [wish('press-01', { model: 'm1' })]);
    expect(await answers(1)).toMatchObject([{ status: 'assigned', hub: 'Hub-B', payload: { firmware: 7 } }]);
    expect(receiver.received.map(({ request }) => request)).toEqual([
      {
        individualEnrollment: {
          registrationId: 'Press-01',
          deviceId: 'P1',
          attestation: { type: 'none' },
          capabilities: { iotEdge: false },
          iotHubs: ['hub-a', 'Hub-B'],
          allocationPolicy: 'custom',
          customAllocationDefinition: {
            webhookUrl: receiver.url.replace('code=hush', '***'),
            apiVersion: '2021-10-01',
          },
          initialTwin: twin,
          reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
          provisioningStatus: 'enabled',
          etag: '"0"',
          createdDateTimeUtc: at,
          lastUpdatedDateTimeUtc: at,
        },
        deviceRuntimeContext: { registrationId: 'press-01', payload: { model: 'm1' } },
        linkedHubs: ['hub-a', 'Hub-B'],
      },
    ]);
    expect(await outcomesOf('press-01')).toMatchObject([
      { hub: 'Hub-B', webhook: { hub: 'Hub-B', initialTwin: { tags: { hall: 2 } }, payload: { firmware: 7 } } },
    ]);
    receiver.say({ iotHubHostName: 'hub-a' });
    expect(await register('press-01')).toMatchObject([{ hub: 'hub-a', substatus: 'deviceDataMigrated' }]);
    expect(receiver.received.at(-1)?.request.deviceRuntimeContext).toEqual({
      registrationId: 'press-01',
      currentIotHubHostName: 'Hub-B',
      currentDeviceId: 'P1',
    });
  });

  it('through a group is asked about with the group, and no key leaves Berth', async () => {
    const [groupKey, dataKey] = [randomBytes(32), masterKey.newDataKey()];
    const sealed = masterKey.seal(groupKey, dataKey.key);
    const attestation = { type: 'symmetricKey', primary: sealed, secondary: sealed } as const;
    const group = enrollmentGroupData('Line-7', { ...asking(), attestation });
    await store.append(streams.dataKey(dataKey.event.data.keyId), [dataKey.event], noStream, metadata);
    const created: BerthEvent = { type: 'EnrollmentGroupCreated', v: 1, data: group };
    await store.append(streams.enrollmentGroup('Line-7'), [created], noStream, metadata);
    receiver.say({ iotHubHostName: 'hub-a' });
    await start();
    const deviceKey = createHmac('sha256', groupKey).update('press-01').digest();
    const resource = `${idScope}/registrations/press-01`;
    const signature = createHmac('sha256', deviceKey).update(`${resource}\n2000000000`).digest('base64');
    const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=2000000000`;
    const request = { requestId: 'r', source, registrationId: 'press-01' };
    const record = registrationRecord({ ...request, attestation: { type: 'symmetricKey', token } }, at);
    await log.publish(topics.registrations, [record]);
    expect(await answers(1)).toMatchObject([{ status: 'assigned', hub: 'hub-a' }]);
    const [{ request: asked, body }] = receiver.received as [(typeof receiver.received)[number]];
    expect(asked).toMatchObject({
      enrollmentGroup: { enrollmentGroupId: 'Line-7', attestation: { type: 'symmetricKey', symmetricKey: {} } },
      deviceRuntimeContext: { symmetricKey: {} },
    });
    for (const secret of [sealed.ciphertext, sealed.keyId, groupKey.toString('base64'), signature, 'hush']) {
      expect(body).not.toContain(secret);
    }
  });

  it('fails when the answer is of no use, or goes by the fallback, and the deadline holds', async () => {
    await enroll('lone');
    await enroll('spare', asking({ fallback: 'evenlyWeighted' }));
    await enroll('hasty', asking({ fallback: 'evenlyWeighted', deadlineMs: 100 }));
    receiver.answer = ({ request }, response) => {
      if (request.deviceRuntimeContext.registrationId === 'hasty') return;
      response.end(JSON.stringify({ iotHubHostName: 'hub-x' }));
    };
    await start();
    const given = new Map((await register('lone', 'spare', 'hasty')).map((answer) => [answer.registrationId, answer]));
    const fault = "named 'hub-x', which is not linked";
    const reason = `the webhook http://${receiver.host}/allocate?*** ${fault}`;
    expect(given.get('lone')).toMatchObject({ status: 'failed', errorCode: 400207, reason });
    expect([given.get('spare')?.status, given.get('hasty')?.status]).toEqual(['assigned', 'assigned']);
    const silent = { fault: 'gave no answer within 100 ms' };
    expect(await outcomesOf('hasty')).toContainEqual(expect.objectContaining({ webhook: silent }));
  });

  it('goes by the fallback where its host is not allowed any more, and nobody is asked', async () => {
    await enroll('press-01', asking({ fallback: 'evenlyWeighted' }));
    await start('one', new Set());
    expect(await register('press-01')).toMatchObject([{ status: 'assigned' }]);
    expect(receiver.received).toEqual([]);
  });

  it('that names a hub with a last place waits for that place without asking again', async () => {
    await hub('small', 1);
    await enroll('first');
    await enroll('second');
    receiver.say({ iotHubHostName: 'small' });
    await start();
    expect(await register('first')).toMatchObject([{ hub: 'small' }]);
    expect(receiver.received).toHaveLength(1);
    expect(await register('second')).toMatchObject([{ status: 'failed', errorCode: 400207 }]);
    expect(receiver.received.at(-1)?.request.linkedHubs).toEqual(['hub-a', 'Hub-B']);
  });

  it('is answered from the ledger when its message comes again, and decided again without asking anybody', async () => {
    const ids = ['one', 'two', 'three', 'four', 'five'];
    for (const id of ids) await enroll(id, asking({ fallback: id === 'one' ? 'evenlyWeighted' : null }));
    receiver.answer = ({ request: { deviceRuntimeContext } }, response) => {
      const { registrationId } = deviceRuntimeContext;
      if (registrationId === 'one') response.statusCode = 404;
      response.end(JSON.stringify({ iotHubHostName: 'hub-a', payload: { for: registrationId } }));
    };
    const allocator = await start();
    const given = [...(await register(...ids)), ...(await register(...ids))];
    expect(receiver.received).toHaveLength(10);
    await allocator.stop();
    await receiver.stop();
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const withLog of [log, null]) {
        const replayed = await replayLedger(
          await storedLedger({ store, log: withLog, idScope }, partition),
          () => null,
        );
        expect(replayed.difference).toBeNull();
      }
    }
    await forgetWhatWasDone();
    await start('two');
    expect((await answers(10)).map((answer) => JSON.stringify(answer)).sort()).toEqual(
      given.map((answer) => JSON.stringify(answer)).sort(),
    );
    expect(receiver.received).toHaveLength(10);
  });

  it('leaves no payload to an answer of later, the second time neither', async () => {
    await enroll('press-01');
    receiver.say({ iotHubHostName: 'hub-a', payload: { firmware: 7 } });
    const asking = await start('one');
    expect(await register('press-01')).toMatchObject([{ hub: 'hub-a', payload: { firmware: 7 } }]);
    await asking.stop();
    const changed = { policy: 'evenlyWeighted', custom: null } as const;
    const event: BerthEvent = { type: 'EnrollmentTermsChanged', v: 1, data: { registrationId: 'press-01', changed } };
    await store.append(streams.enrollment('press-01'), [event], 0, metadata);
    const plain = await start('two');
    const [given] = await register('press-01');
    expect(given).toMatchObject({ hub: 'hub-a' });
    expect(given).not.toHaveProperty('payload');
    expect(await outcomesOf('press-01')).toHaveLength(1);
    await plain.stop();
    await forgetWhatWasDone();
    await start('three');
    const again = (await answers(2)).find(({ requestId }) => requestId === given?.requestId);
    expect(JSON.stringify(again)).toBe(JSON.stringify(given));
  });
});

describe('a partition that waits for a webhook', () => {
  it('lets other partitions go on, and devices before it have their answers', async () => {
    const slow = 'slow-1';
    const home = partitionOf(slow, partitions);
    const others = Array.from({ length: 40 }, (_, index) => `plain-${index}`);
    for (const id of others) await enroll(id, { policy: 'evenlyWeighted', custom: null });
    await enroll(slow, asking({ deadlineMs: 30_000 }));
    receiver.keepSilent();
    await start();
    const before = others.filter((id) => partitionOf(id, partitions) === home).slice(0, 2);
    const elsewhere = others.filter((id) => partitionOf(id, partitions) !== home);
    await log.publish(topics.registrations, [...before.map((id) => wish(id)), wish(slow)]);
    await eventually('the webhook to be asked', () => receiver.received.length === 1);
    await log.publish(
      topics.registrations,
      elsewhere.map((id) => wish(id)),
    );
    const given = await answers(before.length + elsewhere.length);
    expect(given.map(({ registrationId }) => registrationId).sort()).toEqual([...before, ...elsewhere].sort());
  });

  it('is given up at once when the allocator stops, and whoever has it next asks again', async () => {
    await enroll('press-01', asking({ deadlineMs: 30_000 }));
    receiver.keepSilent();
    const allocator = await start('one');
    await log.publish(topics.registrations, [wish('press-01')]);
    await eventually('the webhook to be asked', () => receiver.received.length === 1);
    const began = performance.now();
    await allocator.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    await eventually('the call to be let go', () => receiver.givenUp === 1);
    receiver.say({ iotHubHostName: 'hub-a' });
    await start('two');
    expect(await answers(1)).toMatchObject([{ status: 'assigned', hub: 'hub-a' }]);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual([ids[0], ids[0]]);
    expect(await outcomesOf('press-01')).toHaveLength(1);
  });

  it('is given up when the partition is taken away', async () => {
    await enroll('press-01', asking({ deadlineMs: 30_000 }));
    receiver.keepSilent();
    const allocator = await start('one');
    await log.publish(topics.registrations, [wish('press-01')]);
    await eventually('the webhook to be asked', () => receiver.received.length === 1);
    allocator.revoked([partitionOf('press-01', partitions)]);
    await eventually('the call to be let go', () => receiver.givenUp === 1);
    expect(await outcomesOf('press-01')).toEqual([]);
    receiver.say({ iotHubHostName: 'hub-a' });
    // The log thinks that it is still ours, and delivers again: it is claimed anew.
    expect(await answers(1)).toMatchObject([{ status: 'assigned', hub: 'hub-a' }]);
  });
});
