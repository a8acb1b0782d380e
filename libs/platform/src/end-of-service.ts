/**
 * Where a part reports that it can't go on: a defect, or a store that refuses. The process then stops in order and ends
 * with an error, for its supervisor to start it anew; going on without the part would look like working.
 */
export class EndOfService {
  /** Resolves with the first report. */
  readonly reported: Promise<{ part: string; error: unknown }>;
  private resolve!: (report: { part: string; error: unknown }) => void;

  constructor() {
    this.reported = new Promise((resolve) => (this.resolve = resolve));
  }

  report(part: string, error: unknown): void {
    this.resolve({ part, error });
  }

  /** Reports when the promise rejects. */
  watch(part: string, failing: Promise<never>): void {
    failing.catch((error: unknown) => this.report(part, error));
  }
}
