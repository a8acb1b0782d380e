// What a deployment has behind it when a bench begins, written straight into the node's folder before it runs: the same events
// through the node's own log, ten times as fast as appends of a client.
import { algorithmBuild, defaultTerms } from '@berth/domain';
import type { DataKeyEvent, DecisionsRecorded, EnrollmentEvent, HubEvent, LedgerEvent, Outcome } from '@berth/domain';
import { type BerthEvent, encode, streams } from '@berth/event-store';
import { partitionOf } from '@berth/registration-log';
import type { MasterKey } from '@berth/secrets';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { idOf, keyOf, madeAt } from './devices.ts';

export interface Past {
  hubs: number;
  /** Devices 0 to `assigned` - 1 are on hubs. */
  assigned: number;
  /** Devices `enrolled[0]` to `enrolled[1]` - 1 have individual enrollments with two keys. */
  enrolled: readonly [number, number];
  partitions: number;
  masterKey: MasterKey;
}

interface Placed {
  stream: string;
  events: readonly BerthEvent[];
}

interface NodeLog {
  append(
    request: { stream: string; expected: 'any'; events: readonly unknown[] },
    settle: (outcome: { ok: boolean; error?: unknown }) => void,
  ): void;
  close(): void;
}

const metadata = { correlationId: 'bench', actor: 'bench', at: madeAt };
const pageOutcomes = 1000;
const openMax = 2000;

/** @returns messages decided by partition: the topic must have as many. */
export async function storePast(dataFolder: string, past: Past): Promise<number[]> {
  const decided = Array.from({ length: past.partitions }, () => 0);
  await storeAll(
    dataFolder,
    (function* () {
      for (let hub = 0; hub < past.hubs; hub += 1) yield hubLinked(`hub-${hub}`);
      for (let device = past.enrolled[0]; device < past.enrolled[1]; device += 1)
        yield* enrolled(device, past.masterKey);
      yield* pages(past, decided);
    })(),
  );
  return decided;
}

function hubLinked(name: string): Placed {
  const data = { name, weight: 1, capacity: null, region: null, connection: null };
  const event: HubEvent = { type: 'HubLinked', v: 1, data };
  return { stream: streams.hub(name), events: [event] };
}

function* enrolled(device: number, masterKey: MasterKey): Iterable<Placed> {
  const registrationId = idOf(device);
  const { event, key } = masterKey.newDataKey();
  const data = {
    registrationId,
    deviceId: null,
    attestation: {
      type: 'symmetricKey' as const,
      primary: masterKey.seal(keyOf(device, 'primary'), key),
      secondary: masterKey.seal(keyOf(device, 'secondary'), key),
    },
    ...defaultTerms,
    optionalDeviceInformation: null,
    enabled: true,
    idempotency: null,
  };
  yield { stream: streams.dataKey((event satisfies DataKeyEvent).data.keyId), events: [event] };
  yield {
    stream: streams.enrollment(registrationId),
    events: [{ type: 'EnrollmentCreated', v: 2, data } satisfies EnrollmentEvent],
  };
}

/** Each device assigned once, in pages as full as they get. @param decided counts on. */
function* pages({ hubs, assigned, partitions }: Past, decided: number[]): Iterable<Placed> {
  const open = decided.map((): Outcome[] => []);
  for (let device = 0; device < assigned; device += 1) {
    const registrationId = idOf(device);
    const partition = partitionOf(registrationId, partitions);
    const outcomes = open[partition]!;
    outcomes.push({
      type: 'DeviceAssigned',
      offset: decided[partition]!++,
      registrationId,
      requestId: `00000000-${registrationId}`,
      enrollment: registrationId,
      deviceId: registrationId,
      hub: `hub-${device % hubs}`,
      rule: 0,
    });
    if (outcomes.length === pageOutcomes) yield page(partition, outcomes.splice(0));
  }
  for (const [partition, outcomes] of open.entries()) if (outcomes.length > 0) yield page(partition, outcomes);
}

function page(partition: number, outcomes: readonly Outcome[]): Placed {
  const data: DecisionsRecorded = {
    generation: 1,
    firstOffset: outcomes[0]!.offset,
    lastOffset: outcomes.at(-1)!.offset,
    at: madeAt,
    configuration: null,
    build: algorithmBuild,
    policy: 'evenlyWeighted',
    hubs: [],
    rules: [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }],
    outcomes,
    unchanged: [],
  };
  return {
    stream: streams.ledger(partition),
    events: [{ type: 'DecisionsRecorded', v: 1, data } satisfies LedgerEvent],
  };
}

async function storeAll(dataFolder: string, past: Iterable<Placed>): Promise<void> {
  const built = new URL('../../../libs/event-store-node/dist/log/event-log.js', import.meta.url).href;
  const { EventLog } = (await import(built)) as {
    EventLog: { open(options: { folder: string; lockPatienceMs: number }): Promise<NodeLog> };
  };
  const log = await EventLog.open({ folder: join(dataFolder, 'event-store'), lockPatienceMs: 1000 });
  let open = 0;
  const settled = async () => {
    while (open > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  for (const { stream, events } of past) {
    open += 1;
    log.append({ stream, expected: 'any', events: events.map(proposed) }, (outcome) => {
      if (!outcome.ok) throw outcome.error;
      open -= 1;
    });
    if (open >= openMax) await settled();
  }
  await settled();
  log.close();
}

function proposed(event: BerthEvent): unknown {
  const id = randomUUID();
  const encoded = encode(event, id, metadata);
  return {
    id: Buffer.from(id.replaceAll('-', ''), 'hex'),
    type: encoded.type,
    isJson: true,
    data: Buffer.from(JSON.stringify(encoded.data)),
    metadata: Buffer.from(JSON.stringify(encoded.metadata)),
  };
}
