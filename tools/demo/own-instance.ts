import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { isReady } from './berth-client.ts';

const startDeadlineMs = 30_000;

export interface OwnInstance {
  url: string;
  stop(): Promise<void>;
}

/** A Berth of the demo's own: free port, data in a temporary folder that goes with it. */
export async function startOwnInstance(): Promise<OwnInstance> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-demo-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = fork(fileURLToPath(new URL('../../apps/berth/dist/main.js', import.meta.url)), {
    env: {
      ...process.env,
      BERTH_DATA: dataFolder,
      BERTH_HTTP_PORT: String(port),
      BERTH_HOST: '127.0.0.1',
      BERTH_AUTH: 'none',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(dataFolder, { recursive: true, force: true });
  };
  const deadline = Date.now() + startDeadlineMs;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`The demo's own Berth did not become ready within ${startDeadlineMs / 1000} s`);
    }
    await delay(50);
  }
  return { url, stop };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
