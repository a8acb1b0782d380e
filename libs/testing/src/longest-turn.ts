import { PerformanceObserver } from 'node:perf_hooks';

/** Other programs on the machine may spoil several tries, hardly all. */
const triesMax = 10;

/**
 * The longest turn of the event loop until the work is done, as milliseconds of processor time of this thread: other programs on the
 * machine hardly count. Nor do whole collections of garbage: they go through the test's own heap, which grows with the suites before
 * it. The least of some tries: of as many as it takes to stay below `enoughMs`, ten at most.
 */
export async function longestTurnMs(work: () => Promise<unknown>, enoughMs: number): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < triesMax && least >= enoughMs; attempt += 1) {
    least = Math.min(least, await longestTurnOf(work()));
  }
  return least;
}

interface Turn {
  from: number;
  to: number;
  cpuMs: number;
}

async function longestTurnOf(work: Promise<unknown>): Promise<number> {
  const collections: { startTime: number; duration: number }[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const turns: Turn[] = [];
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  while (!isDone) {
    const from = performance.now();
    const before = process.threadCpuUsage();
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.threadCpuUsage(before);
    const turn = { from, to: performance.now(), cpuMs: (user + system) / 1000 };
    if (turn.cpuMs > 1) turns.push(turn);
  }
  await done;
  // Entries come in a later turn than what they tell of.
  await new Promise((resolve) => setImmediate(resolve));
  collections.push(...observer.takeRecords());
  observer.disconnect();
  const collectingMs = ({ from, to }: Turn) =>
    collections
      .filter(({ startTime }) => startTime >= from && startTime < to)
      .reduce((sum, { duration }) => sum + duration, 0);
  return turns.reduce((longest, turn) => Math.max(longest, turn.cpuMs - collectingMs(turn)), 0);
}
