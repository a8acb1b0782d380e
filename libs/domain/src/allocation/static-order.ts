import { hubKey } from '../hub/hub-name.js';
import { type AllocationPolicyChoice } from './allocate.js';

/** The first hub in the list that can take the device; the score is its place in the list. */
export const staticOrder: AllocationPolicyChoice = {
  stays: () => false,
  choose: (board, pool, { present }, accepts) =>
    pool.first(accepts, present === null ? undefined : board.get(hubKey(present))),
  score: (_board, _hub, position) => String(position + 1),
};
