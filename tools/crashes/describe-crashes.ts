import { describe, expect, it } from '@jest/globals';
import { type CrashReport, crashSuite } from './crash-suite.ts';
import { strikes } from './rounds.ts';
import { missingEngine } from './set-up.ts';

/** BERTH_SEED strikes the same parts in the same order; what they were doing just then, the machine decides. */
const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);

/** For starting and stopping everything. */
const aroundMs = 300_000;

/** Strikes the distributed set-up so often, and looks at every invariant from the outside. */
export async function describeCrashes(options: { rounds: number; devices: number; deadlineMs: number }): Promise<void> {
  const { rounds, devices, deadlineMs } = options;
  const title = `${rounds} rounds of SIGKILL and SIGSTOP under load, seed ${seed}`;
  const missing = await missingEngine();
  if (missing !== null) {
    const why = `did not run: ${missing}`;
    describe(title, () => {
      if (process.env['CI']) it(why, () => expect('all engines').toBe('there'));
      else it.skip(why, () => undefined);
    });
    return;
  }
  describe(title, () => {
    let report: CrashReport;

    it(
      'every part comes back, and every partition goes on',
      async () => {
        // As it happens, for whoever waits.
        const say = (line: string) => void process.stderr.write(`${line}\n`);
        report = await crashSuite({ seed, rounds, devices, deadlineMs, say });
      },
      deadlineMs + aroundMs,
    );

    it('every invariant holds, seen from the outside: topics, ledgers, GraphQL', () => {
      expect(report.problems).toEqual([]);
    });

    it('each part was struck, and messages went through all the while', () => {
      const struck = new Set(report.rounds.map(({ strike }) => strike));
      expect([...struck].sort()).toEqual([...strikes].sort());
      const { sent, onTopic, decided, rejected, answered } = report.figures;
      expect(sent).toBeGreaterThan(rounds * 100);
      expect(onTopic).toBeGreaterThanOrEqual(sent);
      expect(decided).toBe(onTopic - rejected);
      expect(answered).toBe(decided);
    });
  });
}
