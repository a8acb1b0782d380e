import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { startNodeProcess, type NodeProcess } from './node-process.js';
import type { PublishedClient } from './published-client.js';
import type { NodeUnderTestOptions } from './node-under-test.js';

/** A published client and a node on a folder of its own. */
export interface ClientUnderTest {
  readonly folder: string;
  readonly node: NodeProcess;
  readonly client: EventStoreDBClient;
  close(): Promise<void>;
}

export async function startClientUnderTest(
  published: PublishedClient,
  options: NodeUnderTestOptions = {},
): Promise<ClientUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'event-store-client-'));
  const node = await startNodeProcess({ ...options, dataFolder: folder });
  const client = published.connect(node.connectionString);
  return {
    folder,
    node,
    client,
    async close() {
      await client.dispose();
      await node.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
