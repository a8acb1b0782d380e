// `npm test`: lint, types, and every suite against real parts, in one go; says what ran, what did not and why, and how long
// it took. `npm test -- libs/domain -t 'a registration'` hands everything to Jest and skips lint and types.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkaJars } from './kafka/jars.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const minute = 60_000;
const scratch = mkdtempSync(join(tmpdir(), 'berth-test-'));

interface Tally {
  passed: number;
  failed: number;
  notRun: string[];
}

const selected = process.argv.slice(2);
const isLong = process.env['BERTH_LONG'] === '1';
const checks: { name: string; ok: boolean; seconds: number; tally: Tally | null }[] = [];

if (selected.length === 0) {
  await check('lock', ['tools/check-lock.js'], minute);
  await check('lint', ['node_modules/eslint/bin/eslint.js', '.'], 5 * minute);
  await check('types', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], 5 * minute);
}
const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  ...(process.env['CI'] ? ['--ci'] : []),
];
const suitesMs = (isLong ? 80 : 40) * minute;
if (selected.length === 0) {
  // By itself, for its coverage is measured: what jest.config.js wants of it is a check like any other.
  await check('domain', [...jest, '--coverage', 'libs/domain/'], suitesMs);
}
await announceKafka();
const others = selected.length === 0 ? ['(?<!libs/domain/.*)\\.spec\\.ts$'] : selected;
await check('suites', [...jest, ...others], suitesMs);

rmSync(scratch, { recursive: true, force: true });
let [passed, failed] = [0, 0];
const notRun: string[] = [];
console.log();
for (const { name, ok, seconds, tally } of checks) {
  console.log(`${name.padEnd(8)} ${ok ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1)} s`);
  passed += tally ? tally.passed : Number(ok);
  // Jest can fail without a failed test, as when too little is covered.
  failed += ok ? 0 : tally?.failed || 1;
  notRun.push(...(tally?.notRun ?? []));
}
if (!isLong) console.log('Not run: the long suites (*.long.spec.ts); npm run test:long runs them too.');
console.log('Not run: the container suites (*.container.spec.ts); npm run test:containers runs them.');
for (const name of notRun) console.log(`Not run: ${name}`);
if (notRun.length > 0 && process.env['CI'] && selected.length === 0) {
  console.log('With CI set, a test that could not run counts as failed.');
  failed += notRun.length;
}
if (checks.every(({ tally }) => !tally || tally.passed + tally.failed === 0)) {
  console.log('No test ran, which counts as a failure.');
  failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Fetches the broker's jars once, before suites that run side by side all want them, and says what the Kafka suites run against. */
async function announceKafka(): Promise<void> {
  const brokers = process.env['BERTH_KAFKA_BROKERS'];
  if (brokers) return console.log(`Kafka suites run against ${brokers}`);
  console.log('Kafka suites run against a broker of their own; its jars are fetched on first use …');
  await kafkaJars().catch((error: unknown) => console.log(`Kafka suites can't run: ${String(error)}`));
}

function check(name: string, args: string[], deadlineMs: number): Promise<void> {
  const started = performance.now();
  const tallyFile = join(scratch, `${name}.json`);
  console.log(`— ${name}`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, BERTH_TALLY: tallyFile },
      detached: true,
    });
    const deadline = setTimeout(() => {
      console.error(
        `${name} still runs after ${deadlineMs / minute} minutes: it hangs, see the last suite named above`,
      );
      process.kill(-(child.pid as number), 'SIGKILL');
    }, deadlineMs);
    const stop = () => process.kill(-(child.pid as number), 'SIGTERM');
    process.once('SIGINT', stop).once('SIGTERM', stop).once('disconnect', stop);
    child.once('exit', (code) => {
      clearTimeout(deadline);
      process.off('SIGINT', stop).off('SIGTERM', stop).off('disconnect', stop);
      checks.push({ name, ok: code === 0, seconds: (performance.now() - started) / 1000, tally: readTally(tallyFile) });
      resolve();
    });
  });
}

/** Null for a check that runs no suites, or that was ended before it had any result. */
function readTally(tallyFile: string): Tally | null {
  try {
    return JSON.parse(readFileSync(tallyFile, 'utf8')) as Tally;
  } catch {
    return null;
  }
}
