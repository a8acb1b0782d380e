import { type AllocationPolicyChoice, type HubSnapshot } from './allocate.js';

/** The first hub in the list that can take the device; the score is its place in the list. */
export const staticOrder: AllocationPolicyChoice = {
  sticky: false,
  choose: (eligible) => eligible[0] as HubSnapshot,
  score: (_hub, position) => String(position + 1),
};
