import { type AllocationPolicyChoice } from './allocate.js';

/** The first hub in the list that can take the device; the score is its place in the list. */
export const staticOrder: AllocationPolicyChoice = {
  stays: () => false,
  choose: (_board, { hubs }, _placing, accepts) => hubs.find(accepts) ?? null,
  score: (_board, _hub, position) => String(position + 1),
};
