import { eventually } from '@berth/testing';
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const node = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

/** A Berth process under test, started from its built files as `npm start` does. */
export class RunningBerth {
  private constructor(
    readonly url: string,
    readonly process: ChildProcess,
    readonly output: () => string,
  ) {}

  static async start(env: Record<string, string>): Promise<RunningBerth> {
    const port = env['BERTH_HTTP_PORT'] ?? String(await freePort());
    const { child, output } = spawnBerth({ ...env, BERTH_HTTP_PORT: port });
    const berth = new RunningBerth(`http://127.0.0.1:${port}`, child, output);
    await eventually(
      'Berth to be ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`Berth ended with ${child.exitCode}: ${output()}`);
        return (await fetch(`${berth.url}/health/ready`)).status === 200;
      },
      30_000,
    );
    return berth;
  }

  /** @throws Error with the GraphQL errors, if any. */
  async graphql<T>(query: string, variables: object = {}, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data: T; errors?: unknown[] };
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    return body.data;
  }

  post(event: object | object[], headers: Record<string, string> = {}): Promise<Response> {
    const type = Array.isArray(event) ? 'application/cloudevents-batch+json' : 'application/cloudevents+json';
    return fetch(`${this.url}/registrations`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: JSON.stringify(event),
    });
  }

  /** Ends the process and resolves with its exit code, or the signal when that ended it. */
  async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<number | string | null> {
    const ended = exitOf(this.process);
    this.process.kill(signal);
    return ended;
  }
}

export function spawnBerth(env: Record<string, string>): { child: ChildProcess; output: () => string } {
  const child = spawn(node, [main], {
    env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

export function exitOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
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
