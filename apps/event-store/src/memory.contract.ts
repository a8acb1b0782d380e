import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fill, loadOn, residentMiBMax } from './under-test/memory.js';

/** @param timeoutMs for filling the folder and for the load on it. */
export function describeMemory(events: number, timeoutMs: number): void {
  describe(`the memory of the program with ${events} events`, () => {
    it(
      `stays below ${residentMiBMax} MiB while everything is read, searched and appended to at once`,
      async () => {
        const folder = await mkdtemp(join(tmpdir(), 'event-store-'));
        try {
          await fill(folder, events);
          const report = await loadOn(folder);
          console.log(`${events} events: ${JSON.stringify(report)}`);
          expect(report.read).toBeGreaterThanOrEqual(events);
          expect(report.peakMiB).toBeLessThanOrEqual(residentMiBMax);
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      },
      timeoutMs,
    );
  });
}
