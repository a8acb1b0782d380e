import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Engines } from '@berth/engines';
import { PlatformModule, type Service, serve, settingsOrExit } from '@berth/platform';
import { ProjectorModule } from '@berth/read-model';

/** Keeps the shared read model in step with the streams. One leads; others stand by, ready to go on when it ends. */
@Module({})
class ProjectorAppModule {}

const settings = settingsOrExit('eventStoreUrl', 'databaseUrl');
await serve("Berth's projector", settings, composeProjector);

function composeProjector(): Promise<Service> {
  return Engines.compose(async (engines) => {
    engines.eventStore(settings.eventStoreUrl);
    const { projector } = await engines.readModel(settings);
    return {
      module: {
        module: ProjectorAppModule,
        imports: [engines.module(), PlatformModule.forRoot(settings.auth), ProjectorModule.forRoot(projector)],
      },
      facts: () => [['read model', 'PostgreSQL, as configured']],
    };
  });
}
