import { expect, it } from '@jest/globals';
import { type Fault, playLeases } from './under-test/simulated-leases.js';

/** Always the same seeds: this is a test of the test. */
const seedsMax = 1500;

const faults: Fault[] = [
  'writes a book without its revision',
  'signs in without a note in the ledger',
  'decides as an heir by an older configuration',
  'gives back while a page is on its way',
  'writes as an earlier generation',
  'uses a lease of other terms',
  'takes a departure for a place',
];

it.each(faults)('the simulation of leases would find out an allocator that %s', (fault) => {
  let seed = 1;
  while (seed <= seedsMax && playLeases(seed, fault).violations.length === 0) seed += 1;
  console.log(`An allocator that ${fault}: found out with seed ${seed}`);
  expect(seed).toBeLessThanOrEqual(seedsMax);
});
