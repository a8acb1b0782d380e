import { Allocator, ConfigurationSnapshots, ConfigurationView, LedgerSnapshots } from '@berth/allocator';
import { EventStore } from '@berth/event-store';
import { type BatchConsumer, connectKafkaLog, type RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { setTimeout as wait } from 'node:timers/promises';
import { BarePipe } from './bare-pipe.ts';
import { idScope } from './devices.ts';
import type { PartOptions, Part } from './part.ts';
import { keptPatterns } from './patterns.ts';
import { UpsertPeer } from './upsert-peer.ts';

/** The parts that take and publish by Berth's own adapters. */
export async function openAdapterPart(kind: 'allocator' | 'pipe' | 'peer', options: PartOptions): Promise<Part> {
  const { brokers, eventStoreUrl, partitions } = options;
  const store = new EventStore(eventStoreUrl);
  const log = await connectKafkaLog({ brokers, partitions });
  const consumer = await consumerOf(kind, options, store, log);
  const close = async () => {
    await log.close();
    await store.close();
  };
  return { group: kind === 'allocator' ? 'berth.allocator' : `bench.${kind}`, consumer, log, close };
}

async function consumerOf(
  kind: 'allocator' | 'pipe' | 'peer',
  options: PartOptions,
  store: EventStore,
  log: RegistrationLog,
): Promise<BatchConsumer> {
  if (kind === 'pipe') return new BarePipe(store, log, keptPatterns(options.folder));
  if (kind === 'peer') return UpsertPeer.open(options, log);
  const { dataFolder, name } = options;
  const masterKey = new MasterKey(Buffer.from(options.masterKey, 'base64'));
  const warn = (message: string, error?: unknown) => console.error(message, error);
  const configurations = new ConfigurationSnapshots({ dataFolder, store, masterKey, warn });
  const view = new ConfigurationView(store, masterKey, configurations);
  await view.caughtUp;
  const snapshots = new LedgerSnapshots({ dataFolder, store, warn });
  return new Allocator({ log, store, view, snapshots, idScope, name, now: () => Date.now(), wait });
}
