import { hubKey, type Outcome, registrationKey, substatusOf } from '@berth/domain';
import { type RegistrationRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Count, CountChanges } from './counts.js';
import { type Grounds, groundsOf, type HubSet, type RuleContent } from './grounds.js';
import { type Projection } from './projection.js';
import { type WorkingRows } from './working-rows.js';

/** A registration as stored; what doesn't apply is absent. */
export interface RegistrationDoc {
  registrationId: string;
  status: RegistrationRow['status'];
  substatus?: string;
  deviceId?: string;
  hub?: string;
  enrollment?: string;
  errorCode?: number;
  reason?: string;
  createdAt: string;
  /** When the decision was made, too: what doesn't touch the status isn't a change. */
  updatedAt: string;
  decision: Grounds & { position: string };
  rejected?: { position: string; at: string; errorCode?: number; reason: string };
}

export const registrationsTable: Table<RegistrationDoc> = {
  name: 'registrations',
  facets: [
    { name: 'status', type: 'text', of: ({ status }) => status },
    { name: 'hub', type: 'text', of: ({ hub }) => (hub === undefined ? null : hubKey(hub)) },
  ],
  indexes: [
    { name: 'registrations_by_status', columns: ['status', 'key'] },
    { name: 'registrations_by_hub', columns: ['hub', 'status', 'key'] },
  ],
};

interface RegistrationCount extends Count {
  status: RegistrationRow['status'];
  hub: string | null;
}
export const registrationCountsTable: Table<RegistrationCount> = {
  name: 'registration_counts',
  facets: [
    { name: 'status', type: 'text', of: ({ status }) => status },
    { name: 'hub', type: 'text', of: ({ hub }) => hub },
    { name: 'n', type: 'integer', of: ({ n }) => n },
  ],
  indexes: [],
};

/** Hub sets and rules that decisions were made on, by content id. They grow with changes of configuration only. */
export const hubSetsTable: Table<HubSet> = { name: 'hub_sets', facets: [], indexes: [] };
export const rulesTable: Table<RuleContent> = { name: 'allocation_rules', facets: [], indexes: [] };

export const registrations: Projection = {
  name: 'registrations',
  version: 1,
  tables: [registrationsTable, registrationCountsTable, hubSetsTable, rulesTable],
  async apply(events, rows) {
    const keys = new Set<string>();
    for (const { event } of events) {
      if (event.type !== 'DecisionsRecorded') continue;
      for (const { registrationId } of event.data.outcomes) keys.add(registrationKey(registrationId));
    }
    await rows.load(registrationsTable, keys);
    const hubSets = new Map<string, HubSet>();
    const rules = new Map<string, RuleContent>();
    const counts = new CountChanges<RegistrationCount>();
    for (const { event, position } of events) {
      if (event.type !== 'DecisionsRecorded') continue;
      const page = groundsOf(event.data);
      hubSets.set(page.hubSet.id, page.hubSet.content);
      for (const [id, rule] of page.rules) rules.set(id, rule);
      for (const { outcome, grounds } of page.outcomes) {
        const key = registrationKey(outcome.registrationId);
        const before = rows.get(registrationsTable, key);
        const after = evolveRegistration(before, outcome, { at: event.data.at, position: String(position), grounds });
        rows.put(registrationsTable, key, after);
        if (before) count(counts, before, -1);
        count(counts, after, 1);
      }
    }
    await counts.store(registrationCountsTable, rows);
    await addMissing(hubSetsTable, hubSets, rows);
    await addMissing(rulesTable, rules, rows);
  },
};

/**
 * A hub once given stays through refusals. A refusal of somebody who didn't prove to be the device leaves a device that
 * has a hub as it is: else anybody could spoil any registration.
 */
export function evolveRegistration(
  before: RegistrationDoc | null,
  outcome: Outcome,
  { at, position, grounds }: { at: string; position: string; grounds: Grounds },
): RegistrationDoc {
  const { registrationId } = outcome;
  const createdAt = before?.createdAt ?? at;
  const changed = { registrationId, createdAt, updatedAt: at, decision: { position, ...grounds } };
  if (outcome.type !== 'RegistrationRejected') {
    const { hub, deviceId, enrollment } = outcome;
    return { ...changed, status: 'assigned', substatus: substatusOf(outcome), deviceId, hub, enrollment };
  }
  const { status, reason, authenticated } = outcome;
  const errorCode = outcome.errorCode ?? undefined;
  if (!authenticated && before?.hub !== undefined) {
    return { ...before, rejected: { position, at, errorCode, reason } };
  }
  const enrollment = outcome.enrollment ?? undefined;
  const { deviceId, hub, rejected } = before ?? {};
  return { ...changed, status, deviceId, hub, enrollment, errorCode, reason, rejected };
}

function count(counts: CountChanges<RegistrationCount>, { status, hub: name }: RegistrationDoc, by: 1 | -1): void {
  const hub = name === undefined ? null : hubKey(name);
  counts.add(`${status} ${hub ?? ''}`, { status, hub }, by);
}

async function addMissing<Doc>(table: Table<Doc>, docs: ReadonlyMap<string, Doc>, rows: WorkingRows): Promise<void> {
  await rows.load(table, docs.keys());
  for (const [key, doc] of docs) {
    if (rows.get(table, key) === null) rows.put(table, key, doc);
  }
}
