import { type HubOnBoard } from './hub-board.js';

/** Why a hub can't take a device. */
export type Obstacle = 'cordoned' | 'draining' | 'full' | 'leased';

/** @param isCurrent the device is on the hub: cordoned and full both mean "no new devices". */
export function obstacleTo(hub: HubOnBoard, isCurrent: boolean): Obstacle | null {
  if (hub.state === 'draining') return 'draining';
  if (isCurrent) return null;
  if (hub.state === 'cordoned') return 'cordoned';
  if (hub.places === null || hub.places > 0) return null;
  return hub.load >= (hub.capacity as number) ? 'full' : 'leased';
}

export function reasonOf(obstacle: Obstacle, { load, capacity }: HubOnBoard): string {
  switch (obstacle) {
    case 'full':
      return `the hub is full (${load} of ${capacity})`;
    case 'leased':
      return `the hub's last places are leased to other partitions (${load} of ${capacity} taken)`;
    default:
      return `the hub is ${obstacle}`;
  }
}
