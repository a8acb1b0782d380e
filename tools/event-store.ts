import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../apps/event-store/dist/main.js', import.meta.url));
const stopDeadlineMs = 15_000;

export interface EventStoreProgram {
  /** `esdb://…` */
  url: string;
  pid: number;
  ended: Promise<void>;
  stop(): Promise<void>;
}

/** The event store as a program, from its built files. @param options.port default: a free one. @throws Error when it ends as it starts. */
export async function startEventStore(options: { dataFolder: string; port?: number }): Promise<EventStoreProgram> {
  const child = fork(program, {
    env: {
      PATH: process.env['PATH'],
      BERTH_DATA: options.dataFolder,
      ...(options.port !== undefined && { BERTH_EVENTSTORE_PORT: String(options.port) }),
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => undefined);
  const message = await Promise.race([once(child, 'message'), ended]);
  if (!message) throw new Error(`The event store ended with exit code ${child.exitCode}`);
  const [{ port }] = message as [{ port: number }];
  const url = `esdb://127.0.0.1:${port}?tls=false`;
  return { url, pid: child.pid as number, ended, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await ended;
  clearTimeout(deadline);
}
