/** One waiter, any number of reasons to wake it. A ring while nobody waits is remembered, so none is lost. */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves at the next ring, or when `limitMs` are over. */
  async wait(limitMs?: number): Promise<void> {
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = undefined;
    }
    this.rung = false;
  }
}

/** Waits for `work`, whatever becomes of it, but no longer than `limitMs`. */
export async function settledWithin(limitMs: number, work: Promise<unknown>): Promise<void> {
  const bell = new Bell();
  const ring = () => bell.ring();
  work.then(ring, ring);
  await bell.wait(limitMs);
}
