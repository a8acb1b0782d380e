import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { evolveHub, type HubEvent, linkHub, noHub, changeHub, type Hub } from '@berth/domain';
import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { startEventStoreNode } from '@berth/event-store-node';
import { CuttableProxy, eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEventStoreContract } from './event-store.contract.js';
import { EventStore, noStream } from './event-store.js';
import { RevisionConflict } from './faults.js';
import { transact } from './transact.js';

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const link = { name: 'hub-a', weight: 1, capacity: null, region: null, connection: null };
const linked: HubEvent = { type: 'HubLinked', v: 1, data: link };
const weight = (value: number): HubEvent => ({
  type: 'HubWeightChanged',
  v: 1,
  data: { name: 'hub-a', weight: value },
});
const decider = { initial: noHub as Hub, evolve: evolveHub };

describeEventStoreContract('EventStoreDB protocol, embedded node', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-event-store-'));
  const served = await startEventStoreNode({ dataFolder });
  const proxy = await CuttableProxy.to(served.port);
  const through = new EventStore(`esdb://127.0.0.1:${proxy.port}?tls=false`);
  const past = new EventStore(served.connectionString);
  return {
    store: through,
    other: past,
    holdAnswers: () => proxy.hold(),
    loseAnswers: () => {
      proxy.cut();
      proxy.release();
    },
    disconnect: () => proxy.refuse(),
    reconnect: () => proxy.accept(),
    end: async () => {
      await Promise.all([through.close(), past.close()]);
      await proxy.close();
      await served.stop();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
});

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let store: EventStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-event-store-'));
  node = await startEventStoreNode({ dataFolder: folder });
  store = new EventStore(node.connectionString);
});

afterEach(async () => {
  await store.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the event store', () => {
  it('closes promptly after reads that were given up half way, whatever the store had said by then', async () => {
    await store.append('hub-a', [linked, linked], noStream, metadata);
    for (let round = 0; round < 40; round += 1) {
      const reader = new EventStore(node.connectionString);
      for await (const { revision } of reader.read('hub-a', { maxCount: (round % 2) + 1 })) if (revision === 0) break;
      for (let read = 0; read < round % 4; read += 1)
        for await (const { stream } of reader.read('hub-a')) expect(stream).toBe('hub-a');
      const started = performance.now();
      await reader.close();
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });

  it('knows the newest position that it has appended, by prefix', async () => {
    expect(store.newestAppended(['hub-'])).toBeNull();
    const hub = await store.append('hub-a', [linked], noStream, metadata);
    const other = await store.append('ledger-0', [linked], noStream, metadata);
    expect(store.newestAppended(['hub-', 'policy-'])).toBe(hub.position);
    expect(store.newestAppended(['hub-', 'ledger-'])).toBe(other.position);
  });

  it('reports a conflict also where the URL asks the client not to throw, which then names revision 1 whatever there is', async () => {
    await store.append('hub-a', [linked, weight(2), weight(3), weight(4)], noStream, metadata);
    const url = `${node.connectionString}&throwOnAppendFailure=false`;
    const bare = EventStoreDBClient.connectionString(url);
    const event = jsonEvent({ type: 'HubLinked', data: {} });
    const answer = await bare.appendToStream('hub-a', event, { expectedRevision: NO_STREAM });
    await bare.dispose();
    expect(answer).toMatchObject({ success: false, nextExpectedRevision: 1n });
    const silent = new EventStore(url);
    await expect(silent.append('hub-a', [weight(5)], noStream, metadata)).rejects.toBeInstanceOf(RevisionConflict);
    await silent.close();
  });

  it('reads nothing from a stream that is not there or was deleted', async () => {
    await store.append('dataKey-1', [linked], noStream, metadata);
    await store.delete('dataKey-1');
    await store.delete('dataKey-1');
    await store.delete('dataKey-2');
    for (const stream of ['dataKey-1', 'dataKey-2'])
      for await (const stored of store.read(stream)) expect(stored).toBeUndefined();
  });
});

describe('transact', () => {
  it('lets every one of eight writers of one stream succeed, one after another', async () => {
    await store.append('hub-a', [linked], noStream, metadata);
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        transact(store, 'hub-a', decider, (hub) => changeHub({ name: 'hub-a', weight: index + 2 }, hub), { metadata }),
      ),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    const versions = results.map((result) => (result.ok ? result.version : -1));
    expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('refuses on another version than the expected, and says which it is', async () => {
    const linking = await transact(store, 'hub-a', decider, (hub) => linkHub(link, hub), {
      metadata,
      expectedVersion: noStream,
    });
    expect(linking).toMatchObject({ ok: true, version: 0 });
    const changing = await transact(store, 'hub-a', decider, (hub) => changeHub({ name: 'hub-a', weight: 5 }, hub), {
      metadata,
      expectedVersion: 4,
    });
    expect(changing).toMatchObject({ ok: false, rejection: { kind: 'versionConflict', currentVersion: 0 } });
  });

  it('gives the position of what already holds', async () => {
    const first = await transact(store, 'hub-a', decider, (hub) => linkHub(link, hub), { metadata });
    const again = await transact(store, 'hub-a', decider, (hub) => changeHub({ name: 'hub-a', weight: 1 }, hub), {
      metadata,
    });
    expect(again).toMatchObject({ ok: true, version: 0, position: first.position });
  });
});

describe('following', () => {
  it('goes on after the store was away, without gap or repeat', async () => {
    const seen: number[] = [];
    const following = store.follow({
      prefixes: ['hub-'],
      after: null,
      handle: (events) => void seen.push(...events.map(({ revision }) => revision)),
    });
    await store.append('hub-a', [linked], noStream, metadata);
    await eventually('the first event', () => seen.length === 1);
    const { port } = node;
    await node.stop();
    node = await startEventStoreNode({ dataFolder: folder, port });
    await store.append('hub-a', [weight(2), weight(3)], 0, metadata);
    await eventually('the events after the restart', () => seen.length === 3);
    expect(seen).toEqual([0, 1, 2]);
    expect(following.live || (await eventually('being live again', () => following.live))).toBe(true);
  });
});

it('looks at one event of a longer stream thousands of times in a row, and is not cut off for giving up so often', async () => {
  const events = Array.from({ length: 5 }, (_, index) => weight(index + 1));
  await store.append('hub-a', [linked, ...events], noStream, metadata);
  const timesMax = 2_500;
  let times = 0;
  const lookOn = async () => {
    for (; times < timesMax; times += 1) {
      for await (const { revision } of store.read('hub-a', { from: 3, maxCount: 1 })) {
        expect(revision).toBe(3);
        break;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, lookOn));
}, 120_000);
