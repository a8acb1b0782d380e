import 'reflect-metadata';
import { ConfigurationPosition } from '@berth/edge';
import { Engines } from '@berth/engines';
import { configurationPrefixes } from '@berth/event-store';
import { type Service, type Settings } from '@berth/platform';
import { BerthModule } from './berth.module.js';
import { type EventStoreProcess } from './event-store-process.js';

/** What is under way before the rest of the code is loaded. */
export interface EmbeddedParts {
  /** 32 bytes. */
  masterKey: Buffer;
  /** The embedded event store, starting; null when it is elsewhere. */
  node: Promise<EventStoreProcess> | null;
}

export function composeBerth(settings: Settings, parts: EmbeddedParts): Promise<Service> {
  return Engines.compose(async (engines) => {
    const node = await parts.node;
    if (node) engines.closeWith(() => node.stop());
    const store = engines.eventStore(settings.eventStoreUrl ?? (node as EventStoreProcess).url);
    await engines.masterKey({ ...settings, masterKey: parts.masterKey }, store);
    const { projector } = await engines.readModel(settings);
    await engines.registrationLog(settings);
    const idScope = await engines.idScope(settings, store);
    const position = { current: () => store.newestAppended(configurationPrefixes) };
    const module = engines.module({ provide: ConfigurationPosition, useValue: position });
    return {
      module: BerthModule.forRoot({
        engines: module,
        projector,
        idScope,
        dataFolder: settings.dataFolder,
        auth: settings.auth,
        limits: settings.limits,
        rates: settings.rates,
        webhooks: settings.webhooks,
      }),
      facts: (base) => [
        ['GraphQL', `${base}/graphql   (GraphiQL in a browser)`],
        ['registrations', `${base}/registrations`],
        ['event store', node ? `${node.url} (embedded)` : 'as configured'],
        ['log', settings.kafka ? `Kafka at ${settings.kafka.brokers.join(', ')}` : 'embedded'],
        ['read model', settings.databaseUrl === null ? 'embedded' : 'PostgreSQL, as configured'],
        ['ID scope', idScope],
        ['data', settings.dataFolder],
      ],
      ...(node ? { ended: node.death } : {}),
    };
  });
}
