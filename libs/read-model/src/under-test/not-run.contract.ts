import { describe, expect, it } from '@jest/globals';

/** Says in the report that a suite did not run, and why; in CI, where everything has to run, that is a failure. */
export function describeNotRun(suite: string, why: string, isCi: boolean): void {
  const title = `did not run: ${why}; install Debian's package postgresql, or name a server in BERTH_DATABASE_URL`;
  describe(suite, () => {
    if (isCi) it(title, () => expect('PostgreSQL').toBe('there'));
    else it.skip(title, () => undefined);
  });
}
