import { type DynamicModule, Module } from '@nestjs/common';
import { Authenticator, authenticatorFor, type Auth } from './auth.js';
import { Clock, systemClock } from './clock.js';
import { EndOfService } from './end-of-service.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { Readiness } from './readiness.js';

/** What every service has: health, metrics, a clock, and who is calling. */
@Module({})
export class PlatformModule {
  static forRoot(auth: Auth): DynamicModule {
    return {
      module: PlatformModule,
      global: true,
      controllers: [HealthController, MetricsController],
      providers: [
        Readiness,
        EndOfService,
        { provide: Clock, useValue: systemClock },
        { provide: Authenticator, useValue: authenticatorFor(auth) },
      ],
      exports: [Readiness, EndOfService, Clock, Authenticator],
    };
  }
}
