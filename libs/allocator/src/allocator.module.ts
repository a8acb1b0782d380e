import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Injectable,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { EventStore } from '@berth/event-store';
import { Clock, EndOfService, Readiness, showLag } from '@berth/platform';
import { RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { Allocator } from './allocator.js';
import { ConfigurationView } from './configuration-view.js';
import { ConfigurationSnapshots } from './snapshots/configuration-snapshots.js';
import { LedgerSnapshots } from './snapshots/ledger-snapshots.js';
import { HttpWebhooks, type HttpWebhooksOptions } from './webhooks/http-webhooks.js';

const logger = new Logger('Allocator');
const OPTIONS = Symbol('AllocatorModuleOptions');

export interface AllocatorModuleOptions {
  /** ID scope of this deployment, part of what a device's token signs. */
  idScope: string;
  /** Names this process in its claims. */
  name: string;
  /** Where snapshots go. They may be lost: a start takes longer then. */
  dataFolder: string;
  /** Whom the policy `custom` may ask, and what calls are signed with. */
  webhooks: Pick<HttpWebhooksOptions, 'hosts' | 'secrets'>;
}

/** Runs an allocator from the application's start to its stop. Wants EventStore, RegistrationLog and MasterKey provided globally. */
@Module({})
export class AllocatorModule {
  static forRoot(options: AllocatorModuleOptions): DynamicModule {
    return { module: AllocatorModule, providers: [{ provide: OPTIONS, useValue: options }, AllocatorService] };
  }
}

@Injectable()
class AllocatorService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly view: ConfigurationView;
  private readonly allocator: Allocator;

  constructor(
    @Inject(OPTIONS) options: AllocatorModuleOptions,
    store: EventStore,
    log: RegistrationLog,
    masterKey: MasterKey,
    clock: Clock,
    private readonly endOfService: EndOfService,
    private readonly readiness: Readiness,
  ) {
    const { dataFolder, webhooks, ...claims } = options;
    const warn = (message: string, error?: unknown) =>
      logger.warn(error === undefined ? message : `${message}: ${error}`);
    this.view = new ConfigurationView(
      store,
      masterKey,
      new ConfigurationSnapshots({ dataFolder, store, masterKey, warn }),
    );
    const snapshots = new LedgerSnapshots({ dataFolder, store, warn });
    this.allocator = new Allocator({
      ...claims,
      log,
      store,
      view: this.view,
      snapshots,
      webhooks: new HttpWebhooks({ ...webhooks, now: () => clock.now() }),
      now: () => clock.now(),
      wait: (ms) => delay(ms, undefined, { ref: false }),
    });
  }

  /** Does not wait for the first claim: listeners open meanwhile, and `/health/ready` tells when it is through. */
  onApplicationBootstrap(): void {
    this.readiness.register('allocator', () => (this.allocator.ready ? null : 'claiming its partitions'));
    this.endOfService.watch('configuration view', this.view.failed);
    this.endOfService.watch('what allocators tell each other', this.allocator.failed);
    showLag('configuration', () => this.view.lagMs);
    this.allocator.start().then(
      (consumption) => consumption && this.endOfService.watch('allocator', consumption.failed),
      (error: unknown) => this.endOfService.report('allocator', error),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.allocator.stop();
    await this.view.stop();
  }
}
