import { enableCompileCache } from 'node:module';
import { EventStoreProcess } from './event-store-process.js';
import { masterKeyIn, MasterKeyMissing } from './master-key-file.js';

// Loading the code takes most of a start: compiled once it is kept, and the event store starts meanwhile.
enableCompileCache();
const { exitBadSettings, serve, settingsOrExit } = await import('@berth/platform');
const settings = settingsOrExit();
const masterKey = settings.masterKey ?? (await masterKeyOrExit());
const { dataFolder, eventStorePort: port } = settings;
const node = settings.eventStoreUrl === null ? EventStoreProcess.start({ dataFolder, port }) : null;
// Whoever awaits it hears of it; until then a failure must not end the process by itself.
node?.catch(() => undefined);
const { composeBerth } = await import('./berth.js');
await serve('Berth', settings, () => composeBerth(settings, { masterKey, node }));

async function masterKeyOrExit(): Promise<Buffer> {
  try {
    return await masterKeyIn(settings.dataFolder);
  } catch (error) {
    console.error(`Berth cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return process.exit(error instanceof MasterKeyMissing ? exitBadSettings : 1);
  }
}
