import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
/** Where Debian's package puts the programs, one folder for each version (15 or newer, for initdb's locales). */
const packaged = '/usr/lib/postgresql';
const user = 'postgres';
const startMs = 60_000;

export interface PostgresUnderTest {
  url: string;
  stop(): Promise<void>;
}

/** A PostgreSQL to test against: the one that the environment names, else one of our own, else why there is none. */
export async function findPostgres(named: string | undefined): Promise<PostgresUnderTest | { missing: string }> {
  if (named) return { url: named, stop: async () => undefined };
  return startOwnPostgres();
}

export interface OwnPostgres extends PostgresUnderTest {
  /** SIGKILL: no connection is ended in order, nothing is flushed. */
  kill(): Promise<void>;
  /** Starts it again at the same address, on the same data. */
  restart(): Promise<void>;
}

/** Why no server of our own can be started here; null when one can. */
export async function missingPostgres(): Promise<string | null> {
  if ((await binaries()) === null) return `PostgreSQL's server is not installed (looked in ${packaged})`;
  const canRun = process.getuid?.() !== 0 || (await idsOf(user)) !== null;
  return canRun ? null : `PostgreSQL does not run as root, and there is no user ${user}`;
}

/**
 * A server on a free port of this machine, with data of its own, that a spec may kill.
 * @param options.fsync whether it writes through to the disk, as in production; specs don't wait for that.
 */
export async function startOwnPostgres({ fsync = false } = {}): Promise<OwnPostgres | { missing: string }> {
  const missing = await missingPostgres();
  if (missing !== null) return { missing };
  const bin = (await binaries()) as string;
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  const ids = isRoot ? await idsOf(user) : null;
  const folder = await mkdtemp(join(tmpdir(), 'berth-postgres-'));
  if (ids) await chown(folder, ids.uid, ids.gid);
  const data = join(folder, 'data');
  const identity = ids ?? {};
  // Orders words as people do, which is what the tables must not depend on.
  const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en'];
  await run(join(bin, 'initdb'), ['-D', data, '-U', user, '-A', 'trust', ...locale, '--no-sync'], {
    ...identity,
    cwd: folder,
  });
  const port = await freePort();
  const url = `postgres://${user}@127.0.0.1:${port}/${user}`;
  const settings = [
    'unix_socket_directories=',
    `fsync=${fsync ? 'on' : 'off'}`,
    'listen_addresses=127.0.0.1',
    'max_connections=200',
  ];
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const start = async () => {
    const child = spawn(join(bin, 'postgres'), args, { ...identity, cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const deadline = Date.now() + startMs;
    while (!(await answers(url))) {
      if (Date.now() > deadline || child.exitCode !== null) throw new Error('PostgreSQL did not start');
      await delay(50);
    }
    return { child, ended };
  };
  let server = await start();
  const end = async (signal: NodeJS.Signals) => {
    server.child.kill(signal);
    await server.ended;
  };
  return {
    url,
    kill: () => end('SIGKILL'),
    async restart() {
      server = await start();
    },
    async stop() {
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function binaries(): Promise<string | null> {
  const versions = await readdir(packaged).catch(() => []);
  const newest = versions.map(Number).sort((a, b) => b - a)[0];
  return newest === undefined ? null : join(packaged, String(newest), 'bin');
}

async function idsOf(name: string): Promise<{ uid: number; gid: number } | null> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (kind) => Number((await run('id', [kind, name])).stdout)),
    );
    return uid === undefined || gid === undefined ? null : { uid, gid };
  } catch {
    return null;
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
