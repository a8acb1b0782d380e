import { type DynamicModule, Module } from '@nestjs/common';
import { AllocatorModule } from '@berth/allocator';
import { ControlModule, type Limits } from '@berth/control';
import { IntakeModule } from '@berth/edge';
import { GraphqlModule } from '@berth/graphql';
import { type Auth, PlatformModule, type Rates, type WebhookSettings } from '@berth/platform';
import { type Projector, ProjectorModule } from '@berth/read-model';
import { hostname } from 'node:os';

export interface BerthParts {
  engines: DynamicModule;
  projector: Projector;
  idScope: string;
  dataFolder: string;
  auth: Auth;
  limits: Limits;
  rates: Rates;
  webhooks: WebhookSettings;
}

/** Everything in one go: the gateway, the intake, an allocator and a projector in one process. */
@Module({})
export class BerthModule {
  static forRoot({
    engines,
    projector,
    idScope,
    dataFolder,
    auth,
    limits,
    rates,
    webhooks,
  }: BerthParts): DynamicModule {
    return {
      module: BerthModule,
      imports: [
        engines,
        PlatformModule.forRoot(auth, rates),
        ProjectorModule.forRoot(projector),
        AllocatorModule.forRoot({ idScope, name: `${hostname()}/${process.pid}`, dataFolder, webhooks }),
        ControlModule.forRoot(limits, webhooks),
        GraphqlModule.forRoot({ idScope }),
        IntakeModule,
      ],
    };
  }
}
