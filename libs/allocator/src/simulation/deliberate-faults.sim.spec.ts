import { describe, expect, it } from '@jest/globals';
import { deliberateFaults } from './deliberate-faults.js';
import { World } from './world.js';

describe('an allocator that gets the protocol wrong is caught:', () => {
  it.each(deliberateFaults)('one that $name', async ({ sabotage, withinSeeds, caughtBy }) => {
    for (let seed = 1; seed <= withinSeeds; seed += 1) {
      const { violation } = await new World(seed, { sabotage, only: caughtBy }).run();
      if (!violation) continue;
      expect(violation.invariant).toBe(caughtBy);
      return;
    }
    throw new Error(`No world of ${withinSeeds} shows it`);
  });
});
