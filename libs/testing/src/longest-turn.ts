/** A garbage collection of the test's own heap may fall into one try, hardly into all. */
const tries = 3;

/**
 * The longest turn of the event loop until the work is done, the least of three tries, as milliseconds of processor time of this
 * thread: other programs on the machine don't count.
 */
export async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let attempt = 0; attempt < tries; attempt += 1) least = Math.min(least, await longestTurnOf(work()));
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
