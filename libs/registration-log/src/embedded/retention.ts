import type { LogFault } from '../log-fault.js';
import type { StoreClient } from './store-client.js';

export interface RetentionLimits {
  /** How long a record is kept at least. */
  keepMs: number;
  /** How often it is looked for what may go. */
  sweepMs: number;
}

/** A week, as Kafka keeps records by default. */
export const defaultRetention: RetentionLimits = { keepMs: 7 * 24 * 3_600_000, sweepMs: 3_600_000 };

/** Segments that go in one step: the store's thread writes nothing else meanwhile. */
const segmentsMax = 64;

/** Sweeps out of the store, now and again, what is older than it must be and needed by no group any more. */
export class Retention {
  private readonly store: StoreClient;
  private readonly limits: RetentionLimits;
  private readonly onFault: (fault: LogFault) => void;
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(store: StoreClient, limits: RetentionLimits, onFault: (fault: LogFault) => void) {
    this.store = store;
    this.limits = limits;
    this.onFault = onFault;
  }

  start(): void {
    const sweep = () => (this.sweeping = this.sweeping.then(() => this.sweep()));
    this.timer = setInterval(() => void sweep(), this.limits.sweepMs).unref();
    void sweep();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    const before = Date.now() - this.limits.keepMs;
    try {
      while (this.timer && (await this.store.ask('expire', { before, segmentsMax })) === segmentsMax);
    } catch (fault) {
      // A full disk, perhaps: the next sweep tries again.
      this.onFault(fault as LogFault);
    }
  }
}
