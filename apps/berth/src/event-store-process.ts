import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** How long the node may take to open its files: a predecessor killed a moment ago lets go of them within seconds. */
const startDeadlineMs = 15_000;
/** How long it may take to finish what it has begun. */
const stopDeadlineMs = 8_000;

/** The embedded event store, in a process of its own: SQLite blocks, and deciding must not wait for it. */
export class EventStoreProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** `esdb://…` */
    readonly url: string,
  ) {
    this.death = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        if (!this.isStopping) resolve(`The event store ended (${signal ?? `exit code ${code}`})`);
      });
    });
  }

  /** Resolves, with how, when the process ends without having been asked to. */
  readonly death: Promise<string>;
  private isStopping = false;

  static async start(options: { dataFolder: string; port: number }): Promise<EventStoreProcess> {
    const main = join(
      dirname(createRequire(import.meta.url).resolve('@berth/app-event-store/package.json')),
      'dist',
      'main.js',
    );
    const child = fork(main, {
      env: {
        BERTH_DATA: options.dataFolder,
        BERTH_HOST: '127.0.0.1',
        BERTH_EVENTSTORE_PORT: options.port === 0 ? '' : String(options.port),
        NODE_NO_WARNINGS: '1',
      },
      // A group of its own: Ctrl-C reaches this process only, which stops the node after the last append.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const address = await new Promise<{ host: string; port: number }>((resolve, reject) => {
      const deadline = setTimeout(
        () => reject(new Error(`The event store did not start within ${startDeadlineMs} ms`)),
        startDeadlineMs,
      );
      child.once('message', (message) => {
        clearTimeout(deadline);
        resolve(message as { host: string; port: number });
      });
      child.once('exit', (code, signal) => {
        clearTimeout(deadline);
        reject(new Error(`The event store ended while starting (${signal ?? `exit code ${code}`})`));
      });
    });
    return new EventStoreProcess(child, `esdb://${address.host}:${address.port}?tls=false`);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), stopDeadlineMs);
    await ended;
    clearTimeout(deadline);
  }
}
