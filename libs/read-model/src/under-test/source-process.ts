import { fromSources } from '@berth/testing';
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A source file of this lib as a process of its own, for specs that need one to kill. */
export class SourceProcess {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;

  /** @param path from `src`. */
  constructor(path: string, args: readonly string[]) {
    this.child = fork(fileURLToPath(new URL(`../${path}`, import.meta.url)), [...args], { execArgv: [...fromSources] });
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()));
  }

  /** Resolves with the number of messages it has sent, once it is `count` or the process has ended. */
  async messages(count: number): Promise<number> {
    let received = 0;
    const enough = new Promise<void>((resolve) => {
      this.child.on('message', () => {
        received += 1;
        if (received >= count) resolve();
      });
    });
    await Promise.race([enough, this.ended]);
    return received;
  }

  /** SIGKILL: no handler runs, nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
