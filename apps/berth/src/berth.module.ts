import { type DynamicModule, Module } from '@nestjs/common';
import { AllocatorModule } from '@berth/allocator';
import { ControlModule } from '@berth/control';
import { ConfigurationPosition, IntakeModule } from '@berth/edge';
import { configurationPrefixes, EventStore } from '@berth/event-store';
import { GraphqlModule } from '@berth/graphql';
import { type Auth, PlatformModule } from '@berth/platform';
import { ProjectorModule, ReadModel } from '@berth/read-model';
import { RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { hostname } from 'node:os';
import { type Engines } from './engines.js';

/** Everything in one go: the gateway, the intake, an allocator and a projector in one process. */
@Module({})
export class BerthModule {
  static forRoot(engines: Engines, auth: Auth): DynamicModule {
    return {
      module: BerthModule,
      imports: [
        EnginesModule.forRoot(engines),
        PlatformModule.forRoot(auth),
        ProjectorModule.forRoot(engines.readModel.projector),
        AllocatorModule.forRoot({ idScope: engines.idScope, name: `${hostname()}/${process.pid}` }),
        ControlModule,
        GraphqlModule.forRoot({ idScope: engines.idScope }),
        IntakeModule,
      ],
    };
  }
}

@Module({})
class EnginesModule {
  static forRoot({ store, log, readModel, masterKey }: Engines): DynamicModule {
    const providers = [
      { provide: EventStore, useValue: store },
      { provide: RegistrationLog, useValue: log },
      { provide: ReadModel, useValue: readModel.readModel },
      { provide: MasterKey, useValue: masterKey },
      { provide: ConfigurationPosition, useValue: { current: () => store.newestAppended(configurationPrefixes) } },
    ];
    return { module: EnginesModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
