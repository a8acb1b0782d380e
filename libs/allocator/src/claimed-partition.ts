import { GatewayTable, type Ledger } from '@berth/domain';

/** Whose report is known no more is looked up. */
const reportsMax = { gateways: 1_000, measurements: 5_000 } as const;

/** A partition that is ours: its ledger, and whether the ledger in memory is what is stored. */
export class ClaimedPartition {
  /**
   * Its last append failed: the ledger holds an event that may not be stored, so nothing is decided with it. Until the
   * partition is claimed again it still tells the loads, better than nothing would.
   */
  isDoubtful = false;
  /**
   * The newest reports recorded of gateways whose messages come here, as far as this process knows. No other may record any as long as
   * the partition is ours, so what is known once stays true; a view of the configuration lags behind.
   */
  readonly reports = new GatewayTable(reportsMax);
  private readonly loss = new AbortController();
  private working: Promise<void> | null = null;

  /** @param claimedAt the claim's place in the order of all events. */
  constructor(
    readonly ledger: Ledger,
    readonly claimedAt: bigint,
  ) {}

  /** It isn't ours any more, for that reason. */
  giveUp(reason: Error): void {
    this.loss.abort(reason);
  }

  get isGivenUp(): boolean {
    return this.loss.signal.aborted;
  }

  /** Aborts when it is given up. */
  get lost(): AbortSignal {
    return this.loss.signal;
  }

  get number(): number {
    return this.ledger.partition;
  }

  /** Resolves when what is being decided and stored is through; null: nothing is. */
  get underWay(): Promise<void> | null {
    return this.working;
  }

  /** False once the ledger may hold what was never stored, or what others decide goes past it. */
  get isKept(): boolean {
    return !this.isGivenUp && !this.isDoubtful;
  }

  /** The ledger in memory is what is stored. */
  get isSettled(): boolean {
    return !this.working && this.isKept;
  }

  /** Does what changes the ledger and stores the change, when nothing else is under way. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.working) await this.working;
    let through!: () => void;
    this.working = new Promise((resolve) => (through = resolve));
    try {
      return await work();
    } finally {
      this.working = null;
      through();
    }
  }
}
