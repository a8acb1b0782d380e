import { type DecisionsRecorded, hubKey } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
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
    const keys = pagesIn(events).flatMap(({ hubs }) => hubs.map(({ name }) => hubKey(name)));
    return [{ table: hubDevicesTable, keys }];
  },
  async apply(events, rows) {
    const devices = new CountChanges<HubDevices>();
    for (const { outcomes } of pagesIn(events)) {
      for (const outcome of outcomes) {
        if (outcome.type !== 'DeviceAssigned' && outcome.type !== 'DeviceReassigned') continue;
        devices.add(hubKey(outcome.hub), { hub: outcome.hub }, 1);
        if (outcome.type === 'DeviceReassigned') devices.add(hubKey(outcome.from), { hub: outcome.from }, -1);
      }
    }
    await devices.store(hubDevicesTable, rows);
  },
};

function pagesIn(events: readonly StoredEvent[]): DecisionsRecorded[] {
  return events.flatMap(({ event }) => (event.type === 'DecisionsRecorded' ? [event.data] : []));
}
