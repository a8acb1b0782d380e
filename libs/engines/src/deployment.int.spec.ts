import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStore, streams } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { idScopeOf } from './deployment.js';

describe('the ID scope of a deployment', () => {
  let folder: string;
  let node: EventStoreNode;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-deployment-'));
    node = await startEventStoreNode({ dataFolder: folder });
  });
  afterAll(async () => {
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is made once, however many processes begin at once, and the same ever after', async () => {
    const store = new EventStore(node.connectionString);
    const scopes = await Promise.all(Array.from({ length: 10 }, () => idScopeOf(store)));
    expect(new Set(scopes).size).toBe(1);
    // As devices know it from the reference service.
    expect(scopes[0]).toMatch(/^0ne[0-9A-F]{8}$/);
    expect(await idScopeOf(store)).toBe(scopes[0]);
    const founded = [];
    for await (const { event } of store.read(streams.deployment)) founded.push(event);
    expect(founded).toHaveLength(1);
    await store.close();
  });
});
