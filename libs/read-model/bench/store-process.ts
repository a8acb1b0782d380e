import { startEventStoreNode } from '@berth/event-store-node';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(import.meta.url);

/** An event store in a process of its own, as Berth runs it: its work is not measured with the projector's. */
export async function startStoreProcess(dataFolder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const child = fork(file, [dataFolder]);
  const [url] = (await once(child, 'message')) as [string];
  return {
    url,
    async stop() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

if (process.argv[1] === file) {
  const node = await startEventStoreNode({ dataFolder: process.argv[2] ?? '' });
  process.send?.(node.connectionString);
  process.once('disconnect', () => void node.stop().then(() => process.exit(0)));
}
