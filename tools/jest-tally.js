import { writeFileSync } from 'node:fs';

/** Writes what ran to the file named by BERTH_TALLY, so that `npm test` and CI can print one sum over all suites. */
export default class Tally {
  /**
   * @param {unknown} _contexts
   * @param {import('@jest/reporters').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const file = process.env.BERTH_TALLY;
    if (!file) return;
    const notRun = results.testResults.flatMap((suite) =>
      suite.testResults.filter((test) => test.status === 'pending').map((test) => test.fullName),
    );
    const broken = results.numRuntimeErrorTestSuites;
    writeFileSync(
      file,
      JSON.stringify({ passed: results.numPassedTests, failed: results.numFailedTests + broken, notRun }),
    );
  }
}
