import { describe, it } from '@jest/globals';
import { seedsFrom, type Seen, trySeeds } from './try-seeds.js';

const worlds = 10_000;
const atOnce = 1_000;
/** New ones each time; BERTH_SEED_FROM runs the same again. */
const first = Number(process.env['BERTH_SEED_FROM'] ?? Math.floor(Date.now() / 1000));

describe(`the allocator in ${worlds} simulated worlds, seeds from ${first} on`, () => {
  const sum: Record<string, number> = {};

  for (let from = first; from < first + worlds; from += atOnce) {
    it(`keeps every invariant with seeds ${from} to ${from + atOnce - 1}`, async () => {
      const seen: Seen = await trySeeds(seedsFrom(from, atOnce));
      for (const [what, count] of Object.entries(seen)) sum[what] = (sum[what] ?? 0) + count;
    }, 600_000);
  }

  it('says what it has seen', () => {
    console.log(`BERTH_SEED_FROM=${first}`, sum);
  });
});
