const barWidth = 40;
const redrawMs = 100;

/** Progress on long work: a bar that redraws itself on a terminal, a line now and then elsewhere, nothing when quiet. */
export class Progress {
  private drawnAt = 0;
  private readonly started = performance.now();
  private readonly what: string;
  private readonly total: number;

  constructor(what: string, total: number) {
    this.what = what;
    this.total = total;
  }

  at(done: number): void {
    const now = performance.now();
    const isLast = done >= this.total;
    const interval = process.stderr.isTTY ? redrawMs : 2000;
    if (!isLast && now - this.drawnAt < interval) return;
    this.drawnAt = now;
    const seconds = (now - this.started) / 1000;
    const line = `${this.what.padEnd(12)} ${bar(done / this.total)} ${done}/${this.total}  ${seconds.toFixed(1)} s`;
    process.stderr.write(process.stderr.isTTY ? `\r${line}${isLast ? '\n' : ''}` : `${line}\n`);
  }
}

export function bar(part: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * barWidth);
  return '█'.repeat(filled) + '░'.repeat(barWidth - filled);
}
