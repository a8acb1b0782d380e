import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { AllocatorModule } from '@berth/allocator';
import { Engines } from '@berth/engines';
import { PlatformModule, type Service, serve, settingsOrExit } from '@berth/platform';
import { hostname } from 'node:os';

/** Decides the registrations of the partitions it is given; as many of them may run as there are partitions. */
@Module({})
class AllocatorAppModule {}

const settings = settingsOrExit('eventStoreUrl', 'kafka', 'masterKey');
await serve("Berth's allocator", settings, composeAllocator);

function composeAllocator(): Promise<Service> {
  return Engines.compose(async (engines) => {
    const store = engines.eventStore(settings.eventStoreUrl);
    await engines.masterKey(settings, store);
    await engines.registrationLog(settings);
    const idScope = await engines.idScope(settings, store);
    const name = `${hostname()}/${process.pid}`;
    const { dataFolder, webhooks } = settings;
    return {
      module: {
        module: AllocatorAppModule,
        imports: [
          engines.module(),
          PlatformModule.forRoot(settings.auth),
          AllocatorModule.forRoot({ idScope, name, dataFolder, webhooks }),
        ],
      },
      facts: () => [
        ['log', `Kafka at ${settings.kafka.brokers.join(', ')}`],
        ['claims as', name],
        ['ID scope', idScope],
      ],
    };
  });
}
