// Runs Berth's commands on whatever Node >= 20 is there: installs and builds what is missing, then goes on under the Node
// that the project pins. Plain JavaScript without dependencies, for it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules', '.bin');
const pinned = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.node;

/** What each command runs once everything is installed and built. @type {Record<string, string[]>} */
const commands = {
  start: ['apps/berth/dist/main.js'],
  demo: ['tools/demo/main.ts'],
  kafka: ['tools/kafka.ts'],
  docker: ['tools/docker.ts'],
  bench: ['tools/bench.ts'],
  replay: ['tools/replay.ts'],
  mutate: ['tools/mutate.ts'],
  test: ['tools/test.ts'],
  'test:containers': ['tools/test-containers.ts'],
  build: [],
};

const [command = '', ...rest] = process.argv.slice(2);
const program = commands[command];
if (!program) fail(`Unknown command '${command}'. Known: ${Object.keys(commands).join(', ')}.`);
if (Number(process.versions.node.split('.')[0]) < 20) fail(`Node 20 or newer is needed, this is ${process.version}.`);

install();
build();
if (program.length > 0) run([...program, ...rest]);

function install() {
  const stamp = join(root, 'node_modules', '.berth-install');
  const wanted = `${createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')} ${process.platform} ${process.arch}`;
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    timed('Installing dependencies (npm ci)', 'npm', ['ci', '--no-audit', '--no-fund']);
    writeFileSync(stamp, wanted);
  }
  const version = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' }).stdout?.trim();
  // With install scripts switched off the pinned Node is silently absent, and everything would run on the system's.
  if (version !== `v${pinned}`) {
    fail(
      `Node ${pinned} should be in node_modules, found ${version ?? 'none'}: run npm ci with install scripts allowed.`,
    );
  }
}

function build() {
  const stamp = join(root, '.nx', 'berth-build');
  const wanted = sourcesDigest();
  const isBuilt =
    existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(join(root, 'apps/berth/dist'));
  if (isBuilt) return;
  timed('Building', join(bin, 'nx'), ['run-many', '-t', 'build', '--output-style=static'], true);
  mkdirSync(join(root, '.nx'), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Names, sizes and times of all sources: cheaper than asking Nx, and what changes none of them changes no build. */
function sourcesDigest() {
  const hash = createHash('sha256').update(pinned);
  const visit = (/** @type {string} */ path) => {
    const stat = statSync(path);
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  };
  for (const kind of ['apps', 'libs']) {
    for (const name of readdirSync(join(root, kind))) {
      const source = join(root, kind, name, 'src');
      if (existsSync(source)) visit(source);
    }
  }
  for (const file of ['.swcrc', 'nx.json', 'package-lock.json']) visit(join(root, file));
  return hash.digest('hex');
}

/**
 * @param {string} what
 * @param {string} program
 * @param {string[]} args
 * @param {boolean} [quiet] show the output only when it fails
 */
function timed(what, program, args, quiet = false) {
  const start = performance.now();
  process.stderr.write(`${what} …\n`);
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    env: environment(),
    encoding: 'utf8',
    stdio: quiet ? 'pipe' : ['ignore', 2, 2],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error || status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
    fail(`${what} failed${error ? `: ${error.message}` : ` with exit code ${status}`}.`);
  }
  process.stderr.write(`${what} took ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

/** @param {string[]} args */
function run(args) {
  // An IPC channel, so that the program notices and stops when this process is killed.
  const child = spawn(join(bin, 'node'), ['--disable-warning=TimeoutNegativeWarning', ...args], {
    cwd: root,
    env: environment(),
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const parent = process.ppid;
  // Nobody tells a process that its parent was killed; a changed parent does.
  const orphanCheck = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 500);
  // A terminal sends Ctrl-C to both; a supervisor's SIGTERM comes here only and is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    clearInterval(orphanCheck);
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
    if (child.connected) child.disconnect();
  });
}

function environment() {
  return { ...process.env, PATH: `${bin}:${process.env.PATH}`, NX_DAEMON: 'false', NODE_NO_WARNINGS: '1' };
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
