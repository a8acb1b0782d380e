import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fill, loadOn, residentMiBMax } from './under-test/memory.js';

const EVENTS = 100_000;

describe('the memory of the program', () => {
  it(`stays below ${residentMiBMax} MiB while everything is read, searched and appended to at once`, async () => {
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
  }, 300_000);
});
