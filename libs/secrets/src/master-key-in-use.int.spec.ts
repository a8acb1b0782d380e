import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStore, noStream, streams } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { UnusableSettings } from '@berth/platform';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MasterKey } from './master-key.js';
import { checkMasterKey } from './master-key-in-use.js';

const metadata = { correlationId: 'c', actor: 'a', at: '2026-11-23T10:00:00.000Z' };

describe('the master key at a start', () => {
  let folder: string;
  let node: EventStoreNode;
  let store: EventStore;
  const [bytes, otherBytes] = [randomBytes(32), randomBytes(32)];
  const masterKey = new MasterKey(bytes);
  const other = new MasterKey(otherBytes);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-secrets-'));
    node = await startEventStoreNode({ dataFolder: folder });
    store = new EventStore(node.connectionString);
  });
  afterEach(async () => {
    await store.close();
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is taken as it is where nothing is stored, and by several at once', async () => {
    await Promise.all([1, 2, 3].map(() => checkMasterKey(masterKey, store)));
    await checkMasterKey(masterKey, store);
    const events = [];
    for await (const { event } of store.read(streams.masterKey)) events.push(event);
    expect(events).toEqual([{ type: 'MasterKeyAdopted', v: 1, data: { masterKeyId: masterKey.id } }]);
  });

  it('has to be the same at the next one, or to know it', async () => {
    await checkMasterKey(masterKey, store);
    await expect(checkMasterKey(other, store)).rejects.toThrow(UnusableSettings);
    await expect(checkMasterKey(other, store)).rejects.toThrow(masterKey.id);
    await checkMasterKey(new MasterKey(otherBytes, [bytes]), store);
  });

  it('has to open what was wrapped before anybody wrote down by which key', async () => {
    const { event } = masterKey.newDataKey();
    await store.append(streams.dataKey(event.data.keyId), [event], noStream, metadata);
    await expect(checkMasterKey(other, store)).rejects.toThrow(UnusableSettings);
    // Having both doesn't mean that anything is wrapped by the newer one.
    await checkMasterKey(new MasterKey(otherBytes, [bytes]), store);
    await expect(checkMasterKey(other, store)).rejects.toThrow(masterKey.id);
    await checkMasterKey(masterKey, store);
  });
});
