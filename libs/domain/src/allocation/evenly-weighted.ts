import { type AllocationPolicyChoice, type HubSnapshot } from './allocate.js';

/**
 * Steers new devices so that loads approach their weight shares: the hub with the least (load + 1/2) / weight takes the
 * next device, ties go to the first by key. Filling from empty this is Webster's method of apportionment: with equal
 * weights the fullest and the emptiest hub never differ by more than one. Compared as (2·load + 1) / (2·weight) in
 * integers, so every machine chooses alike.
 */
export const evenlyWeighted: AllocationPolicyChoice = {
  sticky: true,
  choose(eligible) {
    let best = eligible[0] as HubSnapshot;
    for (const hub of eligible) {
      if ((2 * hub.load + 1) * best.weight < (2 * best.load + 1) * hub.weight) best = hub;
    }
    return best;
  },
  score: ({ load, weight }) => `${2 * load + 1}/${2 * weight}`,
};
