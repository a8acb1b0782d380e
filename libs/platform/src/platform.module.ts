import { type DynamicModule, Module } from '@nestjs/common';
import { Authenticator, authenticatorFor, type Auth } from './auth.js';
import { Clock, systemClock } from './clock.js';
import { EndOfService } from './end-of-service.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { type Rates, RateLimits, rateLimitsFor } from './rate-limits.js';
import { Readiness } from './readiness.js';

/** As often as anybody likes. */
const noRates: Rates = { operationsPerMinute: 0, registrationsPerMinute: 0 };

/** What every service has: health, metrics, a clock, who is calling, and how often. */
@Module({})
export class PlatformModule {
  static forRoot(auth: Auth, rates = noRates): DynamicModule {
    return {
      module: PlatformModule,
      global: true,
      controllers: [HealthController, MetricsController],
      providers: [
        Readiness,
        EndOfService,
        { provide: Clock, useValue: systemClock },
        { provide: Authenticator, useValue: authenticatorFor(auth) },
        { provide: RateLimits, useValue: rateLimitsFor(rates, systemClock) },
      ],
      exports: [Readiness, EndOfService, Clock, Authenticator, RateLimits],
    };
  }
}
