import { type AllocationPolicyChoice, type Placing } from './allocate.js';
import { evenlyWeighted } from './evenly-weighted.js';
import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { fewHubs, type HubPool } from './hub-pool.js';
import { isOutdone, type KnownLatency, leaving, reachOf } from './latency.js';

/**
 * The nearest hub, by what is known of latencies; among those just as near, the one whose turn it is. When nothing is known of
 * any hub that can take the device, it is `evenlyWeighted`; beside known ones an unknown hub is no choice.
 */
export const lowestLatency: AllocationPolicyChoice = {
  stays: ({ leaves }) => !leaves,
  choose(board, pool, placing, accepts) {
    const measured = measuredIn(board, pool, placing).filter(accepts);
    const reach = reachOf(measured.map((hub) => usOf(hub, placing)));
    const near = reach === null ? pool : fewHubs(measured.filter((hub) => usOf(hub, placing) <= reach));
    return evenlyWeighted.choose(board, near, placing, accepts);
  },
  score(board, hub, position, placing) {
    const us = placing.latencies.get(hub.key)?.us;
    const turn = evenlyWeighted.score(board, hub, position, placing);
    return us === undefined ? `turn ${turn}` : `${us / 1000} ms, turn ${turn}`;
  },
  passesOver(board, pool, placing, accepts) {
    const { latencies } = placing;
    const measured = measuredIn(board, pool, placing).filter(accepts);
    const figures = measured.map((hub) => usOf(hub, placing));
    const reach = reachOf(figures);
    const best = Math.min(...figures) / 1000;
    return ({ key }) => {
      const us = latencies.get(key)?.us;
      if (reach === null || (us !== undefined && us <= reach)) return null;
      if (us === undefined) return { verdict: 'unscored', reason: 'no fresh latency is known' };
      return { verdict: 'farther', reason: `the hub is ${us / 1000} ms away, the nearest ${best} ms` };
    };
  },
};

export interface Patience {
  /** Evaluations in a row in which the present hub was outdone, this one included; counted up to `leaving.evaluations`. */
  outdone: number;
  /** Whether that is enough for the device to leave. */
  leaves: boolean;
}

/**
 * Looks once more at whether the hub that a device is on is outdone. What can't be told neither counts nor breaks the row.
 * @param others hubs that would take the device. @param before evaluations in a row up to now.
 * @param isRepeat the request was counted already. @param onHubMs how long the device has been on the hub.
 */
export function evaluate(
  present: HubOnBoard,
  others: readonly HubOnBoard[],
  { latencies }: Pick<Placing, 'latencies'>,
  { before, isRepeat, onHubMs }: { before: number; isRepeat: boolean; onHubMs: number },
): Patience {
  const known = others.flatMap(({ key }) => latencies.get(key)?.us ?? []);
  const verdict = isOutdone(latencies.get(present.key)?.us ?? null, known);
  if (verdict === null) return { outdone: before, leaves: false };
  if (!verdict) return { outdone: 0, leaves: false };
  const outdone = isRepeat ? before : Math.min(before + 1, leaving.evaluations);
  return { outdone, leaves: outdone >= leaving.evaluations && onHubMs >= leaving.coolDownMs };
}

/** Of a hub that was measured. */
function usOf({ key }: HubOnBoard, { latencies }: Pick<Placing, 'latencies'>): number {
  return (latencies.get(key) as KnownLatency).us;
}

/** Hubs of the rule of which a latency is known. */
export function measuredIn(board: HubBoard, pool: HubPool, { latencies }: Pick<Placing, 'latencies'>): HubOnBoard[] {
  const measured: HubOnBoard[] = [];
  for (const key of latencies.keys()) {
    const hub = board.get(key);
    if (hub && pool.has(hub)) measured.push(hub);
  }
  return measured;
}
