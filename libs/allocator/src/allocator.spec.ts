import { beforeEach, describe, expect, it } from '@jest/globals';
import { type EnrollmentEvent, type HubEvent, type LedgerEvent } from '@berth/domain';
import { noStream, StoreUnavailable, streams } from '@berth/event-store';
import {
  type Batch,
  type LogRecord,
  parseAssignment,
  partitionOf,
  registrationRecord,
  releaseRecord,
  topics,
} from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { enrollmentData } from '@berth/testing';
import { Allocator, Fenced } from './allocator.js';
import { ConfigurationView } from './configuration-view.js';
import { claimLedger } from './ledger-store.js';
import { Network } from './simulation/network.js';
import { Random } from './simulation/random.js';
import { Scheduler, SimulatedProcess } from './simulation/scheduler.js';
import { plainHabits, SimulatedBroker } from './simulation/simulated-broker.js';
import { SimulatedLog } from './simulation/simulated-log.js';
import { SimulatedStore, SimulatedStoreClient } from './simulation/simulated-store.js';

/* What the log may do to an allocator besides handing over one batch after another: found by the simulation. */

const source = '/gateways/one';
const metadata = { correlationId: 'spec', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const partitions = 2;
/** One device for each partition, and another. */
const [onZero, onOne, alsoOnZero] = [idOn(0), idOn(1), idOn(0, 1)] as const;

function idOn(partition: number, skip = 0): string {
  const ids = Array.from({ length: 100 }, (_, index) => `device-${index}`);
  return ids.filter((id) => partitionOf(id, partitions) === partition)[skip] as string;
}

/** A store whose appends to ledgers a test may hold up. */
class HeldUpStore extends SimulatedStoreClient {
  readonly holdUps: { type: LedgerEvent['type']; until: Promise<void> }[] = [];

  override async append(...args: Parameters<SimulatedStoreClient['append']>) {
    const [{ type }] = args[1] as [LedgerEvent];
    const held = this.holdUps.findIndex((one) => one.type === type);
    if (held >= 0) await this.holdUps.splice(held, 1)[0]?.until;
    return super.append(...args);
  }
}

class Gate {
  open!: () => void;
  fail!: (error: Error) => void;
  readonly passed = new Promise<void>((resolve, reject) => {
    this.open = resolve;
    this.fail = reject;
  });

  constructor() {
    this.passed.catch(() => undefined);
  }
}

let scheduler: Scheduler;
let broker: SimulatedBroker;
let server: SimulatedStore;
let store: HeldUpStore;
let log: SimulatedLog;
let allocator: Allocator;

/** Lets the world go on until the promise is settled. */
async function done<T>(work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => (isSettled = true);
  work.then(settled, settled);
  // It may not have asked the world for anything yet.
  await new Promise((resolve) => setImmediate(resolve));
  while (!isSettled && (await scheduler.step()));
  return work;
}

async function rest(): Promise<void> {
  while (await scheduler.step());
}

beforeEach(async () => {
  scheduler = new Scheduler(Date.UTC(2026, 0, 1));
  const random = new Random(1);
  const network = new Network(scheduler, random);
  const process = new SimulatedProcess('one');
  server = new SimulatedStore(scheduler, network, random);
  broker = new SimulatedBroker(scheduler, network, random, plainHabits, partitions);
  store = new HeldUpStore(server, process);
  log = new SimulatedLog(broker, process);
  const linked: HubEvent = {
    type: 'HubLinked',
    v: 1,
    data: { name: 'hub-a', weight: 1, capacity: 1, region: null, connection: null },
  };
  await done(store.append(streams.hub('hub-a'), [linked], noStream, metadata));
  for (const id of [onZero, onOne, alsoOnZero]) {
    await done(store.append(streams.enrollment(id), [enrolled(id)], noStream, metadata));
  }
  const view = new ConfigurationView(store, new MasterKey(Buffer.alloc(32)));
  await done(view.caughtUp);
  allocator = new Allocator({
    log,
    store,
    view,
    idScope: '0ne0TEST',
    name: 'one',
    now: () => scheduler.now,
    wait: (ms) => scheduler.sleep(ms, process, 'waits'),
  });
  await done(allocator.assigned([0, 1]));
});

function enrolled(registrationId: string): EnrollmentEvent {
  return { type: 'EnrollmentCreated', v: 2, data: enrollmentData(registrationId, source) };
}

/** The device's wish, on its partition, as a batch of its own. */
function wishOf(registrationId: string, isStale = () => false): Promise<Batch> {
  const wish = {
    requestId: `wish-of-${registrationId}`,
    source,
    registrationId,
    attestation: { type: 'gateway' },
  } as const;
  return batchOf(registrationRecord(wish, metadata.at), isStale);
}

async function batchOf(message: LogRecord, isStale = () => false): Promise<Batch> {
  const [receipt] = await done(log.publish(topics.registrations, [message]));
  const { topic, partition, offset } = receipt!;
  const records = await done(log.read(topic, partition, offset, 1));
  const heartbeat = async () => undefined;
  return { topic, partition, records, commit: async () => undefined, heartbeat, isStale };
}

function claimsOf(partition: number): number {
  const events = server.readStream(streams.ledger(partition), 0, false, 1000);
  return events.filter(({ event }) => event.type === 'PartitionClaimed').length;
}

async function answerTo(registrationId: string) {
  const records = await done(log.read(topics.assignments, partitionOf(registrationId, partitions), 0, 100));
  const answers = records.flatMap((record) => {
    const parsed = parseAssignment(record);
    return parsed.ok && parsed.assignment.answer.registrationId === registrationId ? [parsed.assignment.answer] : [];
  });
  return answers.at(-1);
}

const isFull = { status: 'failed', reason: expect.stringContaining('full (1 of 1)') };

describe('an allocator', () => {
  it('goes on counting the devices of a partition whose page could not be stored', async () => {
    await done(allocator.batch(await wishOf(onZero)));
    const gate = new Gate();
    store.holdUps.push({ type: 'DecisionsRecorded', until: gate.passed });
    const failing = allocator.batch(await wishOf(alsoOnZero));
    gate.fail(new StoreUnavailable('the store is away'));
    await expect(done(failing)).rejects.toBeInstanceOf(StoreUnavailable);
    await done(allocator.batch(await wishOf(onOne)));
    expect(await answerTo(onOne)).toMatchObject(isFull);
  });

  it('is not disturbed by a batch that outlived the hand-over of its partition, back and forth', async () => {
    await done(allocator.batch(await wishOf(onZero)));
    const gate = new Gate();
    store.holdUps.push({ type: 'DecisionsRecorded', until: gate.passed });
    const outlived = allocator.batch(await wishOf(alsoOnZero, () => true));
    await allocator.revoked([0]);
    await done(allocator.assigned([0]));
    gate.open();
    await expect(done(outlived)).rejects.toBeInstanceOf(Fenced);
    await done(allocator.batch(await wishOf(onOne)));
    expect(await answerTo(onOne)).toMatchObject(isFull);
    await done(allocator.batch(await wishOf(onZero)));
    expect(claimsOf(0)).toBe(2);
  });

  it.each(['registration', 'release'])('decides no %s of a partition that was taken away meanwhile', async (kind) => {
    await done(allocator.batch(await wishOf(onZero)));
    const release = { requestId: 'release-1', registrationId: onZero, actor: 'ops' };
    const batch = await (kind === 'release' ? batchOf(releaseRecord(release, metadata.at)) : wishOf(alsoOnZero));
    const outlived = allocator.batch(batch);
    await allocator.revoked([0]);
    await expect(done(outlived)).rejects.toBeInstanceOf(Fenced);
  });

  it('gives the place of a released device to another only when the release is stored', async () => {
    await done(allocator.batch(await wishOf(onZero)));
    const gate = new Gate();
    store.holdUps.push({ type: 'RegistrationReleased', until: gate.passed });
    const release = { requestId: 'release-1', registrationId: onZero, actor: 'ops' };
    const releasing = allocator.batch(await batchOf(releaseRecord(release, metadata.at)));
    const deciding = allocator.batch(await wishOf(onOne));
    await rest();
    expect((await answerTo(onOne))?.hub).toBeUndefined();
    gate.open();
    await done(Promise.all([releasing, deciding]));
    await done(allocator.batch(await wishOf(onOne)));
    expect(await answerTo(onOne)).toMatchObject({ status: 'assigned', hub: 'hub-a' });
  });

  it('decides nothing with a ledger whose note of the configuration was refused, for its heir has claimed it', async () => {
    const gate = new Gate();
    store.holdUps.push({ type: 'ConfigurationNoted', until: gate.passed });
    const deciding = allocator.batch(await wishOf(onZero));
    deciding.catch(() => undefined);
    await rest();
    const heir = new SimulatedStoreClient(server, new SimulatedProcess('heir'));
    await done(claimLedger(heir, 0, 'heir', () => scheduler.now));
    gate.open();
    await expect(done(deciding)).rejects.toBeInstanceOf(Fenced);
    const types = server.readStream(streams.ledger(0), 0, false, 1000).map(({ event }) => event.type);
    expect(types).toEqual(['PartitionClaimed', 'PartitionClaimed']);
  });

  it('may try again to claim a partition that another writes to all the while', async () => {
    await allocator.revoked([0]);
    const gates = Array.from({ length: 5 }, () => new Gate());
    store.holdUps.push(...gates.map(({ passed }) => ({ type: 'PartitionClaimed' as const, until: passed })));
    const claiming = allocator.assigned([0]);
    claiming.catch(() => undefined);
    const rival = new SimulatedStoreClient(server, new SimulatedProcess('rival'));
    for (const gate of gates) {
      await rest();
      await done(claimLedger(rival, 0, 'rival', () => scheduler.now));
      gate.open();
    }
    await expect(done(claiming)).rejects.toMatchObject({ retriable: true });
    await done(allocator.assigned([0]));
    expect(claimsOf(0)).toBe(7);
  });

  it('claims nothing any more once it has said that claiming failed', async () => {
    await allocator.revoked([0, 1]);
    const [slow, failing] = [new Gate(), new Gate()];
    store.holdUps.push(
      { type: 'PartitionClaimed', until: failing.passed },
      { type: 'PartitionClaimed', until: slow.passed },
    );
    let hasSaidSo = false;
    const assigned = allocator.assigned([0, 1]);
    assigned.catch(() => (hasSaidSo = true));
    failing.fail(new StoreUnavailable('the store is away'));
    await rest();
    expect(hasSaidSo).toBe(false);
    slow.open();
    await expect(done(assigned)).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it('does not hold on to a partition that it claimed for a batch while the partition was taken away', async () => {
    const failing = new Gate();
    store.holdUps.push({ type: 'DecisionsRecorded', until: failing.passed });
    const failed = allocator.batch(await wishOf(onZero));
    failing.fail(new StoreUnavailable('the store is away'));
    await expect(done(failed)).rejects.toBeInstanceOf(StoreUnavailable);
    const gate = new Gate();
    store.holdUps.push({ type: 'PartitionClaimed', until: gate.passed });
    let isStale = false;
    const again = allocator.batch(await wishOf(onZero, () => isStale));
    again.catch(() => undefined);
    await rest();
    isStale = true;
    await allocator.revoked([0]);
    gate.open();
    await expect(done(again)).rejects.toBeInstanceOf(Fenced);
  });

  it('leaves a place to the partition that has leased it until its device is decided, though another wants it, too', async () => {
    const batches = [await wishOf(onZero), await wishOf(onOne)];
    await done(Promise.all(batches.map((batch) => allocator.batch(batch))));
    const answers = [await answerTo(onZero), await answerTo(onOne)];
    expect(answers.map((answer) => answer?.status).sort()).toEqual(['assigned', 'failed']);
    expect(server.revisionOf(streams.capacity('hub-a'))).toBeLessThan(10);
  });

  it('has a place for the device of another partition once one was released', async () => {
    await done(allocator.batch(await wishOf(onZero)));
    const release = { requestId: 'release-1', registrationId: onZero, actor: 'ops' };
    await done(allocator.batch(await batchOf(releaseRecord(release, metadata.at))));
    await done(allocator.batch(await wishOf(onOne)));
    expect(await answerTo(onOne)).toMatchObject({ status: 'assigned', hub: 'hub-a' });
  });

  it('does not wait again for places that nobody gave back, when others only ask for them, too', async () => {
    await allocator.revoked([1]);
    const terms = String(server.readStream(streams.hub('hub-a'), 0, false, 1)[0]!.position);
    const book = { hub: 'hub-a', terms, capacity: 1, limits: [0, 1], generations: [1, 1], spare: [1], recalls: 0 };
    const write = (recalls: number) =>
      done(
        store.append(
          streams.capacity('hub-a'),
          [{ type: 'CapacityLeased', v: 1, data: { ...book, recalls } }],
          server.revisionOf(streams.capacity('hub-a')),
          metadata,
        ),
      );
    await write(0);
    const waitOf = async (registrationId: string) => {
      const batch = await wishOf(registrationId);
      const begun = scheduler.now;
      await done(allocator.batch(batch));
      expect(await answerTo(registrationId)).toMatchObject({
        status: 'failed',
        reason: expect.stringContaining('leased'),
      });
      return scheduler.now - begun;
    };
    expect(await waitOf(onZero)).toBeGreaterThan(1_900);
    await write(99);
    expect(await waitOf(alsoOnZero)).toBeLessThan(1_000);
  });
});
