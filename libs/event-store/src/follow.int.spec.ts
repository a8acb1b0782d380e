import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type HubEvent, type LedgerEvent } from '@berth/domain';
import { startEventStoreNode } from '@berth/event-store-node';
import { CuttableProxy, eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStore, noStream } from './event-store.js';

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const weight = (value: number): HubEvent => ({
  type: 'HubWeightChanged',
  v: 1,
  data: { name: 'hub-a', weight: value },
});

let folder: string;
let node: Awaited<ReturnType<typeof startEventStoreNode>>;
let proxy: CuttableProxy;
let store: EventStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-follow-'));
  node = await startEventStoreNode({ dataFolder: folder });
  proxy = await CuttableProxy.to(node.port);
  store = new EventStore(`esdb://127.0.0.1:${proxy.port}?tls=false`);
});

afterEach(async () => {
  await store.close();
  await proxy.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A handler that stands still until it is let go. */
function gate(): { passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

describe('the lag of a follower', () => {
  it('is unknown at first, none when everything is handled, and else the age of what waits', async () => {
    let current = gate();
    const following = store.follow({
      prefixes: ['hub-'],
      after: null,
      handle: (events) => (events.length > 0 ? current.passed : undefined),
    });
    expect(following.lagMs).toBeNull();
    await eventually('handling everything', () => following.lagMs === 0);

    const before = Date.now();
    await store.append('hub-a', [weight(1)], noStream, metadata);
    await eventually('some lag', () => (following.lagMs ?? 0) >= 50);
    expect(following.lagMs).toBeLessThanOrEqual(Date.now() - before);
    await store.append('hub-a', [weight(2)], 0, metadata);
    await eventually('more lag', () => (following.lagMs ?? 0) >= 100);
    current.open();
    current = gate();
    await eventually('the lag of the second event alone', () => following.lagMs !== 0 && Number(following.lagMs) < 100);
    current.open();
    await eventually('handling everything', () => following.lagMs === 0);
  });

  it('is the age of the next old event while catching up', async () => {
    await store.append('hub-a', [weight(1), weight(2)], noStream, metadata);
    const appendedBefore = Date.now();
    const { passed, open } = gate();
    const following = store.follow({ prefixes: ['hub-'], after: null, batchMax: 1, handle: () => passed });
    await eventually('the first event to wait', () => (following.lagMs ?? 0) >= 50);
    expect(following.lagMs).toBeGreaterThanOrEqual(Date.now() - appendedBefore - 1);
    open();
    await eventually('handling everything', () => following.lagMs === 0);
  });
});

describe('a follower whose handler stands still', () => {
  const pages = 120;
  const pageBytes = 200_000;
  const page: LedgerEvent = {
    type: 'PartitionClaimed',
    v: 1,
    data: { partition: 0, generation: 1, allocator: 'x'.repeat(pageBytes), at: '' },
  };

  it('holds a bounded part of the large pages that wait, and misses none', async () => {
    for (let n = 0; n < pages; n += 3) await store.append('ledger-0', [page, page, page], n - 1, metadata);
    const { passed, open } = gate();
    const before = proxy.answeredBytes;
    const seen: number[] = [];
    const following = store.follow({
      prefixes: ['ledger-'],
      after: null,
      handle: async (events) => {
        await passed;
        seen.push(...events.map(({ revision }) => revision));
      },
    });
    let answered = before;
    let isStillFor = 0;
    await eventually('the connection to be pushed back', () => {
      isStillFor = answered === proxy.answeredBytes ? isStillFor + 1 : 0;
      answered = proxy.answeredBytes;
      return answered > before && isStillFor >= 30;
    });
    expect(answered - before).toBeLessThan(0.75 * pages * pageBytes);
    open();
    await following.caughtUp;
    expect(seen).toEqual(Array.from({ length: pages }, (_, revision) => revision));
  });
});
