import { type AllocationRule, type Placing } from '../allocate.js';
import { HubBoard, type HubSnapshot } from '../hub-board.js';
import { noLatencies } from '../latency.js';

/** Open, of weight 1, without a capacity, empty, unless said otherwise. */
export const hub = (name: string, change: Partial<HubSnapshot> = {}): HubSnapshot => ({
  name,
  state: 'open',
  weight: 1,
  capacity: null,
  load: 0,
  ...change,
});
export const boardOf = (...hubs: HubSnapshot[]) => new HubBoard(hubs);
/** A device that is on that hub; null: on none. */
export const on = (present: string | null, device = 'device-1'): Placing => ({
  device,
  present,
  latencies: noLatencies,
  leaves: false,
});
export const evenly: AllocationRule = {
  policy: 'evenlyWeighted',
  source: 'default',
  hubs: null,
  updateHubAssignment: true,
};
export const inOrder = (...hubs: string[]): AllocationRule => ({ ...evenly, policy: 'static', hubs });
