import { describe, expect, it } from '@jest/globals';
import { World } from '../simulation/world.js';
import { type Replayed, replayLedger } from './replay-ledger.js';
import { recordedIn, recordingOf } from './under-test/recording.js';

const worlds = 60;
const firstSeed = 1;

describe('a ledger of a simulated world', () => {
  it.each([true, false])(
    `is decided again byte for byte, messages at hand: %s`,
    async (withMessages) => {
      const sum: Record<string, number> = { ledgers: 0, asked: 0 };
      for (let seed = firstSeed; seed < firstSeed + worlds; seed += 1) {
        const world = new World(seed);
        const { seen } = await world.run();
        sum['asked'] = (sum['asked'] ?? 0) + (seen['asked'] ?? 0);
        for (let partition = 0; partition < world.plan.partitions; partition += 1) {
          const recorded = recordedIn(recordingOf(world, partition), { withMessages });
          const replayed = await replayLedger(recorded, () => null);
          expect({ seed, partition, difference: replayed.difference }).toEqual({ seed, partition, difference: null });
          expect(replayed.otherBuilds.size).toBe(0);
          count(sum, replayed);
        }
      }
      expect(withMessages ? sum['pagesFromMessages'] : sum['pagesFromLedger']).toBeGreaterThan(worlds);
      expect(sum['asked']).toBeGreaterThan(worlds);
      expect(withMessages ? sum['pagesFromLedger'] : sum['pagesFromMessages']).toBe(0);
    },
    300_000,
  );
});

function count(sum: Record<string, number>, replayed: Replayed): void {
  sum['ledgers'] = (sum['ledgers'] ?? 0) + 1;
  for (const [what, value] of Object.entries(replayed))
    if (typeof value === 'number') sum[what] = (sum[what] ?? 0) + value;
}
