import { describe, expect, it } from '@jest/globals';
import { playLeases, SimulatedLeases } from './under-test/simulated-leases.js';

/** BERTH_SEED repeats a run. */
const first = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);
const seedsMax = process.env['BERTH_LONG'] === '1' ? 3000 : 150;

describe('leases, whatever happens', () => {
  it('never let a page put a device above the capacity that it knows, or any newer one', () => {
    console.log(`Seeds from ${first}; repeat with BERTH_SEED=${first}`);
    const counts = { pages: 0, claims: 0, crashes: 0, books: 0, conflicts: 0, changes: 0, refusedPages: 0 };
    for (let seed = first; seed < first + seedsMax; seed += 1) {
      const world = playLeases(seed);
      expect({ seed, violations: world.violations }).toEqual({ seed, violations: [] });
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += world.counts[key];
    }
    console.log(`${seedsMax} seeds: ${JSON.stringify(counts)}`);
  });
});

describe('a hub of 1,000 places, 64 partitions, 4 allocators', () => {
  it('fills to the last place and not beyond, while allocators are killed as they write its book', () => {
    const rates = { change: 0, crash: 4, sleep: 4 };
    const world = new SimulatedLeases({ seed: first, partitions: 64, allocators: 4, capacity: 1000, rates });
    for (let step = 0; step < 20_000; step += 1) world.step();
    world.fill();
    console.log(`${world.total} of 1,000 places: ${JSON.stringify(world.counts)}`);
    expect(world.violations).toEqual([]);
    expect(world.counts.crashes).toBeGreaterThan(10);
    expect(world.total).toBe(1000);
  });
});
