import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ConfigurationEvent,
  decidePage,
  decideRelease,
  emptyConfiguration,
  emptyLedger,
  evolveConfiguration,
  evolveLedger,
  type Ledger,
  type LedgerEvent,
  LoadView,
  settlePage,
  type Wish,
} from '@berth/domain';
import { EventStore, noStream, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import { enrollmentData, eventually, longestTurnMs } from '@berth/testing';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendPage, appendRelease, claimLedger } from '../ledger-store.js';
import { layoutOf } from './under-test/layout.js';
import { LedgerSnapshots } from './ledger-snapshots.js';

const source = '/gateways/one';
const partition = 3;
const now = () => Date.UTC(2026, 0, 1);

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;
let warnings: string[];
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-ledger-snapshots-'));
  node = await startEventStoreNode({ dataFolder: join(folder, 'event-store') });
  store = new EventStore(node.connectionString);
  warnings = [];
});

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

const snapshotsOf = (of = store) =>
  new LedgerSnapshots({
    dataFolder: folder,
    store: of,
    messagesMin: 900,
    warn: (message) => void warnings.push(message),
  });
/** Never takes one. */
const idle = { load: async () => emptyLedger(partition), considered() {} } as unknown as LedgerSnapshots;
const files = () => readdir(join(folder, 'snapshots', `ledger-${partition}`)).catch(() => []);

/** Decides and stores pages as an allocator does, and offers a snapshot after each. */
class Worker {
  isKept = true;
  underWay: Promise<void> | null = null;
  private offset = 0;
  private readonly configuration = emptyConfiguration();
  private readonly loads = new LoadView(1);

  private constructor(
    readonly ledger: Ledger,
    private readonly snapshots: LedgerSnapshots,
  ) {
    const events: ConfigurationEvent[] = [
      ...['hub-a', 'hub-b'].map(
        (name) =>
          ({
            type: 'HubLinked',
            v: 1,
            data: { name, weight: 1, capacity: null, region: null, connection: null },
          }) as const,
      ),
      ...Array.from({ length: 500 }, (_, device) => {
        const data = enrollmentData(`press-${device}`, source);
        return { type: 'EnrollmentCreated', v: 2, data } as const;
      }),
    ];
    for (const event of events) evolveConfiguration(this.configuration, event, { position: '1', at: 0 });
    this.loads.claimed(ledger);
    this.offset = ledger.lastOffset + 1;
  }

  static async start(snapshots: LedgerSnapshots): Promise<Worker> {
    const { ledger } = await claimLedger(store, partition, 'spec', now, (it) => snapshots.load(it));
    return new Worker(ledger, snapshots);
  }

  /** Pages of a thousand: some devices that are known, the others not. After each some of the known are released. */
  async decide(pages: number): Promise<void> {
    for (let page = 0; page < pages; page += 1) {
      const wishes = Array.from({ length: 1000 }, (): Wish => {
        const offset = this.offset++;
        const registrationId = offset % 5 === 0 ? `press-${(offset / 5) % 500}` : `ghost-${offset % 15_000}`;
        const attestation = { type: 'gateway' } as const;
        return { offset, registrationId, requestId: `wish-${offset}`, source, attestation };
      });
      let rest: Wish[] = wishes;
      while (rest.length > 0) rest = rest.slice(await this.inTurn(() => this.page(rest as [Wish, ...Wish[]])));
      for (let time = 0; time < 3; time += 1) await this.inTurn(() => this.release());
    }
  }

  private async inTurn<T>(decide: () => Promise<T>): Promise<T> {
    let through!: () => void;
    this.underWay = new Promise((resolve) => (through = resolve));
    const decided = await decide();
    this.underWay = null;
    through();
    this.snapshots.considered(this);
    return decided;
  }

  private async page(wishes: [Wish, ...Wish[]]): Promise<number> {
    const { ledger, configuration } = this;
    const { page } = decidePage(wishes, {
      ledger,
      configuration,
      configurationPosition: '1',
      board: this.loads.boardOf(configuration),
      leases: { places: () => 1, filled: () => undefined },
      idScope: 'x',
      at: now(),
    });
    const { position } = await appendPage(store, ledger, page!.data, { topic: 'spec', name: 'spec' });
    settlePage(ledger, page!, String(position));
    return page!.decided.length;
  }

  private async release(): Promise<void> {
    const { ledger } = this;
    const offset = this.offset++;
    const wish = {
      offset,
      registrationId: `press-${(7 * offset) % 500}`,
      requestId: `release-${offset}`,
      actor: 'ops',
    };
    const event = decideRelease(wish, { ledger, board: this.loads.boardOf(this.configuration), at: now() });
    const { position } = await appendRelease(store, ledger, event, { topic: 'spec', name: 'spec' });
    ledger.devices.settle(String(position));
  }
}

async function fromZero(of = store): Promise<Ledger> {
  const ledger = emptyLedger(partition);
  for await (const { event, revision, position } of of.read<LedgerEvent>(streams.ledger(partition))) {
    evolveLedger(ledger, event, { revision, position: String(position) });
  }
  return ledger;
}

const contentOf = ({ devices, ...ledger }: Ledger) => ({ ...ledger, devices: new Map(devices) });

/** Devices as text by key: Jest's own comparison of so many objects takes its time. */
function differences(a: Ledger, b: Ledger): unknown {
  const [one, other] = [contentOf(a), contentOf(b)];
  const keys = [...new Set([...one.devices.keys(), ...other.devices.keys()])];
  const differing = keys.filter(
    (key) => JSON.stringify(one.devices.get(key)) !== JSON.stringify(other.devices.get(key)),
  );
  return { differing, facts: [one.revision, one.lastOffset, one.generation, one.configuration, [...one.loads].sort()] };
}

describe('snapshots of a ledger', () => {
  it('taken while pages are decided give the ledger that its events give', async () => {
    const snapshots = snapshotsOf();
    const worker = await Worker.start(snapshots);
    await worker.decide(14);
    await eventually('two snapshots', async () => (await files()).length === 2);
    await worker.decide(2);
    await snapshots.stop();
    const snapshot = await snapshotsOf().load(partition);
    expect(snapshot.revision).toBeGreaterThan(3);
    expect(snapshot.revision).toBeLessThan(worker.ledger.revision);
    const again = await Worker.start(snapshotsOf());
    const whole = await fromZero();
    expect(differences(again.ledger, whole)).toEqual(differences(whole, whole));
    expect(whole.devices.size).toBeGreaterThan(10_000);
    expect(warnings).toEqual([]);
  });

  it('hold the loads of ten thousand hubs, however long their names', async () => {
    const { ledger } = await Worker.start(idle);
    const loads = Array.from({ length: 10_000 }, (_, index): [string, number] => [`${index}`.padEnd(253, 'h'), index]);
    for (const [hub, devices] of loads) ledger.loads.set(hub, devices);
    ledger.lastOffset = 1000;
    const snapshots = snapshotsOf();
    snapshots.considered({ ledger, underWay: null, isKept: true });
    const isTaken = async () => (await files()).some((file) => file.endsWith('.snapshot'));
    await eventually('a snapshot, or a warning', async () => warnings.length > 0 || (await isTaken()));
    await snapshots.stop();
    expect(warnings).toEqual([]);
    expect([...(await snapshotsOf().load(partition)).loads]).toEqual(loads);
  });

  it('never keep the allocator from deciding for more than 50 ms', async () => {
    const { ledger } = await Worker.start(idle);
    for (let device = 0; device < 200_000; device += 1) {
      const at = { revision: 0, offset: device };
      const assignment = { hub: 'hub-a', substatus: 'initialAssignment', deviceId: device } as const;
      ledger.devices.assign(`press-${device}`, {
        at,
        ...assignment,
        enrollmentGroup: null,
        request: null,
        outdone: 0,
        since: 0,
      });
      if (device % 1000 === 0) ledger.devices.settle('1');
    }
    ledger.devices.settle('1');
    ledger.lastOffset = 200_000;
    const take = async () => {
      await rm(join(folder, 'snapshots'), { recursive: true, force: true });
      const snapshots = snapshotsOf();
      snapshots.considered({ ledger, underWay: null, isKept: true });
      await eventually('a snapshot', async () => (await files()).some((file) => file.endsWith('.snapshot')));
      await snapshots.stop();
    };
    expect(await longestTurnMs(take, 50)).toBeLessThan(50);
    expect((await snapshotsOf().load(partition)).devices.size).toBe(200_000);
  });

  it('that are damaged give way to the one before, and then to the events', async () => {
    const snapshots = snapshotsOf();
    const worker = await Worker.start(snapshots);
    await worker.decide(14);
    await eventually('two snapshots', async () => (await files()).length === 2);
    await snapshots.stop();
    const newest = (await snapshotsOf().load(partition)).revision;
    await damage((await files()).sort().at(-1)!);
    const before = (await snapshotsOf().load(partition)).revision;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(newest);
    await damage((await files()).sort().at(-1)!);
    expect((await snapshotsOf().load(partition)).revision).toBe(-1);
    expect(warnings).toHaveLength(2);
    const again = await Worker.start(snapshotsOf());
    const whole = await fromZero();
    expect(differences(again.ledger, whole)).toEqual(differences(whole, whole));
  });

  it('are not believed when the store is another one', async () => {
    const snapshots = snapshotsOf();
    await (await Worker.start(snapshots)).decide(4);
    await eventually('a snapshot', async () => (await files()).length > 0);
    await snapshots.stop();
    const otherNode = await startEventStoreNode({ dataFolder: join(folder, 'other') });
    const other = new EventStore(otherNode.connectionString);
    opened.push(other, { close: () => otherNode.stop() });
    const claim = { partition, generation: 1, allocator: 'x', at: new Date(now()).toISOString() };
    const claims = Array.from({ length: 40 }, () => ({ type: 'PartitionClaimed', v: 1, data: claim }) as const);
    const metadata = { correlationId: 'spec', actor: 'spec', at: claim.at };
    await other.append(streams.ledger(partition), claims, noStream, metadata);
    expect((await snapshotsOf(other).load(partition)).revision).toBe(-1);
    expect(await files()).toEqual([]);
  });

  it.each([0, 1])('hold nothing of a page that was never stored, begun after %i looks', async (looks) => {
    const worker = await Worker.start(idle);
    await worker.decide(2);
    const snapshots = snapshotsOf();
    let through!: () => void;
    const page = new Promise<void>((resolve) => (through = resolve));
    let left = looks;
    const work = {
      ledger: worker.ledger,
      isKept: true,
      get underWay() {
        return left-- > 0 || !this.isKept ? null : page;
      },
    };
    snapshots.considered(work);
    // Time enough for a snapshot that doesn't wait.
    for (let read = 0; read < 20; read += 1) await fromZero();
    expect((await files()).filter((file) => file.endsWith('.snapshot'))).toEqual([]);
    work.isKept = false;
    through();
    await snapshots.stop();
    expect(await files()).toEqual([]);
  });

  it('of another layout have another shape', () => {
    const { devices } = emptyLedger(0);
    const assignment = { hub: 'hub-a', substatus: 'deviceDataReset', deviceId: 7 } as const;
    const entrance = { enrollmentGroup: 'line', request: 5, outdone: 2, since: 6000 };
    devices.assign('press-1', { at: { revision: 1, offset: 2 }, ...assignment, ...entrance });
    devices.refuse('press-1', { at: { revision: 1, offset: 3 }, authenticated: true, said: 8 });
    devices.release('press-2', { at: { revision: 1, offset: 4 }, hub: 'hub-b', request: 9 });
    devices.settle('64');
    // Changed? Then raise the shape of the ledgers' snapshots, or old ones are read as what they are not.
    expect(layoutOf(devices)).toBe('ab136737389d432a');
  });

  it('hold every part of a ledger', () => {
    // Whoever adds one has a snapshot hold it, and raises the shape.
    const held = ['revision', 'generation', 'lastOffset', 'configuration', 'devices', 'loads'];
    expect(Object.keys(emptyLedger(0)).sort()).toEqual([...held, 'partition'].sort());
  });

  it('of a ledger that was given up before are none', async () => {
    const snapshots = snapshotsOf();
    const worker = await Worker.start(snapshots);
    worker.isKept = false;
    await worker.decide(4);
    await snapshots.stop();
    expect(await files()).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

/** Changes a byte in the middle. */
async function damage(file: string): Promise<void> {
  const path = join(folder, 'snapshots', `ledger-${partition}`, file);
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await writeFile(path, bytes);
}
