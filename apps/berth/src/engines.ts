import { EventStore } from '@berth/event-store';
import { type Settings } from '@berth/platform';
import { openReadModel } from '@berth/read-model';
import { connectKafkaLog, openEmbeddedLog, type RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { hostname } from 'node:os';
import { idScopeOf } from './deployment.js';
import { type EventStoreProcess } from './event-store-process.js';

/** What Berth stands on, embedded or elsewhere as the settings say. */
export interface Engines {
  store: EventStore;
  log: RegistrationLog;
  readModel: Awaited<ReturnType<typeof openReadModel>>;
  masterKey: MasterKey;
  idScope: string;
  /** The embedded event store; null when it is elsewhere. */
  node: EventStoreProcess | null;
  close(): Promise<void>;
}

/** What is under way before the rest of the code is loaded. */
export interface EmbeddedParts {
  /** 32 bytes. */
  masterKey: Buffer;
  /** The embedded event store, starting; null when it is elsewhere. */
  node: Promise<EventStoreProcess> | null;
}

export async function openEngines(settings: Settings, parts: EmbeddedParts): Promise<Engines> {
  const { dataFolder } = settings;
  const masterKey = new MasterKey(parts.masterKey);
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const node = await parts.node;
    if (node) closers.push(() => node.stop());
    const store = new EventStore(settings.eventStoreUrl ?? (node as EventStoreProcess).url);
    closers.push(() => store.close());
    const readModel = await openReadModel({ dataFolder });
    closers.push(() => readModel.close());
    const log = await openLog(settings);
    closers.push(() => log.close());
    const idScope = settings.idScope ?? (await idScopeOf(store));
    return { store, log, readModel, masterKey, idScope, node, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** How long a silent allocator keeps its partitions before another takes them over. */
const sessionMs = 10_000;

async function openLog({ kafka, dataFolder, partitions }: Settings): Promise<RegistrationLog> {
  if (!kafka) return openEmbeddedLog({ dataFolder, partitions });
  return connectKafkaLog({
    ...kafka,
    sasl: kafka.sasl ?? undefined,
    partitions,
    clientId: `berth-${hostname()}`,
    sessionMs,
  });
}
