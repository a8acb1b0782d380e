import { type TablePart } from '@berth/domain';
import { createHash } from 'node:crypto';

/** A short print of what a snapshot would hold of a table. */
export function layoutOf(table: { parts(): Iterable<TablePart<unknown>> }): string {
  const hash = createHash('sha256');
  for (const { shared, records } of table.parts()) hash.update(JSON.stringify(shared)).update(records);
  return hash.digest('hex').slice(0, 16);
}
