/** A garbage collection of the test's own heap, which grows with the suites before it, may fall into several tries, hardly into all. */
const triesMax = 10;

/**
 * The longest turn of the event loop until the work is done, as milliseconds of processor time of this thread: other programs on the
 * machine hardly count. The least of some tries: of as many as it takes to stay below `enoughMs`, ten at most.
 */
export async function longestTurnMs(work: () => Promise<unknown>, enoughMs: number): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < triesMax && least >= enoughMs; attempt += 1) {
    least = Math.min(least, await longestTurnOf(work()));
  }
  return least;
}

async function longestTurnOf(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  let longestUs = 0;
  while (!isDone) {
    const before = process.threadCpuUsage();
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.threadCpuUsage(before);
    longestUs = Math.max(longestUs, user + system);
  }
  await done;
  return longestUs / 1000;
}
