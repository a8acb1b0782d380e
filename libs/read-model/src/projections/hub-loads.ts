import { hubKey, hubLeft } from '@berth/domain';
import { type BerthEvent } from '@berth/event-store';
import { type Table } from '../sql/table.js';
import { type Count, CountChanges } from './counts.js';
import { type Projection } from './projection.js';

/** Devices on a hub; a hub without any has no row. */
interface HubDevices extends Count {
  hub: string;
}
export const hubDevicesTable: Table<HubDevices> = { name: 'hub_devices', facets: [], indexes: [] };

export const hubLoads: Projection = {
  name: 'hubLoads',
  version: 1,
  tables: [hubDevicesTable],
  touched: (events) => {
    const keys = events.flatMap(({ event }) => {
      if (event.type === 'DecisionsRecorded') return event.data.hubs.map(({ name }) => hubKey(name));
      const left = leftBy(event);
      return left === null ? [] : hubKey(left);
    });
    return [{ table: hubDevicesTable, keys }];
  },
  async apply(events, rows) {
    const devices = new CountChanges<HubDevices>();
    for (const { event } of events) {
      const left = leftBy(event);
      if (left !== null) devices.add(hubKey(left), { hub: left }, -1);
      if (event.type !== 'DecisionsRecorded') continue;
      for (const outcome of event.data.outcomes) {
        if (outcome.type !== 'DeviceAssigned' && outcome.type !== 'DeviceReassigned') continue;
        devices.add(hubKey(outcome.hub), { hub: outcome.hub }, 1);
        if (outcome.type === 'DeviceReassigned') devices.add(hubKey(outcome.from), { hub: outcome.from }, -1);
      }
    }
    await devices.store(hubDevicesTable, rows);
  },
};

/** The hub that has one device less by a release; null when there is none, or it is another event. */
function leftBy(event: BerthEvent): string | null {
  return event.type === 'RegistrationReleased' ? hubLeft(event) : null;
}
