import { type StoredEvent } from '@berth/event-store';
import { type RegionLatenciesSet, regionKey } from '@berth/domain';
import { type RegionRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** Regions from which it is known how far hubs are. */
export const regionsTable: Table<RegionRow> = { name: 'regions', facets: [], indexes: [] };

export const regions: Projection = {
  name: 'regions',
  version: 1,
  tables: [regionsTable],
  touched: (events) => {
    const keys = events.filter(isOfRegion).map(({ event }) => regionKey(event.data.region));
    return keys.length === 0 ? [] : [{ table: regionsTable, keys }];
  },
  async apply(events, rows) {
    for (const { event, revision: version, metadata, recordedAt } of events.filter(isOfRegion)) {
      const { region: name, latencies } = event.data;
      const key = regionKey(name);
      const at = metadata?.at ?? recordedAt.toISOString();
      const createdAt = rows.get(regionsTable, key)?.createdAt ?? at;
      if (latencies.length === 0) rows.remove(regionsTable, key);
      else rows.put(regionsTable, key, { name, latencies, version, createdAt, updatedAt: at });
    }
  },
};

function isOfRegion(stored: StoredEvent): stored is StoredEvent<RegionLatenciesSet> {
  return stored.event.type === 'RegionLatenciesSet';
}
