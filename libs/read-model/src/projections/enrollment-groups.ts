import { type BerthEvent, type StoredEvent } from '@berth/event-store';
import { type EnrollmentGroupEvent, type GroupAttestation, registrationKey, unreachable } from '@berth/domain';
import { type EnrollmentGroupRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** Enrollment groups that exist. Keys, sealed or not, have no place here. */
export const enrollmentGroupsTable: Table<EnrollmentGroupRow> = {
  name: 'enrollment_groups',
  facets: [{ name: 'has_keys', type: 'integer', of: ({ attestation }) => Number(attestation.type === 'symmetricKey') }],
  indexes: [],
};

export const enrollmentGroups: Projection = {
  name: 'enrollmentGroups',
  version: 1,
  tables: [enrollmentGroupsTable],
  touched: (events) => {
    const keys = events.filter(isOfGroup).map(({ event }) => registrationKey(event.data.name));
    return keys.length === 0 ? [] : [{ table: enrollmentGroupsTable, keys }];
  },
  async apply(events, rows) {
    for (const stored of events.filter(isOfGroup)) {
      const key = registrationKey(stored.event.data.name);
      const after = evolve(rows.get(enrollmentGroupsTable, key), stored);
      if (after) rows.put(enrollmentGroupsTable, key, after);
      else rows.remove(enrollmentGroupsTable, key);
    }
  },
};

function evolve(row: EnrollmentGroupRow | null, stored: StoredEvent<EnrollmentGroupEvent>): EnrollmentGroupRow | null {
  const { event, revision: version, metadata, recordedAt } = stored;
  const at = metadata?.at ?? recordedAt.toISOString();
  if (event.type === 'EnrollmentGroupCreated') {
    const { idempotency: _, attestation, ...data } = event.data;
    return { ...data, attestation: shown(attestation), version, createdAt: at, updatedAt: at };
  }
  const changed = row && { ...row, version, updatedAt: at };
  switch (event.type) {
    case 'EnrollmentGroupTermsChanged':
      return changed && { ...changed, ...event.data.changed };
    case 'EnrollmentGroupAttestationReplaced':
      return changed && { ...changed, attestation: shown(event.data.attestation) };
    case 'EnrollmentGroupEnabled':
      return changed && { ...changed, enabled: true };
    case 'EnrollmentGroupDisabled':
      return changed && { ...changed, enabled: false };
    case 'EnrollmentGroupDeleted':
      return null;
    default:
      return unreachable(event);
  }
}

function shown(attestation: GroupAttestation): EnrollmentGroupRow['attestation'] {
  return attestation.type === 'symmetricKey' ? { type: attestation.type } : attestation;
}

/** Written out, so that a new event fails the build here. */
const types: Record<EnrollmentGroupEvent['type'], true> = {
  EnrollmentGroupCreated: true,
  EnrollmentGroupTermsChanged: true,
  EnrollmentGroupAttestationReplaced: true,
  EnrollmentGroupEnabled: true,
  EnrollmentGroupDisabled: true,
  EnrollmentGroupDeleted: true,
};

function isOfGroup(stored: StoredEvent<BerthEvent>): stored is StoredEvent<EnrollmentGroupEvent> {
  return Object.hasOwn(types, stored.event.type);
}
