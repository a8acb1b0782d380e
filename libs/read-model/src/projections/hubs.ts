import { type BerthEvent, type StoredEvent } from '@berth/event-store';
import { evolveHub, type Hub, type HubEvent, hubKey, noHub } from '@berth/domain';
import { type HubRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** Linked hubs. Connection strings, sealed or not, have no place here. */
export const hubsTable: Table<HubRow> = { name: 'hubs', facets: [], indexes: [] };

export const hubs: Projection = {
  name: 'hubs',
  version: 2,
  tables: [hubsTable],
  touched: (events) => [{ table: hubsTable, keys: events.filter(isOfHub).map(({ event }) => hubKey(event.data.name)) }],
  async apply(events, rows) {
    for (const { event, revision } of events.filter(isOfHub)) {
      const key = hubKey(event.data.name);
      const after = evolveHub(hubIn(rows.get(hubsTable, key)), event);
      if (after.status === 'unlinked') {
        rows.remove(hubsTable, key);
        continue;
      }
      const { name, state, weight, capacity, region, labels = [] } = after;
      rows.put(hubsTable, key, { name, state, weight, capacity, region, labels, version: revision });
    }
  },
};

function hubIn(row: HubRow | null): Hub {
  return row ? { status: 'linked', connection: null, ...row } : noHub;
}

/** Written out, so that a new event fails the build here. */
const types: Record<HubEvent['type'], true> = {
  HubLinked: true,
  HubWeightChanged: true,
  HubCapacityChanged: true,
  HubRegionChanged: true,
  HubLabelsChanged: true,
  HubCordoned: true,
  HubDrainBegun: true,
  HubUncordoned: true,
  HubUnlinked: true,
};

function isOfHub(stored: StoredEvent<BerthEvent>): stored is StoredEvent<HubEvent> {
  return Object.hasOwn(types, stored.event.type);
}
