import { type ChildProcess, fork } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isReady } from './berth-client.ts';

const startDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;

/** A program of `apps/`, run from its built files in a process of its own on a free port of this machine. */
export class ServiceProcess {
  readonly name: string;
  readonly url: string;
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readonly output: string;

  private constructor(name: string, url: string, child: ChildProcess, output: string) {
    this.name = name;
    this.url = url;
    this.child = child;
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
    this.output = output;
  }

  /** Resolves when it is ready. @param env may name its port. @param output file that takes what it prints. */
  static async start(app: string, name: string, env: Record<string, string>, output: string): Promise<ServiceProcess> {
    const port = env['BERTH_HTTP_PORT'] ?? (await freePort());
    const file = openSync(output, 'a');
    const child = fork(fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url)), {
      env: {
        PATH: process.env['PATH'],
        BERTH_HOST: '127.0.0.1',
        BERTH_HTTP_PORT: String(port),
        ...env,
      },
      stdio: ['ignore', file, file, 'ipc'],
    });
    const service = new ServiceProcess(name, `http://127.0.0.1:${port}`, child, output);
    const deadline = Date.now() + startDeadlineMs;
    while (!(await isReady(service.url))) {
      if (service.hasEnded || Date.now() > deadline) {
        await service.end('SIGKILL');
        throw new Error(`The ${name} did not become ready:\n${service.lastWords()}`);
      }
      await delay(50);
    }
    return service;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill(signal);
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), stopDeadlineMs);
    await this.ended;
    clearTimeout(deadline);
  }

  /** The end of what it printed. */
  lastWords(): string {
    return readFileSync(this.output, 'utf8').split('\n').slice(-20).join('\n');
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
