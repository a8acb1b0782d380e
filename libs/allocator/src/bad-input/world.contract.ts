import { type ConfigurationEvent, type EnrollmentEvent, type GatewayLatencies } from '@berth/domain';
import { EventStore, noStream, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import {
  type Assignment,
  type LogRecord,
  openEmbeddedLog,
  parseAssignment,
  parseDeviceMessage,
  partitionOf,
  type Receipt,
  type ReceivedRecord,
  registrationRecord,
  topics,
} from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, eventually } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Allocator } from '../allocator.js';
import { ConfigurationView } from '../configuration-view.js';
import { HttpWebhooks } from '../webhooks/http-webhooks.js';
import { Receiver } from '../webhooks/under-test/receiver.js';
import { deviceKey, idScope, source } from './corpus.contract.js';

const partitions = 4;
const at = '2026-01-01T00:00:00.000Z';
const outcomeMs = 60_000;

/** What became of a message: its answer, or its place on the rejected topic. */
export type Fate = { answer: Assignment } | { rejected: ReceivedRecord };

/** What a gateway reports is taken note of, without an answer. */
export function isReport(record: LogRecord): boolean {
  const parsed = parseDeviceMessage(record);
  return parsed.ok && 'report' in parsed;
}

/** An allocator at work on a real embedded log, event-store node and webhook, with the hubs and enrollments that the corpus names. */
export interface World {
  /** Publishes the messages and waits until the allocator is past all of them; answers what became of each, in order. */
  fatesOf(records: readonly LogRecord[]): Promise<Fate[][]>;
  /** What it knows of that gateway's latencies. */
  reportOf(source: string): GatewayLatencies | undefined;
  /** Registers an enrolled device on every partition; answers their assignments. */
  honest(): Promise<Fate[][]>;
  stop(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-bad-input-'));
  const node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  const store = new EventStore(node.connectionString);
  const log = await openEmbeddedLog({ dataFolder: folder, partitions });
  const masterKey = new MasterKey(randomBytes(32));
  const honestIds = onePerPartition();
  const receiver = await startWebhook();
  await configure(store, masterKey, honestIds, receiver.url);
  const view = new ConfigurationView(store, masterKey);
  const webhooks = new HttpWebhooks({ hosts: new Set([receiver.host]), secrets: [], now: Date.now });
  const now = () => Date.parse(at);
  const allocator = new Allocator({ log, store, view, webhooks, idScope, name: 'one', now, wait });
  const consumption = await allocator.start();
  let fault: unknown;
  consumption?.failed.catch((error: unknown) => (fault = error));

  /** Where reading goes on, by topic and partition. */
  const next = new Map<string, number>();
  const readOn = async (topic: string): Promise<ReceivedRecord[]> => {
    const records: ReceivedRecord[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const place = `${topic}/${partition}`;
      const more = await log.read(topic, partition, next.get(place) ?? 0, 10_000);
      if (more.length > 0) next.set(place, more.at(-1)!.offset + 1);
      records.push(...more);
    }
    return records;
  };

  const fatesOf = async (records: readonly LogRecord[]): Promise<Fate[][]> => {
    // After them one on each partition that is answered when everything before it has had its outcome.
    const last = honestIds.map((id) => honestWish(id, 'last'));
    const reports = new Set(records.flatMap((record, index) => (isReport(record) ? index : [])));
    const publishes = records.map((record) => log.publish(topics.registrations, [record]));
    const receipts = (await Promise.all(publishes)).flat();
    receipts.push(...(await log.publish(topics.registrations, last)));
    const found = new Map<string, Fate[]>();
    const add = (origin: string, fate: Fate) => found.set(origin, [...(found.get(origin) ?? []), fate]);
    await eventually(
      'an outcome of every message',
      async () => {
        if (fault !== undefined) return true;
        for (const record of await readOn(topics.assignments)) {
          const parsed = parseAssignment(record);
          if (parsed.ok) add(parsed.assignment.id, { answer: parsed.assignment });
        }
        for (const record of await readOn(topics.rejected)) {
          const { 'berth-topic': topic, 'berth-partition': partition, 'berth-offset': offset } = record.headers;
          add(`${topic}/${partition}/${offset}`, { rejected: record });
        }
        return receipts.every((receipt, index) => reports.has(index) || found.has(placeOf(receipt)));
      },
      outcomeMs,
    );
    if (fault !== undefined) throw new Error('the allocator has ended', { cause: fault });
    return receipts.slice(0, records.length).map((receipt) => found.get(placeOf(receipt)) ?? []);
  };

  return {
    fatesOf,
    reportOf: (gateway) => view.configuration.gateways.get(gateway),
    honest: () => fatesOf(honestIds.map((id) => honestWish(id, 'honest'))),
    stop: async () => {
      await allocator.stop();
      await view.stop();
      await receiver.stop();
      await log.close();
      await store.close();
      await node.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function placeOf({ topic, partition, offset }: Receipt): string {
  return `${topic}/${partition}/${offset}`;
}

function onePerPartition(): string[] {
  const ids: string[] = [];
  for (let at = 0; at < 1_000; at += 1) {
    const partition = partitionOf(`honest-${at}`, partitions);
    ids[partition] ??= `honest-${at}`;
  }
  return ids;
}

function honestWish(registrationId: string, requestId: string): LogRecord {
  return registrationRecord({ requestId, source, registrationId, attestation: { type: 'gateway' } }, at);
}

/** A webhook that answers what the device's payload says it should. */
async function startWebhook(): Promise<Receiver> {
  const receiver = await Receiver.start();
  receiver.answer = ({ request: { deviceRuntimeContext } }, response) => {
    // So many come that keeping them would look like a leak.
    receiver.received.length = 0;
    const payload = deviceRuntimeContext.payload as { says?: unknown } | null | undefined;
    response.end(JSON.stringify(payload?.says ?? { iotHubHostName: 'hub-a' }));
  };
  return receiver;
}

async function configure(
  store: EventStore,
  masterKey: MasterKey,
  honestIds: readonly string[],
  webhookUrl: string,
): Promise<void> {
  const dataKey = masterKey.newDataKey();
  const sealed = masterKey.seal(deviceKey, dataKey.key);
  const hub = { weight: 1, capacity: null, region: null, connection: null };
  const paris = [{ key: 'site', value: 'paris' }];
  const custom = { webhookUrl, apiVersion: '2021-10-01', fallback: null, deadlineMs: 5000 };
  const events: [string, ConfigurationEvent][] = [
    [streams.hub('hub-a'), { type: 'HubLinked', v: 1, data: { ...hub, name: 'hub-a' } }],
    [streams.hub('hub-b'), { type: 'HubLinked', v: 1, data: { ...hub, name: 'hub-b', labels: paris } }],
    [streams.dataKey(dataKey.event.data.keyId), dataKey.event],
    enrolled('press-key', { attestation: { type: 'symmetricKey', primary: sealed, secondary: sealed } }),
    enrolled('off', { enabled: false }),
    enrolled('near', { policy: 'lowestLatency' }),
    enrolled('paris', { require: paris }),
    enrolled('asked', { policy: 'custom', custom }),
    ...['press-01', ...honestIds].map((id) => enrolled(id)),
  ];
  for (const [stream, event] of events) {
    await store.append(stream, [event], noStream, { correlationId: 'spec', actor: 'spec', at });
  }
}

type EnrollmentCreated = Extract<EnrollmentEvent, { type: 'EnrollmentCreated' }>;

function enrolled(
  registrationId: string,
  change: Partial<EnrollmentCreated['data']> = {},
): [string, EnrollmentCreated] {
  const data = enrollmentData(registrationId, source, change);
  return [streams.enrollment(registrationId), { type: 'EnrollmentCreated', v: 2, data }];
}
