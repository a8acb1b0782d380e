import { type AllocationPolicy, evolvePolicy, initialPolicy, type PolicyEvent } from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** One row; none before anybody chose. */
export const policyTable: Table<AllocationPolicy> = { name: 'allocation_policy', facets: [], indexes: [] };
export const policyKey = 'default';

export const policy: Projection = {
  name: 'policy',
  version: 1,
  tables: [policyTable],
  touched: (events) => (events.some(isChoice) ? [{ table: policyTable, keys: [policyKey] }] : []),
  async apply(events, rows) {
    for (const { event } of events.filter(isChoice)) {
      const before = rows.get(policyTable, policyKey) ?? initialPolicy;
      rows.put(policyTable, policyKey, evolvePolicy(before, event));
    }
  },
};

function isChoice(stored: StoredEvent): stored is StoredEvent<PolicyEvent> {
  return stored.event.type === 'AllocationPolicyChosen';
}
