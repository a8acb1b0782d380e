import { hubKey, registrationKey } from '@berth/domain';
import { type EnrollmentRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type WorkingRows } from './working-rows.js';

interface HubReference {
  registrationId: string;
}

/** Which enrollments name a hub, by hub and registration id. A hub's name holds no `/`. */
export const hubReferencesTable: Table<HubReference> = { name: 'hub_references', facets: [], indexes: [] };

/** What all keys of a hub's references start with. */
export function referencePrefix(hub: string): string {
  return `${hubKey(hub)}/`;
}

/** Keeps the references in step with an enrollment that was `before` and is `after`; null where there is none. */
export async function refer(
  rows: WorkingRows,
  before: EnrollmentRow | null,
  after: EnrollmentRow | null,
): Promise<void> {
  const left = keysOf(before);
  const named = keysOf(after);
  if (left.size === 0 && named.size === 0) return;
  await rows.load(hubReferencesTable, [...left.keys(), ...named.keys()]);
  for (const key of left.keys()) if (!named.has(key)) rows.remove(hubReferencesTable, key);
  for (const [key, reference] of named) if (!left.has(key)) rows.put(hubReferencesTable, key, reference);
}

function keysOf(enrollment: EnrollmentRow | null): Map<string, HubReference> {
  if (!enrollment) return new Map();
  const { registrationId, hubs } = enrollment;
  return new Map(hubs.map((hub) => [referencePrefix(hub) + registrationKey(registrationId), { registrationId }]));
}
