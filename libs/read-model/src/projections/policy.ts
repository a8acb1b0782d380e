import { type AllocationPolicy, evolvePolicy, initialPolicy } from '@berth/domain';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** One row; none before anybody chose. */
export const policyTable: Table<AllocationPolicy> = { name: 'allocation_policy', facets: [], indexes: [] };
export const policyKey = 'default';

export const policy: Projection = {
  name: 'policy',
  version: 1,
  tables: [policyTable],
  async apply(events, rows) {
    await rows.load(policyTable, [policyKey]);
    for (const { event } of events) {
      if (event.type !== 'AllocationPolicyChosen') continue;
      const before = rows.get(policyTable, policyKey) ?? initialPolicy;
      rows.put(policyTable, policyKey, evolvePolicy(before, event));
    }
  },
};
