import { type AllocationPolicyChoice, type Placing } from './allocate.js';
import { type HubBoard, type HubOnBoard } from './hub-board.js';
import { type HubPool } from './hub-pool.js';
import { admits } from './slow-start.js';

/**
 * Steers new devices so that loads approach their weight shares: the hub with the least pass ÷ weight takes the next device,
 * ties go to the first by key. While one allocator decides everything a pass is 2 · load + 1: Webster's method of
 * apportionment, by which the fullest and the emptiest of equal hubs that fill from empty never differ by more than one.
 * A hub in slow start lets most of its turns pass, unless no other can take the device.
 */
export const evenlyWeighted: AllocationPolicyChoice = {
  stays: () => true,
  choose: nextInTurn,
  /** In devices for each unit of weight. */
  score: ({ turns }, { pass, weight }) => `${pass}/${turns.unit * weight}`,
};

export function nextInTurn(
  { isSparing }: HubBoard,
  pool: Pick<HubPool, 'next'>,
  { device }: Pick<Placing, 'device'>,
  accepts: (hub: HubOnBoard) => boolean,
): HubOnBoard | null {
  return pool.next((hub) => accepts(hub) && admits(hub, device)) ?? (isSparing ? pool.next(accepts) : null);
}

/** In integers, so that every machine chooses alike. */
export function hasTurnBefore(a: HubOnBoard, b: HubOnBoard): boolean {
  return a.pass * b.weight < b.pass * a.weight;
}
