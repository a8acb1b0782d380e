import { lackedOf } from '../hub/label.js';
import { type AllocationRule } from './allocate.js';
import { type HubOnBoard } from './hub-board.js';

/** Why a hub can't take a device. */
export type Obstacle = 'lacksLabels' | 'cordoned' | 'draining' | 'full' | 'leased';

/** @param isCurrent the device is on the hub: cordoned and full both mean "no new devices". */
export function obstacleTo(hub: HubOnBoard, isCurrent: boolean): Obstacle | null {
  if (hub.state === 'draining') return 'draining';
  if (isCurrent) return null;
  if (hub.state === 'cordoned') return 'cordoned';
  if (hub.places === null || hub.places > 0) return null;
  return hub.load >= (hub.capacity as number) ? 'full' : 'leased';
}

/** The same, where it isn't known yet whether the hub has the labels that the rule requires. */
export function obstacleUnder({ require }: AllocationRule, hub: HubOnBoard, isCurrent: boolean): Obstacle | null {
  if (require && lackedOf(require, hub.labels).length > 0) return 'lacksLabels';
  return obstacleTo(hub, isCurrent);
}

export function reasonOf(
  obstacle: Obstacle,
  { load, capacity, labels }: HubOnBoard,
  { require = [] }: AllocationRule,
): string {
  switch (obstacle) {
    case 'lacksLabels': {
      const [first, ...others] = lackedOf(require, labels);
      return `the hub lacks the label ${first?.key}=${first?.value}${others.length > 0 ? `, and ${others.length} more` : ''}`;
    }
    case 'full':
      return `the hub is full (${load} of ${capacity})`;
    case 'leased':
      return `the hub's last places are leased to other partitions (${load} of ${capacity} taken)`;
    default:
      return `the hub is ${obstacle}`;
  }
}
