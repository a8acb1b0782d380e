import { setTimeout as delay } from 'node:timers/promises';

const intervalMs = 10;

/**
 * Waits until the probe gives something other than null, undefined or false.
 * @throws when that hasn't happened within `deadlineMs`, naming what was waited for and the last error of the probe.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  deadlineMs = 10_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== null && found !== undefined && found !== false) return found;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > end) throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`, { cause: lastError });
    await delay(intervalMs);
  }
}
