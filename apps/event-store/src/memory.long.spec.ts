import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fill, loadOn, residentMiBMax } from './under-test/memory.js';

const EVENTS = 10_000_000;

describe('the memory of the program, at full size', () => {
  it(`stays below ${residentMiBMax} MiB with ${EVENTS} events, all of them read while more are appended`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'event-store-'));
    try {
      await fill(folder, EVENTS);
      const report = await loadOn(folder);
      console.log(`${EVENTS} events: ${JSON.stringify(report)}`);
      expect(report.read).toBeGreaterThanOrEqual(EVENTS);
      expect(report.peakMiB).toBeLessThanOrEqual(residentMiBMax);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 3_600_000);
});
