// `npm run test:containers [file…]`: the suites that want a Docker engine (*.container.spec.ts). Uses the engine that runs or
// starts one, provides the base images, builds Berth's image, and leaves nothing behind. Ends with `N passed, N failed`.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseImages, hasStandIns, provideBaseImages } from './docker/base-images.ts';
import { type DockerCli } from './docker/cli.ts';
import { checkComposeFiles } from './docker/compose-check.ts';
import { type Engine, EngineUnavailable, findOrStartEngine } from './docker/engine.ts';
import { buildImage, imageName } from './docker/image.ts';
import { Leftovers } from './docker/leftovers.ts';

const root = join(import.meta.dirname, '..');
const minute = 60_000;
const suitesMs = 20 * minute;
const say = (line: string) => console.log(line);

interface Tally {
  passed: number;
  failed: number;
  notRun: string[];
}

const tally: Tally = { passed: 0, failed: 0, notRun: [] };
try {
  await run();
} catch (error) {
  if (error instanceof EngineUnavailable) withoutEngine(error.message);
  else {
    say(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
    tally.failed += 1;
  }
}
say(`${tally.passed} passed, ${tally.failed} failed`);
process.exit(tally.failed === 0 ? 0 : 1);

async function run(): Promise<void> {
  const engine = await findOrStartEngine(say);
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) {
    process.once(event, () => void engine.stop().finally(() => process.exit(130)));
  }
  try {
    const { docker } = engine;
    await timed('base images', () => provideBaseImages(docker, say));
    await assertRunsContainers(docker);
    await timed('image', () => buildImage(docker, say));
    await timed('compose files', composeFiles);
    const leftovers = await Leftovers.since(docker, [...Object.values(baseImages), await imageName()]);
    await timed('suites', () => runSuites(engine));
    const swept = await leftovers.sweep();
    for (const name of swept) say(`FAILED  left behind by the suites, removed now: ${name}`);
    tally.failed += swept.length;
  } finally {
    await engine.stop();
  }
}

async function composeFiles(): Promise<void> {
  const wasRead = await checkComposeFiles();
  say(wasRead ? '`docker compose config` accepts them' : 'Not read by `docker compose`, which is not installed here');
}

/** An engine that answers may still lack the rights to start a container. */
async function assertRunsContainers(docker: DockerCli): Promise<void> {
  const message = await docker.run(['run', '--rm', baseImages.node, 'node', '--version']).then(
    () => null,
    (error: unknown) => String(error),
  );
  if (message !== null) throw new EngineUnavailable(`the engine can't run a container: ${message}`);
}

async function runSuites({ docker, isOnLoopback }: Engine): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-test-containers-'));
  const tallyFile = join(scratch, 'tally.json');
  const exitCode = await jest({
    DOCKER_HOST: docker.host,
    // Its image is to be had from a registry only; without it, what a killed run leaves is swept at the end.
    ...((await hasStandIns(docker)) ? { TESTCONTAINERS_RYUK_DISABLED: 'true' } : {}),
    // On a machine that is a container itself, Testcontainers would look for published ports at the bridge's address.
    ...(isOnLoopback ? { TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' } : {}),
    BERTH_CONTAINERS: '1',
    BERTH_LOOPBACK_ONLY: isOnLoopback ? '1' : '0',
    BERTH_TALLY: tallyFile,
  });
  const text = await readFile(tallyFile, 'utf8').catch(() => '{}');
  await rm(scratch, { recursive: true, force: true });
  Object.assign(tally, JSON.parse(text));
  if (exitCode !== 0 && tally.failed === 0) tally.failed = 1;
  for (const name of tally.notRun) say(`Not run: ${name}`);
  if (process.env['CI']) tally.failed += tally.notRun.length;
  if (tally.passed + tally.failed === 0) {
    say('No test ran, which counts as a failure.');
    tally.failed = 1;
  }
}

function jest(variables: Record<string, string>): Promise<number | null> {
  const program = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
  ];
  const child = spawn(process.execPath, [...program, ...process.argv.slice(2)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...variables },
    detached: true,
  });
  const kill = () => process.kill(-(child.pid as number), 'SIGKILL');
  const deadline = setTimeout(() => {
    say(`The container suites still run after ${suitesMs / minute} minutes: they hang, see the last one named above`);
    kill();
  }, suitesMs);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      clearTimeout(deadline);
      resolve(code);
    });
    process.once('SIGTERM', kill).once('SIGINT', kill).once('disconnect', kill);
  });
}

/** In words; with CI set it fails, unless that is what was asked for. */
function withoutEngine(reason: string): void {
  say(`Not run: the container suites, for want of a Docker engine: ${reason}`);
  if (!process.env['CI']) return;
  if (process.env['BERTH_CI_WITHOUT_CONTAINERS'] === '1') {
    say('BERTH_CI_WITHOUT_CONTAINERS=1 says that this is known.');
    return;
  }
  say('With CI set that counts as failed; BERTH_CI_WITHOUT_CONTAINERS=1 says that it is known.');
  tally.failed += 1;
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  say(`— ${what}`);
  const started = performance.now();
  await work();
  say(`  ${what} took ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
