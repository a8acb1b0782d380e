import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { EventStoreDBClient } from '@eventstore/db-client';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { startEventStoreNode, type EventStoreNode, type EventStoreNodeOptions } from '../node.js';

/** A node on a folder of its own with the published client and, for what that can't express, a bare one. */
export interface NodeUnderTest {
  readonly folder: string;
  readonly node: EventStoreNode;
  readonly client: EventStoreDBClient;
  readonly bare: StreamsClient;
  close(): Promise<void>;
}

export type NodeUnderTestOptions = Omit<EventStoreNodeOptions, 'dataFolder'>;

export async function startNodeUnderTest(options: NodeUnderTestOptions = {}): Promise<NodeUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'event-store-node-'));
  const node = await startEventStoreNode({ ...options, dataFolder: folder });
  const client = EventStoreDBClient.connectionString(node.connectionString);
  const bare = new StreamsClient(`${node.host}:${node.port}`, credentials.createInsecure());
  return {
    folder,
    node,
    client,
    bare,
    async close() {
      await client.dispose();
      bare.close();
      await node.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
