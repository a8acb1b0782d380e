import { type ConfigurationEvent, type EnrollmentData, type EnrollmentGroupData } from '@berth/domain';
import { noStream, streams } from '@berth/event-store';
import { type LogRecord, partitionOf, registrationRecord, releaseRecord, topics } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, enrollmentGroupData } from '@berth/testing';
import { createHmac } from 'node:crypto';
import { Allocator } from '../../allocator.js';
import { ConfigurationView } from '../../configuration-view.js';
import { idScope } from '../../simulation/allocator-process.js';
import { Network } from '../../simulation/network.js';
import { Random } from '../../simulation/random.js';
import { Scheduler, SimulatedProcess } from '../../simulation/scheduler.js';
import { plainHabits, SimulatedBroker } from '../../simulation/simulated-broker.js';
import { SimulatedLog } from '../../simulation/simulated-log.js';
import { SimulatedStore } from '../../simulation/simulated-store.js';
import { noWebhooks, type Webhooks } from '../../webhooks/webhooks.js';
import { type Recording, recordingOf } from './recording.js';

export const masterKeyOfScript = new MasterKey(Buffer.alloc(32, 7));

const startMs = Date.UTC(2026, 0, 1);
const minuteMs = 60_000;
const source = '/gateways/one';
const partitions = 2;
/** The partition that is recorded, and where all devices of the script belong. */
export const partition = 0;
const key = Buffer.alloc(32, 1);
const otherKey = Buffer.alloc(32, 2);

/** Two allocators, of which the second joins late, on a quiet network. */
export class Script {
  readonly plan = { partitions };
  readonly store: SimulatedStore;
  readonly broker: SimulatedBroker;
  private readonly scheduler = new Scheduler(startMs);
  private readonly operator = new SimulatedProcess('operator');
  private readonly revisions = new Map<string, number>();
  private wishes = 0;

  constructor() {
    const random = new Random(1);
    const network = new Network(this.scheduler, random);
    this.store = new SimulatedStore(this.scheduler, network, random);
    this.broker = new SimulatedBroker(this.scheduler, network, random, plainHabits, partitions);
  }

  async startAllocator(name: string, webhooks: Webhooks = noWebhooks): Promise<void> {
    const process = new SimulatedProcess(name);
    const store = this.store.connect(process);
    const log = new SimulatedLog(this.broker, process);
    const view = new ConfigurationView(store, masterKeyOfScript);
    const now = () => Math.floor(this.scheduler.now);
    const wait = (ms: number) => this.scheduler.sleep(ms, process, 'waits');
    void new Allocator({ log, store, view, webhooks, idScope, name, now, wait }).start();
    await this.rest();
  }

  async command(...events: ConfigurationEvent[]): Promise<void> {
    const client = this.store.connect(this.operator);
    for (const event of events) {
      const stream = streamOf(event);
      const revision = this.revisions.get(stream) ?? noStream;
      this.revisions.set(stream, revision + 1);
      const at = new Date(Math.floor(this.scheduler.now)).toISOString();
      void client.append(stream, [event], revision, { correlationId: 'script', actor: 'operator', at });
      await this.rest();
    }
  }

  /** All in one batch, if the log will have it so. */
  async publish(...records: LogRecord[]): Promise<void> {
    void new SimulatedLog(this.broker, this.operator).publish(topics.registrations, records);
    await this.rest();
  }

  wish(
    registrationId: string,
    change: {
      source?: string;
      token?: string;
      requestId?: string;
      latencies?: Record<string, number>;
      region?: string;
    } = {},
  ): LogRecord {
    const { token, region } = change;
    const attestation = token === undefined ? { type: 'gateway' as const } : { type: 'symmetricKey' as const, token };
    const requestId = change.requestId ?? `wish-${(this.wishes += 1)}`;
    const measured = Object.entries(change.latencies ?? {}).map(([hub, ms]) => [hub, { ms, samples: 5 }]);
    const hubLatencies = measured.length > 0 && { hubLatencies: Object.fromEntries(measured) };
    const wish = {
      requestId,
      source: change.source ?? source,
      registrationId,
      attestation,
      ...hubLatencies,
      ...(region && { region }),
    };
    return registrationRecord(wish, '2026-01-01T00:00:00Z');
  }

  async pass(minutes: number): Promise<void> {
    this.scheduler.after(minutes * minuteMs, null, 'time passes', () => undefined);
    await this.rest();
  }

  /** Until nothing is left to happen. */
  private async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (await this.scheduler.step());
  }
}

/** A ledger with every kind of decision, made by the allocator's own code. */
export async function scriptedHistory(): Promise<Recording> {
  const script = new Script();
  const ids = idsAtHome(40);
  const [one, two, three, four, keyed, gone, own, listed, staying, off, ...others] = ids as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    ...string[],
  ];
  const keep = { updateHubAssignment: false, migrateDeviceData: true };
  const anew = { updateHubAssignment: true, migrateDeviceData: false };
  await script.command(linked('hub-a', { weight: 2 }), linked('hub-b'), linked('hub-c', { capacity: 6 }));
  await script.command(
    ...[one, two, three, four, ...others].map((id) => enrolled(id)),
    ...enrolledWithKey(keyed),
    ...enrolledWithKey(gone),
    enrolled(own, { policy: 'static', hubs: ['hub-c', 'hub-b'], deviceId: 'press of its own' }),
    enrolled(listed, { hubs: ['hub-b', 'hub-c'], reprovision: anew }),
    enrolled(staying, { reprovision: keep }),
    enrolled(off, { enabled: false }),
    ...groupWithKeys('line'),
    ...groupWithKeys('gone-line', { singleUse: true }),
  );
  const [member, ofGone, stranger] = idsAtHome(3, 'member') as [string, string, string];
  const memberToken = (id: string, group: string) => tokenOf(id, derived(keyOfGroup(group), id));
  await script.startAllocator('first');
  await script.publish(
    ...[one, two, three, four, own, listed, staying].map((id) => script.wish(id)),
    script.wish(off),
    script.wish(idsAtHome(1, 'ghost')[0] as string),
    script.wish(one.toUpperCase()),
    script.wish(two, { source: '/gateways/evil' }),
    script.wish(keyed, { token: tokenOf(keyed, key) }),
    script.wish(gone, { token: tokenOf(gone, otherKey) }),
    script.wish(keyed, { token: tokenOf(keyed, Buffer.alloc(32, 3)) }),
    script.wish(keyed, { token: tokenOf(keyed, key, startMs / 1000 - 7200) }),
    { ...script.wish(three), value: Buffer.from('rubbish') },
  );
  await script.publish(
    script.wish(keyed, { token: tokenOf(keyed, key) }),
    script.wish(gone, { token: tokenOf(gone, key) }),
  );
  await script.publish(
    script.wish(member, { token: memberToken(member, 'line') }),
    script.wish(ofGone, { token: memberToken(ofGone, 'gone-line') }),
    script.wish(ofGone, { token: memberToken(ofGone, 'gone-line') }),
    script.wish(stranger, { token: memberToken(stranger, 'nowhere') }),
    script.wish(stranger, { token: tokenOf(stranger, keyOfGroup('line')) }),
  );
  await script.command({ type: 'EnrollmentGroupDisabled', v: 1, data: { name: 'line' } });
  await script.publish(script.wish(member, { token: memberToken(member, 'line') }));
  const release = (id: string, requestId: string) =>
    releaseRecord({ registrationId: id, requestId, actor: 'operator' }, '2026-01-01T00:00:00Z');
  await script.publish(
    release(one, 'r1'),
    script.wish(one),
    release(two, 'r2'),
    release(two, 'r2'),
    release(idsAtHome(1, 'nobody')[0] as string, 'r3'),
  );
  await script.command(disabled(three), cordoned('hub-a'), drained('hub-b'));
  await script.publish(...[two, three, four, listed, staying].map((id) => script.wish(id)));
  await script.command({ type: 'HubUncordoned', v: 1, data: { name: 'hub-a' } }, enabled(three));
  await script.publish(...[three, four, listed, staying, ...others.slice(0, 3)].map((id) => script.wish(id)));
  await script.command({ type: 'HubUnlinked', v: 1, data: { name: 'hub-b' } });
  await script.publish(...[one, two, three, four, staying].map((id) => script.wish(id)));
  await script.command({
    type: 'AllocationPolicyChosen',
    v: 1,
    data: { policy: { kind: 'static', hubs: ['hub-c', 'hub-x'] } },
  });
  await script.publish(...others.slice(3, 6).map((id) => script.wish(id)));
  await script.command({ type: 'AllocationPolicyChosen', v: 1, data: { policy: { kind: 'lowestLatency' } } });
  const [moving, steady, unknown] = idsAtHome(3, 'far') as [string, string, string];
  await script.command(linked('hub-d'), ...[moving, steady, unknown].map((id) => enrolled(id)));
  const [aNear, dNear] = [
    { 'hub-a': 10, 'HUB-D': 90 },
    { 'hub-a': 90, 'hub-d': 10, 'hub-x': 1 },
  ];
  await script.publish(
    script.wish(moving, { latencies: aNear }),
    script.wish(steady, { latencies: { 'hub-a': 10, 'hub-d': 12 } }),
    script.wish(unknown),
  );
  await script.publish(script.wish(moving, { latencies: dNear }), script.wish(moving, { latencies: aNear }));
  await script.pass(25 * 60);
  for (let time = 0; time < 3; time += 1) await script.publish(script.wish(moving, { latencies: dNear }));
  const [regional, both] = idsAtHome(2, 'regional') as [string, string];
  const eu = [
    { hub: 'hub-a', ms: 80 },
    { hub: 'hub-d', ms: 8 },
  ];
  await script.command({ type: 'RegionLatenciesSet', v: 1, data: { region: 'EU', latencies: eu } });
  await script.command(...[regional, both].map((id) => enrolled(id)));
  await script.publish(
    script.wish(regional, { region: 'eu' }),
    script.wish(both, { region: 'EU', latencies: { 'hub-a': 1 } }),
  );
  await script.command({ type: 'AllocationPolicyChosen', v: 1, data: { policy: { kind: 'evenlyWeighted' } } });
  await script.pass(30);
  await script.command(linked('hub-new', { weight: 5 }));
  await script.publish(...others.slice(6, 16).map((id) => script.wish(id)));
  await script.pass(4);
  await script.publish(...others.slice(16, 22).map((id) => script.wish(id)));
  await script.startAllocator('second');
  await script.publish(...others.slice(22, 26).map((id) => script.wish(id)));
  for (let number = 0; number < 110; number += 1) await script.command(linked(`hub-of-many-${number}`));
  await script.publish(...others.slice(26).map((id) => script.wish(id)), script.wish(listed));
  return forgotten(recordingOf(script, partition), streams.enrollment(gone), streams.enrollmentGroup('gone-line'));
}

/** As it is stored once the data keys of these records were destroyed. */
function forgotten(recording: Recording, ...records: readonly string[]): Recording {
  // A data key is stored right before the record that is made with it.
  const lost = records.map((record) => recording.events.findIndex(({ stream }) => stream === record) - 1);
  return { ...recording, events: recording.events.filter((_, index) => !lost.includes(index)) };
}

function streamOf(event: ConfigurationEvent): string {
  if (event.type === 'AllocationPolicyChosen') return streams.policy;
  if (event.type === 'DataKeyCreated') return streams.dataKey(event.data.keyId);
  if (event.type === 'RegionLatenciesSet') return streams.regionLatencies(event.data.region);
  if ('registrationId' in event.data) return streams.enrollment(event.data.registrationId);
  const { name } = event.data as { name: string };
  return event.type.startsWith('EnrollmentGroup') ? streams.enrollmentGroup(name) : streams.hub(name);
}

/** The first ids whose devices belong to the recorded partition. */
export function idsAtHome(count: number, prefix = 'press'): string[] {
  const ids: string[] = [];
  for (let number = 1; ids.length < count; number += 1) {
    const id = `${prefix}-${number}`;
    if (partitionOf(id, partitions) === partition) ids.push(id);
  }
  return ids;
}

export function linked(name: string, change: { weight?: number; capacity?: number } = {}): ConfigurationEvent {
  const { weight = 1, capacity = null } = change;
  return { type: 'HubLinked', v: 1, data: { name, weight, capacity, region: null, connection: null } };
}

export const cordoned = (name: string): ConfigurationEvent => ({ type: 'HubCordoned', v: 1, data: { name } });
const drained = (name: string): ConfigurationEvent => ({ type: 'HubDrainBegun', v: 1, data: { name } });
const disabled = (registrationId: string): ConfigurationEvent => ({
  type: 'EnrollmentDisabled',
  v: 1,
  data: { registrationId },
});
const enabled = (registrationId: string): ConfigurationEvent => ({
  type: 'EnrollmentEnabled',
  v: 1,
  data: { registrationId },
});

export function enrolled(registrationId: string, change: Partial<EnrollmentData> = {}): ConfigurationEvent {
  return { type: 'EnrollmentCreated', v: 2, data: enrollmentData(registrationId, source, change) };
}

function enrolledWithKey(registrationId: string): ConfigurationEvent[] {
  const { dataKey, attestation } = sealed(key, otherKey);
  return [dataKey, enrolled(registrationId, { attestation })];
}

function groupWithKeys(name: string, change: Partial<EnrollmentGroupData> = {}): ConfigurationEvent[] {
  const { dataKey, attestation } = sealed(keyOfGroup(name), otherKey);
  return [
    dataKey,
    { type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData(name, { attestation, ...change }) },
  ];
}

function sealed(primary: Buffer, secondary: Buffer) {
  const { event, key: dataKey } = masterKeyOfScript.newDataKey();
  const seal = (secret: Buffer) => masterKeyOfScript.seal(secret, dataKey);
  const attestation = { type: 'symmetricKey' as const, primary: seal(primary), secondary: seal(secondary) };
  return { dataKey: event, attestation };
}

const keyOfGroup = (name: string) => Buffer.alloc(32, name);
const derived = (groupKey: Buffer, registrationId: string) =>
  createHmac('sha256', groupKey).update(registrationId).digest();

function tokenOf(registrationId: string, signingKey: Buffer, expiry = 4_000_000_000): string {
  const resource = `${idScope}/registrations/${registrationId}`;
  const signature = createHmac('sha256', signingKey).update(`${resource}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`;
}
