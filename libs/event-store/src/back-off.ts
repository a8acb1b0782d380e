import { setTimeout as delay } from 'node:timers/promises';

const firstMs = 50;
const longestMs = 2000;

/** Waits before try number `attempt` (from 0): doubling from 50 ms to 2 s, half of it at random. Ends early on abort. */
export async function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 10));
  await delay(ceiling / 2 + (Math.random() * ceiling) / 2, undefined, { signal }).catch((error: unknown) => {
    if (!signal?.aborted) throw error;
  });
}
