import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DockerCli, runProgram } from './cli.ts';

const startMs = 60_000;
const stopMs = 30_000;
const answerMs = 10_000;
/** A start that failed is tried again, for a machine that has only just booted may still be busy. */
const startsMax = 2;

/** No engine runs and none can be started here: says why, and what would help. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
}

export interface Engine {
  docker: DockerCli;
  /** Started by this process, gone with it, and with it all its images. */
  isOwn: boolean;
  /** Started by this clone: publishes ports on loopback, and nowhere else. */
  isOnLoopback: boolean;
  /** Ends an engine of one's own and removes everything of it; leaves another's alone. */
  stop(): Promise<void>;
}

/** The one that runs (DOCKER_HOST, the default socket, `npm run docker:engine` of this clone), else one of our own. */
export async function findOrStartEngine(say: (line: string) => void): Promise<Engine> {
  if (!(await runs('docker', ['--version']))) throw new EngineUnavailable(`there is no docker command: ${advice}`);
  const hosts = process.env['DOCKER_HOST'] ? [process.env['DOCKER_HOST']] : ['unix:///var/run/docker.sock', own.host];
  for (const host of hosts) {
    const docker = new DockerCli(host);
    if (!(await docker.answers(answerMs))) continue;
    say(`Using the Docker engine at ${host}`);
    return { docker, isOwn: false, isOnLoopback: host === own.host, stop: async () => undefined };
  }
  if (process.env['DOCKER_HOST']) throw new EngineUnavailable(`no engine answers at DOCKER_HOST=${hosts[0]}`);
  return startEngine(say);
}

const advice = "install Debian's docker.io package, or set DOCKER_HOST to an engine that runs";

/** One place for each clone, in a short path: the engine's sockets stand there, and a socket's path is limited to 107 bytes. */
const own = (() => {
  const id = createHash('sha256')
    .update(import.meta.dirname)
    .digest('hex')
    .slice(0, 8);
  const folder = join(tmpdir(), `berth-engine-${id}`);
  const socket = join(folder, 'docker.sock');
  return { folder, socket, host: `unix://${socket}`, bridge: `berth${id}` };
})();

async function startEngine(say: (line: string) => void): Promise<Engine> {
  if (process.getuid?.() !== 0) throw new EngineUnavailable('no Docker engine runs, and starting one takes root');
  for (const [program, argument] of [
    ['dockerd', '--version'],
    ['ip', '-V'],
    ['setpriv', '--version'],
  ] as const) {
    if (!(await runs(program, [argument]))) throw new EngineUnavailable(`there is no ${program}: ${advice}`);
  }
  for (let start = 1; ; start += 1) {
    try {
      say('No Docker engine runs: starting one of our own …');
      return await startOnce();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (start >= startsMax) throw new EngineUnavailable(`dockerd can't be started here: ${reason}`, { cause: error });
      say(`${reason}\nTrying once more`);
    }
  }
}

async function startOnce(): Promise<Engine> {
  // What a killed one left.
  await removeTraces();
  await mkdir(own.folder, { recursive: true, mode: 0o700 });
  await makeBridge();
  const logFile = join(own.folder, 'dockerd.log');
  const log = openSync(logFile, 'w');
  // The kernel tells it to end when this process is killed and can't.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'dockerd', ...daemonOptions()], {
    stdio: ['ignore', log, log],
    // A terminal's Ctrl-C is for this process, which stops the engine when it is done with it.
    detached: true,
  });
  closeSync(log);
  const ended = once(child, 'exit').catch(() => undefined);
  const docker = new DockerCli(own.host);
  const stop = () => stopEngine(docker, child, ended);
  try {
    const deadline = Date.now() + startMs;
    while (!(await docker.answers(answerMs))) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended:\n${lastLines(logFile)}`);
      if (Date.now() > deadline) throw new Error(`it does not answer within ${startMs} ms:\n${lastLines(logFile)}`);
      await delay(100);
    }
    return { docker, isOwn: true, isOnLoopback: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function daemonOptions(): string[] {
  return [
    ...['--data-root', join(own.folder, 'data'), '--exec-root', join(own.folder, 'exec')],
    ...['--pidfile', join(own.folder, 'dockerd.pid'), '--host', own.host, '--bridge', own.bridge],
    // Ports are published on loopback by a process, not by the kernel: no firewall rule and no kernel setting is touched.
    ...['--ip', '127.0.0.1', '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
    ...['--shutdown-timeout', '5', '--log-level', 'warn'],
  ];
}

async function makeBridge(): Promise<void> {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => prefix(address))),
  );
  const subnet = Array.from({ length: 200 }, (_, index) => `10.213.${index + 1}`).find((it) => !taken.has(it));
  await runProgram('ip', ['link', 'add', 'name', own.bridge, 'type', 'bridge']);
  await runProgram('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', own.bridge]);
  await runProgram('ip', ['link', 'set', own.bridge, 'up']);
}

const prefix = (address: string) => address.split('.').slice(0, 3).join('.');

async function stopEngine(docker: DockerCli, child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    // What still runs is nobody's any more, and each container would be given ten seconds to end.
    await removeContainers(docker).catch(() => undefined);
    child.kill('SIGTERM');
    const deadline = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await ended;
    clearTimeout(deadline);
  }
  await removeTraces();
}

async function removeContainers(docker: DockerCli): Promise<void> {
  const containers = await docker.list(['ps', '--all', '--quiet']);
  if (containers.length > 0) await docker.run(['rm', '--force', '--volumes', ...containers]);
  await docker.run(['network', 'prune', '--force']);
}

/** Everything an engine of this clone may have left, alive or not: its containerd, mounts, bridge and folder. */
async function removeTraces(): Promise<void> {
  for (const file of ['dockerd.pid', 'exec/containerd/containerd.pid']) await endLeftOver(join(own.folder, file));
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  const ours = mounts.filter((mount) => mount.startsWith(`${own.folder}/`)).reverse();
  for (const mount of ours) await runProgram('umount', ['--lazy', mount]).catch(() => undefined);
  await runProgram('ip', ['link', 'delete', own.bridge]).catch(() => undefined);
  await rm(own.folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Ends the process that a pid file of this clone's engine names, if it still is that one: pids are used again. */
async function endLeftOver(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  const isOurs = async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(own.folder);
  if (!pid || !(await isOurs())) return;
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + stopMs;
  while (await isOurs()) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await delay(100);
  }
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').slice(-10).join('\n');
}

async function runs(program: string, args: readonly string[]): Promise<boolean> {
  return runProgram(program, args).then(
    () => true,
    () => false,
  );
}
