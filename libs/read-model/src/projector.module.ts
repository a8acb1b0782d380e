import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { EventStore } from '@berth/event-store';
import { EndOfService, Readiness, showLag } from '@berth/platform';
import { Projector } from './projector.js';

/** Runs a projector from the application's start to its stop. Wants EventStore provided globally. */
@Module({})
export class ProjectorModule {
  static forRoot(projector: Projector): DynamicModule {
    return { module: ProjectorModule, providers: [{ provide: Projector, useValue: projector }, ProjectorService] };
  }
}

@Injectable()
class ProjectorService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private hasCaughtUp = false;

  constructor(
    @Inject(Projector) private readonly projector: Projector,
    private readonly store: EventStore,
    private readonly endOfService: EndOfService,
    private readonly readiness: Readiness,
  ) {}

  /**
   * Ready means caught up: a read model being rebuilt would give old answers as if they were new. Standing by while
   * another process projects is being ready, too.
   */
  onApplicationBootstrap(): void {
    const isReady = () => this.hasCaughtUp || this.projector.isStandingBy;
    this.readiness.register('projector', () => (isReady() ? null : 'catching up with the streams'));
    this.endOfService.watch('projector', this.projector.failed);
    showLag('projector', () => this.projector.lagMs);
    void this.projector.caughtUp.then(() => (this.hasCaughtUp = true));
    this.projector.start(this.store);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.projector.stop();
  }
}
