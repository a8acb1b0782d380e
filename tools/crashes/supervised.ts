import { setTimeout as delay } from 'node:timers/promises';

/** A program that runs. */
export interface Running {
  pid: number;
  ended: Promise<void>;
  /** In order. */
  stop(): Promise<void>;
}

/** Starts in vain, one after the other, before the whole suite gives up. */
const vainMax = 60;

/** Keeps a program running as an operator's supervisor does: however it ends, it is started again a moment later. */
export class Supervised<R extends Running = Running> {
  readonly name: string;
  /** How often it was started, successfully. */
  starts = 0;
  /** Starts that came to nothing, as when what it needs was away. */
  startsInVain = 0;
  /** Rejects when it can't be started any more. */
  readonly failed: Promise<never>;
  private readonly start: () => Promise<R>;
  private readonly pauseMs: () => number;
  private running: R | null = null;
  private isWanted = true;
  private fail!: (error: unknown) => void;
  private looping: Promise<void> = Promise.resolve();

  /** @param pauseMs how long until it is started again. */
  constructor(name: string, start: () => Promise<R>, pauseMs: () => number) {
    this.name = name;
    this.start = start;
    this.pauseMs = pauseMs;
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
  }

  /** Resolves when it runs for the first time. */
  async begin(): Promise<R> {
    const first = await this.start();
    this.starts += 1;
    this.running = first;
    this.looping = this.keep(first);
    return first;
  }

  /** Null while it is down. */
  get now(): R | null {
    return this.running;
  }

  /** SIGKILL, at once. False: it is down already. */
  async kill(): Promise<boolean> {
    const { running } = this;
    if (!running) return false;
    process.kill(running.pid, 'SIGKILL');
    await running.ended;
    return true;
  }

  /** SIGSTOP, and SIGCONT so much later, if it is still there. */
  async freeze(forMs: number): Promise<boolean> {
    const { running } = this;
    if (!running) return false;
    process.kill(running.pid, 'SIGSTOP');
    await delay(forMs);
    if (this.running === running) process.kill(running.pid, 'SIGCONT');
    return true;
  }

  async stop(): Promise<void> {
    this.isWanted = false;
    await this.running?.stop();
    await this.looping;
  }

  private async keep(first: R): Promise<void> {
    let running: R | null = first;
    let inVain = 0;
    while (this.isWanted) {
      if (running) await running.ended;
      this.running = null;
      if (!this.isWanted) return;
      await delay(this.pauseMs());
      try {
        running = await this.start();
        inVain = 0;
        this.starts += 1;
      } catch (error) {
        running = null;
        this.startsInVain += 1;
        inVain += 1;
        if (inVain >= vainMax) return this.fail(new Error(`The ${this.name} does not start`, { cause: error }));
      }
      this.running = running;
      // Stopped while it was starting.
      if (!this.isWanted) await running?.stop();
    }
  }
}
