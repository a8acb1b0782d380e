export interface BackOffLimits {
  firstMs: number;
  mostMs: number;
}

export const defaultBackOff: BackOffLimits = { firstMs: 100, mostMs: 10_000 };

/** Doubles from `firstMs` to `mostMs`; half of each wait is jitter, so that many waiters don't come back together. */
export class BackOff {
  private readonly limits: BackOffLimits;
  private attempts = 0;

  constructor(limits: BackOffLimits) {
    this.limits = limits;
  }

  next(): number {
    const full = Math.min(this.limits.mostMs, this.limits.firstMs * 2 ** Math.min(this.attempts, 30));
    this.attempts += 1;
    return full / 2 + (full / 2) * Math.random();
  }

  reset(): void {
    this.attempts = 0;
  }
}
