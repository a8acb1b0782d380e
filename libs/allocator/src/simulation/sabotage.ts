import { type RegistrationLog } from '@berth/registration-log';
import { type Allocator } from '../allocator.js';
import { type SimulatedProcess } from './scheduler.js';
import { type SimulatedStore, SimulatedStoreClient } from './simulated-store.js';

/** A place to break the allocator, or what it stands on, without touching its code. */
export class Sabotage {
  storeClient(store: SimulatedStore, process: SimulatedProcess): SimulatedStoreClient {
    return new SimulatedStoreClient(store, process);
  }

  log(log: RegistrationLog): RegistrationLog {
    return log;
  }

  allocator(_allocator: Allocator): void {
    // Left as it is.
  }
}
