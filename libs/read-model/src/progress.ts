/** How far the read model has come, and who waits for it to come further. */
export class Progress {
  private readonly waiters = new Set<{ position: bigint; wake(reached: boolean): void }>();
  private isClosed = false;

  constructor(private current: bigint | null) {}

  /** Everything up to it is shown; null before the first event. */
  get position(): bigint | null {
    return this.current;
  }

  /** Goes anywhere, also back: tables that are rebuilt show less than they did. */
  moveTo(position: bigint | null): void {
    this.current = position;
    if (position === null) return;
    for (const waiter of this.waiters) {
      if (waiter.position <= position) waiter.wake(true);
    }
  }

  /** True once `position` is shown, false when `deadlineMs` passed before or the read model was closed. */
  reached(position: bigint, deadlineMs: number): Promise<boolean> {
    if (this.current !== null && this.current >= position) return Promise.resolve(true);
    if (this.isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const wake = (reached: boolean) => {
        clearTimeout(deadline);
        this.waiters.delete(waiter);
        resolve(reached);
      };
      const waiter = { position, wake };
      const deadline = setTimeout(wake, deadlineMs, false);
      this.waiters.add(waiter);
    });
  }

  close(): void {
    this.isClosed = true;
    for (const waiter of this.waiters) waiter.wake(false);
  }
}
