import { type BerthEvent, type StoredEvent } from '@berth/event-store';
import { evolveImport, type ImportEvent, noImport, registrationKey } from '@berth/domain';
import { type OperationRow } from '../read-model.js';
import { type Table } from '../sql/table.js';
import { type Projection } from './projection.js';

/** Operations that were ever begun. */
export const operationsTable: Table<OperationRow> = { name: 'operations', facets: [], indexes: [] };

export const operations: Projection = {
  name: 'operations',
  version: 1,
  tables: [operationsTable],
  touched: (events) => {
    const keys = events.filter(isOfImport).map(({ event }) => registrationKey(event.data.name));
    return keys.length === 0 ? [] : [{ table: operationsTable, keys }];
  },
  async apply(events, rows) {
    for (const stored of events.filter(isOfImport)) {
      const key = registrationKey(stored.event.data.name);
      rows.put(operationsTable, key, evolve(rows.get(operationsTable, key), stored));
    }
  },
};

function evolve(before: OperationRow | null, stored: StoredEvent<ImportEvent>): OperationRow {
  const { event, revision: version, metadata, recordedAt } = stored;
  const at = metadata?.at ?? recordedAt.toISOString();
  const state = evolveImport(noImport, event);
  if (state.status === 'none') throw new Error('An import that has begun has a status');
  const { lastRow: _, ...told } = state;
  const startedBy = before?.startedBy ?? metadata?.actor ?? '';
  return { ...told, startedBy, version, createdAt: before?.createdAt ?? at, updatedAt: at };
}

/** Written out, so that a new event fails the build here. */
const types: Record<ImportEvent['type'], true> = {
  ImportBegun: true,
  ImportResumed: true,
  ImportAdvanced: true,
  ImportInterrupted: true,
  ImportCompleted: true,
};

function isOfImport(stored: StoredEvent<BerthEvent>): stored is StoredEvent<ImportEvent> {
  return Object.hasOwn(types, stored.event.type);
}
