import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { ControlModule } from '@berth/control';
import { ConfigurationPosition, IntakeModule } from '@berth/edge';
import { Engines } from '@berth/engines';
import { configurationPrefixes } from '@berth/event-store';
import { GraphqlModule } from '@berth/graphql';
import { PlatformModule, type Service, serve, settingsOrExit } from '@berth/platform';

/** GraphQL and the HTTP intake of registration events, over read models that a projector keeps. */
@Module({})
class GatewayModule {}

const settings = settingsOrExit('eventStoreUrl', 'kafka', 'databaseUrl', 'masterKey');
await serve("Berth's gateway", settings, composeGateway);

function composeGateway(): Promise<Service> {
  return Engines.compose(async (engines) => {
    const store = engines.eventStore(settings.eventStoreUrl);
    await engines.masterKey(settings, store);
    await engines.readModel(settings);
    await engines.registrationLog(settings);
    const idScope = await engines.idScope(settings, store);
    const position = { current: () => store.newestAppended(configurationPrefixes) };
    return {
      module: {
        module: GatewayModule,
        imports: [
          engines.module({ provide: ConfigurationPosition, useValue: position }),
          PlatformModule.forRoot(settings.auth, settings.rates),
          ControlModule.forRoot(settings.limits, settings.webhooks),
          GraphqlModule.forRoot({ idScope }),
          IntakeModule,
        ],
      },
      facts: (base) => [
        ['GraphQL', `${base}/graphql   (GraphiQL in a browser)`],
        ['registrations', `${base}/registrations`],
        ['ID scope', idScope],
      ],
    };
  });
}
