import { type AllocationPolicyChoice, type Placing } from './allocate.js';
import { evenlyWeighted, hasTurnBefore, nextInTurn } from './evenly-weighted.js';
import { type HubOnBoard } from './hub-board.js';
import { type HubPool } from './hub-pool.js';
import { isOutdone, leaving, reachOf } from './latency.js';
import { inOrder, type Measured, measuredIn, OwnBeforeShared } from './measured.js';

/** So many hubs that are just as near are walked: keeping them in the order of turns would cost more. */
const walkedMax = 8;

/**
 * The nearest hub, by what is known of latencies; among those just as near, the one whose turn it is. When nothing is known of
 * any hub that can take the device, it is `evenlyWeighted`; beside known ones an unknown hub is no choice.
 */
export const lowestLatency: AllocationPolicyChoice = {
  stays: ({ leaves }) => !leaves,
  choose(board, pool, placing, accepts) {
    const measured = measuredIn(board, pool, placing.latencies);
    const nearest = measured.find(({ hub }) => accepts(hub));
    if (!nearest) return nextInTurn(board, pool, placing, accepts);
    const count = countWithin(measured, reachOf(nearest.us));
    // Of those that a message says something of itself, nobody asks again.
    const isShared = !(placing.latencies instanceof OwnBeforeShared);
    const near =
      isShared && count > walkedMax
        ? board.firstOf(measured, count, () => inOrder(measured.slice(0, count)).map(({ hub }) => hub))
        : walked(measured, count);
    return nextInTurn(board, near, placing, accepts);
  },
  score(board, hub, position, placing) {
    const us = placing.latencies.get(hub.key)?.us;
    const turn = evenlyWeighted.score(board, hub, position, placing);
    return us === undefined ? `turn ${turn}` : `${us / 1000} ms, turn ${turn}`;
  },
  passesOver(board, pool, placing, accepts) {
    const { latencies } = placing;
    const nearest = measuredIn(board, pool, latencies).find(({ hub }) => accepts(hub));
    if (!nearest) return () => null;
    const reach = reachOf(nearest.us);
    const best = nearest.us / 1000;
    return ({ key }) => {
      const us = latencies.get(key)?.us;
      if (us === undefined) return { verdict: 'unscored', reason: 'no fresh latency is known' };
      if (us <= reach) return null;
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
 * @param other the nearest that would take the device; null: none. @param before evaluations in a row up to now.
 * @param isRepeat the request was counted already. @param onHubMs how long the device has been on the hub.
 */
export function evaluate(
  present: HubOnBoard,
  other: HubOnBoard | null,
  { latencies }: Pick<Placing, 'latencies'>,
  { before, isRepeat, onHubMs }: { before: number; isRepeat: boolean; onHubMs: number },
): Patience {
  const usTo = (hub: HubOnBoard | null) => (hub && latencies.get(hub.key)?.us) ?? null;
  const verdict = isOutdone(usTo(present), usTo(other));
  if (verdict === null) return { outdone: before, leaves: false };
  if (!verdict) return { outdone: 0, leaves: false };
  const outdone = isRepeat ? before : Math.min(before + 1, leaving.evaluations);
  return { outdone, leaves: outdone >= leaving.evaluations && onHubMs >= leaving.coolDownMs };
}

/** @param measured the nearest first. */
function countWithin(measured: readonly Measured[], reach: number): number {
  let [from, to] = [0, measured.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((measured[middle] as Measured).us <= reach) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The first so many of them, one by one. Of equals the first is the one that was named first. */
function walked(measured: readonly Measured[], count: number): Pick<HubPool, 'next'> {
  return {
    next(wanted) {
      let next: Measured | null = null;
      for (let index = 0; index < count; index += 1) {
        const it = measured[index] as Measured;
        if (wanted(it.hub) && (next === null || isBefore(it, next))) next = it;
      }
      return next?.hub ?? null;
    },
  };
}

function isBefore(a: Measured, b: Measured): boolean {
  return hasTurnBefore(a.hub, b.hub) || (a.order < b.order && !hasTurnBefore(b.hub, a.hub));
}
