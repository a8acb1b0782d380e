import { hubKey } from '@berth/domain';
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
  async apply(events, rows) {
    const devices = new CountChanges<HubDevices>();
    for (const { event } of events) {
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
