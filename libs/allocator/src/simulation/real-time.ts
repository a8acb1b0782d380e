import { Scheduler } from './scheduler.js';

/** Lets a simulated world go by the wall clock, for the contract suites, which wait in real time. */
export class RealTimeScheduler extends Scheduler {
  private timer: NodeJS.Timeout | null = null;
  private isStepping = false;
  private isStopped = false;

  constructor() {
    super(Date.now());
  }

  protected override push(...args: Parameters<Scheduler['push']>): void {
    super.push(...args);
    this.wind();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
  }

  private wind(): void {
    if (this.isStepping || this.isStopped) return;
    if (this.timer) clearTimeout(this.timer);
    const due = this.nextAt;
    if (due !== null) this.timer = setTimeout(() => void this.catchUp(), Math.max(0, due - Date.now()));
  }

  private async catchUp(): Promise<void> {
    this.isStepping = true;
    while (!this.isStopped && this.nextAt !== null && this.nextAt <= Date.now()) await this.step();
    this.now = Date.now();
    this.isStepping = false;
    this.wind();
  }
}
