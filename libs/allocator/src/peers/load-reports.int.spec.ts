import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyLedger, type LoadEvent, LoadView, type OpenedHub, reportsKept } from '@berth/domain';
import { EventStore, type Followed, sharedPrefixes, streams } from '@berth/event-store';
import { startEventStoreNode } from '@berth/event-store-node';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ClaimedPartition } from '../claimed-partition.js';
import { LoadReports } from './load-reports.js';

/** As long as names get. */
const keyOf = (index: number) => `${index}`.padStart(5, '0') + 'h'.repeat(248);
const count = 10_000;
const hubs = new Map(
  Array.from({ length: count }, (_, index): [string, OpenedHub] => [
    keyOf(index),
    { name: keyOf(index), state: 'open', weight: 1, capacity: null, openedAt: 0 },
  ]),
);

/** What an allocator with one of two partitions knows of the other, and tells it. */
class Peer {
  readonly view = new LoadView(2);
  readonly partition: ClaimedPartition;
  readonly reports: LoadReports;
  failure: unknown = null;
  private following: Followed | null = null;

  constructor(
    private readonly store: EventStore,
    number: number,
  ) {
    this.partition = new ClaimedPartition(Object.assign(emptyLedger(number), { generation: 1 }), 0n);
    const claimed = new Map([[number, this.partition]]);
    const options = { store, name: `peer-${number}`, now: () => 0, wait: () => turn(), partitions: 2, claimed };
    this.reports = new LoadReports({ ...options, loads: this.view }, (error) => (this.failure = error));
    this.view.claimed(this.partition.ledger);
  }

  /** @param after position in the order of all events. */
  listen(after: bigint | null): void {
    this.following = this.store.follow<LoadEvent>({
      prefixes: sharedPrefixes,
      after,
      handle: (events) => events.forEach((stored) => this.reports.heard(stored)),
    });
  }

  place(hub: string): void {
    const { ledger } = this.partition;
    this.view.boardOf({ hubs, hubsVersion: 1 }).moved(hub, 1);
    ledger.loads.set(hub, (ledger.loads.get(hub) ?? 0) + 1);
    ledger.revision += 1;
    this.reports.changed();
  }

  /** Devices on hubs, all partitions. */
  get loads(): number[] {
    return [...this.view.boardOf({ hubs, hubsVersion: 1 }).values()].map(({ load }) => load);
  }

  async stop(): Promise<void> {
    this.reports.stop();
    await this.following?.stop();
  }
}

describe('reports of loads among ten thousand hubs', () => {
  let folder: string;
  let node: Awaited<ReturnType<typeof startEventStoreNode>>;
  let store: EventStore;
  const peers: Peer[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-loads-'));
    node = await startEventStoreNode({ dataFolder: folder });
    store = new EventStore(node.connectionString);
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) await peer.stop();
    await store.close();
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const peer = (number: number) => {
    peers.push(new Peer(store, number));
    return peers.at(-1) as Peer;
  };
  const stored = async () => {
    const all: { revision: number; position: bigint; since: number | undefined }[] = [];
    for await (const { event, revision, position } of store.read<LoadEvent>(streams.loads(0))) {
      all.push({ revision, position, since: event.data.since });
    }
    return all;
  };

  it('go through the store whatever the names, and whoever comes later knows them all', async () => {
    const first = peer(0);
    first.listen(null);
    for (const hub of hubs.keys()) first.place(hub);
    await eventually('a report of all', async () => (await stored()).length > 1);
    for (let round = 0; round < 5; round += 1) {
      const before = (await stored()).length;
      first.place(keyOf(round));
      await eventually('a report of what changed', async () => (await stored()).length > before);
    }
    expect(first.failure).toBeNull();
    const all = await stored();
    expect(all.filter(({ since }) => since === undefined)).toHaveLength(1);
    expect(all.length).toBeLessThan(reportsKept);

    // It hears the last one only, which goes on from what it has missed.
    const second = peer(1);
    second.listen(all.at(-2)!.position);
    second.place(keyOf(9));
    const expected = [...hubs.keys()].map((_, index) => (index < 5 ? 2 : 1) + (index === 9 ? 1 : 0));
    await eventually('the loads known to both', () =>
      [first, second].every((each) => JSON.stringify(each.loads) === JSON.stringify(expected)),
    );
    expect([first.failure, second.failure]).toEqual([null, null]);
  });
});
