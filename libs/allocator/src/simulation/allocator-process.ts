import { MasterKey } from '@berth/secrets';
import { Allocator } from '../allocator.js';
import { ConfigurationView } from '../configuration-view.js';
import { type Sabotage } from './sabotage.js';
import { SimulatedProcess } from './scheduler.js';
import { SimulatedLog } from './simulated-log.js';
import { type SimulatedStoreClient } from './simulated-store.js';
import { type World } from './world.js';

export const idScope = '0ne0SIMULATED';
const masterKey = new MasterKey(Buffer.alloc(32, 7));

/** The allocator as it is deployed, in a process of the simulated world. */
export class AllocatorProcess {
  readonly process: SimulatedProcess;
  readonly store: SimulatedStoreClient;
  readonly allocator: Allocator;
  private readonly view: ConfigurationView;

  constructor(
    private readonly world: World,
    name: string,
    sabotage: Sabotage,
  ) {
    const { scheduler, random } = world;
    this.process = new SimulatedProcess(name);
    this.store = sabotage.storeClient(world.store, this.process);
    const log = sabotage.log(new SimulatedLog(world.broker, this.process));
    this.view = new ConfigurationView(this.store, masterKey);
    // Clocks differ, and nothing may hang on them.
    const skewMs = random.whole(-2_000, 2_000);
    const now = () => Math.floor(scheduler.now + skewMs);
    const wait = (ms: number) => scheduler.sleep(ms, this.process, 'waits');
    const webhooks = world.webhooks.clientOf(this.process);
    this.allocator = new Allocator({ log, store: this.store, view: this.view, webhooks, idScope, name, now, wait });
    sabotage.allocator(this.allocator);
  }

  /** As the program does: when a part can't go on, the process ends. */
  start(): void {
    const { world } = this;
    this.view.failed.catch((error: unknown) => world.endedBy(this, error));
    this.allocator.failed.catch((error: unknown) => world.endedBy(this, error));
    this.allocator.start().then(
      (consumption) => consumption?.failed.catch((error: unknown) => world.endedBy(this, error)),
      (error: unknown) => world.endedBy(this, error),
    );
  }

  async stop(): Promise<void> {
    await this.allocator.stop();
    await this.view.stop();
  }
}
