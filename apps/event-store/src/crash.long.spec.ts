import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { crashRounds } from './under-test/crash-rounds.js';
import { seededRandom } from './under-test/seeded-random.js';

/** Of the moments of killing; BERTH_SEED repeats a run. */
const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);

const ROUNDS = 20;

describe(`SIGKILL under 64 appends in flight, ${ROUNDS} rounds`, () => {
  it('loses no acknowledged event, stores none twice, and answers every repetition with the right revision', async () => {
    if (process.env['BERTH_LONG'] !== '1') {
      console.log('Not run: takes about half a minute. Set BERTH_LONG=1 to run it.');
      return;
    }
    console.log(`Seed ${seed}; repeat with BERTH_SEED=${seed}`);
    const folder = await mkdtemp(join(tmpdir(), 'event-store-'));
    try {
      const report = await crashRounds(folder, ROUNDS, seededRandom(seed));
      console.log(`${ROUNDS} rounds: ${JSON.stringify(report)}`);
      expect(report.acknowledged).toBeGreaterThan(ROUNDS * 64);
      expect(report.unknownButStored).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 600_000);
});
