import { type BerthEvent, type StoredEvent } from '@berth/event-store';
import { type Attestation, type EnrollmentEvent, registrationKey, unreachable } from '@berth/domain';
import { type EnrollmentRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Count, CountChanges } from './counts.js';
import { hubReferencesTable, refer } from './hub-references.js';
import { type Projection } from './projection.js';

/** Individual enrollments that exist. Keys, sealed or not, have no place here. */
export const enrollmentsTable: Table<EnrollmentRow> = {
  name: 'enrollments',
  facets: [{ name: 'enabled', type: 'integer', of: ({ enabled }) => Number(enabled) }],
  indexes: [{ name: 'enrollments_by_enabled', columns: ['enabled', 'key'] }],
};

interface EnrollmentCount extends Count {
  enabled: boolean;
}
export const enrollmentCountsTable: Table<EnrollmentCount> = {
  name: 'enrollment_counts',
  facets: [
    { name: 'enabled', type: 'integer', of: ({ enabled }) => Number(enabled) },
    { name: 'n', type: 'integer', of: ({ n }) => n },
  ],
  indexes: [],
};

export const enrollments: Projection = {
  name: 'enrollments',
  version: 3,
  tables: [enrollmentsTable, enrollmentCountsTable, hubReferencesTable],
  touched: (events) => {
    const keys = events.filter(isOfEnrollment).map(({ event }) => registrationKey(event.data.registrationId));
    if (keys.length === 0) return [];
    return [
      { table: enrollmentsTable, keys },
      { table: enrollmentCountsTable, keys: ['true', 'false'] },
    ];
  },
  async apply(events, rows) {
    const counts = new CountChanges<EnrollmentCount>();
    for (const stored of events.filter(isOfEnrollment)) {
      const key = registrationKey(stored.event.data.registrationId);
      const before = rows.get(enrollmentsTable, key);
      const after = evolve(before, stored);
      await refer(rows, before, after);
      if (before) counts.add(String(before.enabled), { enabled: before.enabled }, -1);
      if (after) {
        counts.add(String(after.enabled), { enabled: after.enabled }, 1);
        rows.put(enrollmentsTable, key, after);
      } else {
        rows.remove(enrollmentsTable, key);
      }
    }
    await counts.store(enrollmentCountsTable, rows);
  },
};

function evolve(row: EnrollmentRow | null, stored: StoredEvent<EnrollmentEvent>): EnrollmentRow | null {
  const { event, revision: version, metadata, recordedAt } = stored;
  const at = metadata?.at ?? recordedAt.toISOString();
  switch (event.type) {
    case 'EnrollmentCreated': {
      const { idempotency: _, attestation, ...data } = event.data;
      return { ...data, attestation: shown(attestation), version, createdAt: at, updatedAt: at };
    }
    case 'EnrollmentTermsChanged':
      return row && { ...row, ...event.data.changed, version, updatedAt: at };
    case 'EnrollmentAttestationReplaced':
      return row && { ...row, attestation: shown(event.data.attestation), version, updatedAt: at };
    case 'EnrollmentEnabled':
      return row && { ...row, enabled: true, version, updatedAt: at };
    case 'EnrollmentDisabled':
      return row && { ...row, enabled: false, version, updatedAt: at };
    case 'EnrollmentDeleted':
      return null;
    default:
      return unreachable(event);
  }
}

function shown(attestation: Attestation): EnrollmentRow['attestation'] {
  return attestation.type === 'symmetricKey' ? { type: attestation.type } : attestation;
}

/** Written out, so that a new event fails the build here. */
const types: Record<EnrollmentEvent['type'], true> = {
  EnrollmentCreated: true,
  EnrollmentTermsChanged: true,
  EnrollmentAttestationReplaced: true,
  EnrollmentEnabled: true,
  EnrollmentDisabled: true,
  EnrollmentDeleted: true,
};

function isOfEnrollment(stored: StoredEvent<BerthEvent>): stored is StoredEvent<EnrollmentEvent> {
  return Object.hasOwn(types, stored.event.type);
}
