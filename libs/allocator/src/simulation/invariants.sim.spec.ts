import { describe, expect, it } from '@jest/globals';
import { knownSeeds } from './known-seeds.js';
import { seedsFrom, type Seen, trySeeds } from './try-seeds.js';
import { World } from './world.js';

const chosen = process.env['BERTH_SEED'];
const worlds = 200;
/** Some seconds on a machine of its own; a shared one may take many times as long. */
const timeoutMs = 300_000;

describe('the allocator in a simulated world', () => {
  if (chosen !== undefined) {
    it(`keeps every invariant with seed ${chosen}`, async () => {
      await trySeeds([Number(chosen)]);
    });
    return;
  }

  let seen: Seen;

  it(
    `keeps every invariant in ${worlds} worlds`,
    async () => {
      seen = await trySeeds(seedsFrom(1, worlds));
    },
    timeoutMs,
  );

  it('has met there everything that can go wrong', () => {
    const met = Object.entries(seen).filter(([, count]) => count > 0);
    expect(Object.fromEntries(met)).toEqual(seen);
  });

  it.each(knownSeeds)('keeps them with seed $seed too, where $was', async ({ seed }) => {
    await trySeeds([seed]);
  });

  it('lives through the same again with the same seed', async () => {
    const lives = await Promise.all(
      [1, 2].map(async () => {
        const trace: string[] = [];
        await new World(7, { onStep: (what) => trace.push(what) }).run();
        return trace;
      }),
    );
    expect(lives[0]?.length).toBeGreaterThan(100);
    expect(lives[1]).toEqual(lives[0]);
  });
});
