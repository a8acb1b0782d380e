import { type AllocationPolicyChoice } from './allocate.js';

/** The first hub in the list that can take the device; the score is its place in the list. */
export const staticOrder: AllocationPolicyChoice = {
  stays: () => false,
  choose(board, listed, _placing, accepts) {
    for (const hub of listed ?? board.values()) if (accepts(hub)) return hub;
    return null;
  },
  score: (_board, _hub, position) => String(position + 1),
};
