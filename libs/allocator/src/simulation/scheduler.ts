/** A process of the simulated world. What is to happen in it doesn't once it has ended, and waits while it is paused. */
export class SimulatedProcess {
  hasEnded = false;
  isPaused = false;
  /** Between it and everybody else nothing gets through. */
  isCutOff = false;
  /** What it asks for is done, and it never hears of it. */
  isDeaf = false;
  /** What came due while it was paused. */
  readonly parked: Task[] = [];

  constructor(readonly name: string) {}
}

export interface Task {
  at: number;
  /** Order among tasks due at the same time: that of their making. */
  turn: number;
  /** Null: somewhere on the network or in a server. */
  owner: SimulatedProcess | null;
  what: string;
  isCancelled: boolean;
  run(): void;
}

/**
 * The one clock and the one order of everything that happens. All that touches the world (a request arriving, an answer
 * arriving, a timer) is a task with a time drawn from the seed; a step runs the next one and lets all code that it woke
 * run until it waits for the world again.
 */
export class Scheduler {
  /** Milliseconds since 1970. */
  now: number;
  private readonly heap: Task[] = [];
  private turns = 0;
  /** Told what each step was, for a trace. */
  onStep: ((what: string) => void) | null = null;

  constructor(startMs: number) {
    this.now = startMs;
  }

  after(delayMs: number, owner: SimulatedProcess | null, what: string, run: () => void): Task {
    const task = { at: this.now + delayMs, turn: (this.turns += 1), owner, what, isCancelled: false, run };
    this.push(task);
    return task;
  }

  cancel(task: Task): void {
    task.isCancelled = true;
  }

  sleep(delayMs: number, owner: SimulatedProcess, what: string): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, owner, what, resolve));
  }

  pause(process: SimulatedProcess): void {
    process.isPaused = true;
  }

  /** What came due meanwhile happens now, in its order. */
  resume(process: SimulatedProcess): void {
    process.isPaused = false;
    for (const task of process.parked.splice(0)) {
      task.at = this.now;
      this.push(task);
    }
  }

  end(process: SimulatedProcess): void {
    process.hasEnded = true;
    process.parked.length = 0;
  }

  /** When the next task is due; null when there is none. */
  get nextAt(): number | null {
    return this.heap[0]?.at ?? null;
  }

  /** Runs the next task; false when nothing is left to happen. */
  async step(): Promise<boolean> {
    for (;;) {
      const task = this.pop();
      if (!task) return false;
      if (task.isCancelled || task.owner?.hasEnded) continue;
      if (task.owner?.isPaused) {
        task.owner.parked.push(task);
        continue;
      }
      if (task.at > this.now) this.now = task.at;
      this.onStep?.(task.owner ? `${task.owner.name}: ${task.what}` : task.what);
      task.run();
      await settled();
      return true;
    }
  }

  protected push(task: Task): void {
    const { heap } = this;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(task, heap[parent] as Task)) break;
      heap[at] = heap[parent] as Task;
      at = parent;
    }
    heap[at] = task;
  }

  private pop(): Task | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child += 1;
      if (!isBefore(heap[child] as Task, last)) break;
      heap[at] = heap[child] as Task;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.at < other.at || (one.at === other.at && one.turn < other.turn);
}

/** A turn of the event loop comes only after every promise that could be settled has been. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
