import { type DynamicModule, Module } from '@nestjs/common';
import { AllocatorModule } from '@berth/allocator';
import { ControlModule } from '@berth/control';
import { IntakeModule } from '@berth/edge';
import { GraphqlModule } from '@berth/graphql';
import { type Auth, PlatformModule } from '@berth/platform';
import { type Projector, ProjectorModule } from '@berth/read-model';
import { hostname } from 'node:os';

export interface BerthParts {
  engines: DynamicModule;
  projector: Projector;
  idScope: string;
  dataFolder: string;
  auth: Auth;
}

/** Everything in one go: the gateway, the intake, an allocator and a projector in one process. */
@Module({})
export class BerthModule {
  static forRoot({ engines, projector, idScope, dataFolder, auth }: BerthParts): DynamicModule {
    return {
      module: BerthModule,
      imports: [
        engines,
        PlatformModule.forRoot(auth),
        ProjectorModule.forRoot(projector),
        AllocatorModule.forRoot({ idScope, name: `${hostname()}/${process.pid}`, dataFolder }),
        ControlModule,
        GraphqlModule.forRoot({ idScope }),
        IntakeModule,
      ],
    };
  }
}
