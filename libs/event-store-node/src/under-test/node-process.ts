import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fromSources } from '@berth/testing';
import type { EventStoreNode, EventStoreNodeOptions } from '../node.js';

/** A node in a process of its own. */
export type NodeProcess = EventStoreNode;
type Address = Pick<EventStoreNode, 'host' | 'port' | 'connectionString'>;

const PROGRAM = fileURLToPath(new URL('./node-program.ts', import.meta.url));

/** @throws when it ends before it serves. */
export async function startNodeProcess(options: EventStoreNodeOptions): Promise<NodeProcess> {
  const child = fork(PROGRAM, { execArgv: [...fromSources], serialization: 'advanced' });
  const exit = once(child, 'exit');
  child.send(options);
  const listening = once(child, 'message').then(([address]) => address as Address);
  const address = await Promise.race([listening, exit]);
  if (!('port' in address)) throw new Error(`The node ended early: ${JSON.stringify(address)}`);
  return {
    ...address,
    async stop() {
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}
