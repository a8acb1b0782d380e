import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { evolveHub, type HubEvent, linkHub, noHub, changeHub, type Hub } from '@berth/domain';
import { startEventStoreNode } from '@berth/event-store-node';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  it('appends at the exact revision and reads back in order, forwards and backwards', async () => {
    const first = await store.append('hub-a', [linked, weight(2)], noStream, metadata);
    const second = await store.append('hub-a', [weight(3)], first.revision, metadata);
    expect(second.position > first.position).toBe(true);
    const revisions = async (options: Parameters<EventStore['read']>[1]) => {
      const read: number[] = [];
      for await (const { revision } of store.read('hub-a', options)) read.push(revision);
      return read;
    };
    expect(await revisions({})).toEqual([0, 1, 2]);
    expect(await revisions({ backwards: true, maxCount: 2 })).toEqual([2, 1]);
    expect(await revisions({ from: 1 })).toEqual([1, 2]);
  });

  it('refuses an append at another revision, and stores nothing of it', async () => {
    await store.append('hub-a', [linked], noStream, metadata);
    await expect(store.append('hub-a', [weight(2)], 5, metadata)).rejects.toBeInstanceOf(RevisionConflict);
    await expect(store.append('hub-a', [weight(2)], noStream, metadata)).rejects.toBeInstanceOf(RevisionConflict);
    const events = [];
    for await (const stored of store.read('hub-a')) events.push(stored);
    expect(events).toHaveLength(1);
  });

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
  it('hands over the past and then the present, in order, of the wanted streams only', async () => {
    await store.append('hub-a', [linked, weight(2)], noStream, metadata);
    await store.append('other-a', [linked], noStream, metadata);
    const seen: string[] = [];
    const following = store.follow({
      prefixes: ['hub-'],
      after: null,
      handle: (events) => void seen.push(...events.map(({ stream, revision }) => `${stream}@${revision}`)),
    });
    await following.caughtUp;
    expect(seen).toEqual(['hub-a@0', 'hub-a@1']);
    const { position } = await store.append('hub-a', [weight(3)], 1, metadata);
    expect(await following.reached(position, 5_000)).toBe(true);
    expect(seen.at(-1)).toBe('hub-a@2');
    expect(await following.reached(position + 1_000_000n, 20)).toBe(false);
  });

  it('starts after a position it was given', async () => {
    const { position } = await store.append('hub-a', [linked], noStream, metadata);
    await store.append('hub-a', [weight(2)], 0, metadata);
    const seen: number[] = [];
    const following = store.follow({
      prefixes: ['hub-'],
      after: position,
      handle: (events) => void seen.push(...events.map(({ revision }) => revision)),
    });
    await following.caughtUp;
    expect(seen).toEqual([1]);
  });

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

  it('ends through `failed` when its handler does', async () => {
    const following = store.follow({
      prefixes: ['hub-'],
      after: null,
      handle: () => {
        throw new Error('cannot be handled');
      },
    });
    await store.append('hub-a', [linked], noStream, metadata);
    await expect(following.failed).rejects.toThrow('cannot be handled');
  });
});
