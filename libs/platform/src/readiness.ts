/** What has to hold before requests are welcome. Parts register a check; `/health/ready` asks them all. */
export class Readiness {
  private readonly checks = new Map<string, () => string | null>();

  /** @param check gives null when ready, else what it is waiting for. */
  register(part: string, check: () => string | null): void {
    this.checks.set(part, check);
  }

  /** What is not ready yet, by part; empty when everything is. */
  pending(): Record<string, string> {
    const pending: Record<string, string> = {};
    for (const [part, check] of this.checks) {
      const waitingFor = check();
      if (waitingFor !== null) pending[part] = waitingFor;
    }
    return pending;
  }
}
