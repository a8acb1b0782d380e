import { exit } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { DataFolderInUse, startEventStoreNode, type EventStoreNodeOptions } from '@berth/event-store-node';
import { parseConfiguration } from './configuration.js';

/** sysexits.h: the configuration is wrong, so starting again won't help. */
const EXIT_CONFIGURATION = 78;
/** sysexits.h: something the program needs is not to be had now. */
const EXIT_UNAVAILABLE = 69;

// V8 lets the space of short-lived objects grow to 64 MB and more, and holds on to the buffers that they own. Those of a node
// live for the length of an append or a read, and are cleared as cheaply from the 8 MB that loading this program left. Other
// flags of that kind count at the start of a process only; this one holds however the program was started.
setFlagsFromString('--semi-space-growth-factor=1');

const parsed = parseConfiguration(process.env);
if (!parsed.ok) {
  console.error('The event store cannot start, its configuration has to be mended first:');
  for (const problem of parsed.problems) console.error(`  - ${problem}`);
  exit(EXIT_CONFIGURATION);
}
await serve(parsed.options);

async function serve(options: EventStoreNodeOptions): Promise<void> {
  // Started by `fork`, the channel closes with the parent, even one that was killed and could not say goodbye. Heard from the
  // very start, since the parent may go while this process still waits for the folder.
  const orphaned = new Promise<void>((resolve) => process.once('disconnect', () => resolve()));
  const node = await startEventStoreNode(options).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    exit(error instanceof DataFolderInUse ? EXIT_UNAVAILABLE : 1);
  });
  const stop = (): void => void node.stop().then(() => exit(0));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
  void orphaned.then(stop);
  if (process.connected) process.send?.({ type: 'listening', host: node.host, port: node.port });
  console.log(`Event store listening on ${node.connectionString}`);
}
