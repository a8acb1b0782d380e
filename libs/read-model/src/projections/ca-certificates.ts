import { type BerthEvent, type StoredEvent } from '@berth/event-store';
import { type CaCertificateEvent, registrationKey, unreachable } from '@berth/domain';
import { type CaCertificateRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** CA certificates that are uploaded. */
export const caCertificatesTable: Table<CaCertificateRow> = { name: 'ca_certificates', facets: [], indexes: [] };

export const caCertificates: Projection = {
  name: 'caCertificates',
  version: 1,
  tables: [caCertificatesTable],
  touched: (events) => {
    const keys = events.filter(isOfCaCertificate).map(({ event }) => registrationKey(event.data.name));
    return keys.length === 0 ? [] : [{ table: caCertificatesTable, keys }];
  },
  async apply(events, rows) {
    for (const stored of events.filter(isOfCaCertificate)) {
      const key = registrationKey(stored.event.data.name);
      const after = evolve(rows.get(caCertificatesTable, key), stored);
      if (after) rows.put(caCertificatesTable, key, after);
      else rows.remove(caCertificatesTable, key);
    }
  },
};

function evolve(row: CaCertificateRow | null, stored: StoredEvent<CaCertificateEvent>): CaCertificateRow | null {
  const { event, revision: version, metadata, recordedAt } = stored;
  const at = metadata?.at ?? recordedAt.toISOString();
  if (event.type === 'CaCertificateUploaded') {
    return { ...event.data, verificationCode: null, version, createdAt: at, updatedAt: at };
  }
  const changed = row && { ...row, version, updatedAt: at };
  switch (event.type) {
    case 'CaCertificateVerificationBegun':
      return changed && { ...changed, verificationCode: event.data.code };
    case 'CaCertificateVerified':
      return changed && { ...changed, verified: true, verificationCode: null };
    case 'CaCertificateDeleted':
      return null;
    default:
      return unreachable(event);
  }
}

/** Written out, so that a new event fails the build here. */
const types: Record<CaCertificateEvent['type'], true> = {
  CaCertificateUploaded: true,
  CaCertificateVerificationBegun: true,
  CaCertificateVerified: true,
  CaCertificateDeleted: true,
};

function isOfCaCertificate(stored: StoredEvent<BerthEvent>): stored is StoredEvent<CaCertificateEvent> {
  return Object.hasOwn(types, stored.event.type);
}
