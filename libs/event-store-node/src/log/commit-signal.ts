/** One subscriber's wish to hear of commits; see {@link CommitSignal}. */
export class CommitWatch {
  #missed = false;
  #wake: (() => void) | undefined;

  /** `stream` undefined: every commit counts. */
  constructor(readonly stream: string | undefined) {}

  notice(): void {
    this.#missed = true;
    this.#wake?.();
  }

  /** Resolves at once if a commit came since the last call. Read the log *after* it resolves, and nothing is ever missed. */
  async next(): Promise<void> {
    if (!this.#missed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#missed = false;
  }
}

/** Tells those who wait at the log's end that it has grown. Holds one flag a subscriber and no event, so it can't grow. */
export class CommitSignal {
  readonly #watches = new Set<CommitWatch>();
  readonly #touched = new Set<string>();

  watch(stream: string | undefined): CommitWatch {
    const watch = new CommitWatch(stream);
    this.#watches.add(watch);
    return watch;
  }

  unwatch(watch: CommitWatch): void {
    this.#watches.delete(watch);
  }

  /** Notes a stream that the present transaction writes to. */
  touch(stream: string): void {
    this.#touched.add(stream);
  }

  committed(): void {
    for (const watch of this.#watches) {
      if (watch.stream === undefined || this.#touched.has(watch.stream)) watch.notice();
    }
    this.#touched.clear();
  }
}
