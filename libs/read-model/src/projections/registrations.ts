import {
  type DecisionsRecorded,
  hasReleased,
  hubKey,
  type Outcome,
  registrationKey,
  type RegistrationReleased,
  substatusOf,
} from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { type RegistrationRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Count, CountChanges } from './counts.js';
import {
  type Grounds,
  groundsOf,
  type HubSet,
  type PageGrounds,
  type PageOfHubs,
  type RuleContent,
} from './grounds.js';
import { type Projection } from './projection.js';
import { hubNumber } from './hub-number.js';
import { packedRegistration, type RegistrationDoc, statuses } from './registration-doc.js';
import { type WorkingRows } from './working-rows.js';

export const registrationsTable: Table<RegistrationDoc> = {
  name: 'registrations',
  textForm: packedRegistration,
  facets: [
    { name: 'status', type: 'integer', of: ({ status }) => statuses.indexOf(status) },
    { name: 'hub', type: 'integer', of: ({ hub }) => (hub === undefined ? null : hubNumber(hubKey(hub))) },
    { name: 'enrollment_group', type: 'integer', of: ({ enrollmentGroup }) => groupNumber(enrollmentGroup) },
  ],
  indexes: [
    { name: 'registrations_by_status', columns: ['status', 'key'] },
    { name: 'registrations_by_hub', columns: ['hub', 'status', 'key'] },
    { name: 'registrations_by_group', columns: ['enrollment_group', 'status', 'key'], skipsNull: true },
  ],
};

/** A group's name as a number, to be indexed in place of it; null for none. */
export function groupNumber(name: string | undefined): number | null {
  return name === undefined ? null : hubNumber(registrationKey(name));
}

interface RegistrationCount extends Count {
  status: RegistrationRow['status'];
  hub: string | null;
}
export const registrationCountsTable: Table<RegistrationCount> = {
  name: 'registration_counts',
  facets: [
    { name: 'status', type: 'integer', of: ({ status }) => statuses.indexOf(status) },
    { name: 'hub', type: 'integer', of: ({ hub }) => (hub === null ? null : hubNumber(hub)) },
    { name: 'n', type: 'integer', of: ({ n }) => n },
  ],
  indexes: [],
};

/**
 * Hub sets and rules that decisions were made on, by content id. Rules grow with changes of configuration. Among very many hubs each page
 * brings a hub set of its own: one that no registration names any more goes.
 */
export const hubSetsTable: Table<HubSet | PageOfHubs> = { name: 'hub_sets', facets: [], indexes: [] };
/** How many registrations name a hub set, by its content id. */
export const hubSetUsesTable: Table<Count> = { name: 'hub_set_uses', facets: [], indexes: [] };
export const rulesTable: Table<RuleContent> = { name: 'allocation_rules', facets: [], indexes: [] };

export const registrations: Projection = {
  name: 'registrations',
  version: 6,
  tables: [registrationsTable, registrationCountsTable, hubSetsTable, hubSetUsesTable, rulesTable],
  touched: (events) => {
    const pages = pagesIn(events);
    const releases = releasesIn(events);
    const hubs = new Set([
      ...pages.flatMap(({ page }) => page.hubs.map(({ name }) => hubKey(name))),
      ...releases.flatMap(({ hub }) => (hub === null ? [] : hubKey(hub))),
    ]);
    return [
      {
        table: registrationsTable,
        keys: [...keysOf(pages), ...releases.map(({ registrationId }) => registrationKey(registrationId))],
      },
      {
        table: registrationCountsTable,
        keys: [...hubs, null].flatMap((hub) => statuses.map((status) => countKey(status, hub))),
      },
      { table: hubSetsTable, keys: pages.map(({ grounds }) => grounds.hubSet.id) },
      { table: hubSetUsesTable, keys: pages.map(({ grounds }) => grounds.hubSet.id) },
      { table: rulesTable, keys: pages.flatMap(({ grounds }) => [...grounds.rules.keys()]) },
    ];
  },
  async apply(events, rows) {
    const hubSets = new Map<string, HubSet | PageOfHubs>();
    const rules = new Map<string, RuleContent>();
    const counts = new CountChanges<RegistrationCount>();
    const uses = new CountChanges<Count>();
    const changed = (before: RegistrationDoc | null, after: RegistrationDoc | null) => {
      if (before) count(counts, before, -1);
      if (after) count(counts, after, 1);
      const [former, latter] = [before?.decision.hubSet, after?.decision.hubSet];
      if (former !== undefined) uses.add(former, {}, -1);
      if (latter !== undefined) uses.add(latter, {}, 1);
    };
    for (const stored of events) {
      const [release] = releasesIn([stored]);
      if (release) {
        const key = registrationKey(release.registrationId);
        const before = rows.get(registrationsTable, key);
        changed(before, null);
        rows.remove(registrationsTable, key);
        continue;
      }
      const [decided] = pagesIn([stored]);
      if (!decided) continue;
      const { page, position, grounds: pageGrounds } = decided;
      for (const [id, rule] of pageGrounds.rules) rules.set(id, rule);
      for (const { outcome, grounds } of pageGrounds.outcomes()) {
        const key = registrationKey(outcome.registrationId);
        const before = rows.get(registrationsTable, key);
        const after = evolveRegistration(before, outcome, { at: page.at, position, grounds });
        rows.put(registrationsTable, key, after);
        if (grounds.hubSet !== undefined) hubSets.set(grounds.hubSet, pageGrounds.hubSet.content);
        changed(before, after);
      }
    }
    await counts.store(registrationCountsTable, rows);
    const unused = await uses.store(hubSetUsesTable, rows);
    for (const id of unused) hubSets.delete(id);
    await rows.load(hubSetsTable, unused);
    for (const id of unused) rows.remove(hubSetsTable, id);
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
    const { hub, deviceId, enrollmentGroup } = outcome;
    const enrollment = outcome.enrollment ?? undefined;
    const substatus = substatusOf(outcome);
    return { ...changed, status: 'assigned', substatus, deviceId, hub, enrollment, enrollmentGroup };
  }
  const { status, reason, authenticated } = outcome;
  const errorCode = outcome.errorCode ?? undefined;
  if (!authenticated && before?.hub !== undefined) {
    return { ...before, rejected: { position, at, errorCode, reason } };
  }
  const enrollment = outcome.enrollment ?? undefined;
  const { deviceId, hub, rejected } = before ?? {};
  const { enrollmentGroup } = outcome;
  return { ...changed, status, deviceId, hub, enrollment, enrollmentGroup, errorCode, reason, rejected };
}

function count(counts: CountChanges<RegistrationCount>, { status, hub: name }: RegistrationDoc, by: 1 | -1): void {
  const hub = name === undefined ? null : hubKey(name);
  counts.add(countKey(status, hub), { status, hub }, by);
}

function countKey(status: RegistrationRow['status'], hub: string | null): string {
  return `${status} ${hub ?? ''}`;
}

interface Page {
  page: DecisionsRecorded;
  position: string;
  grounds: PageGrounds;
}

function pagesIn(events: readonly StoredEvent[]): Page[] {
  return events.flatMap(({ event, position }) =>
    event.type === 'DecisionsRecorded'
      ? [{ page: event.data, position: String(position), grounds: groundsOf(event.data) }]
      : [],
  );
}

/** Releases by which a record went, in order. */
function releasesIn(events: readonly StoredEvent[]): RegistrationReleased[] {
  return events.flatMap(({ event }) =>
    event.type === 'RegistrationReleased' && hasReleased(event) ? [event.data] : [],
  );
}

function* keysOf(pages: readonly Page[]): Iterable<string> {
  for (const { page } of pages) {
    for (const { registrationId } of page.outcomes) yield registrationKey(registrationId);
  }
}

async function addMissing<Doc>(table: Table<Doc>, docs: ReadonlyMap<string, Doc>, rows: WorkingRows): Promise<void> {
  await rows.load(table, docs.keys());
  for (const [key, doc] of docs) {
    if (rows.get(table, key) === null) rows.put(table, key, doc);
  }
}
