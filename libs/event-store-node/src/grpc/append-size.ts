import type { ProposedEvent } from '../log/records.js';

/** What EventStoreDB counts against its limit: data, metadata and twice the type's length. */
export function appendSize(events: readonly ProposedEvent[]): number {
  let bytes = 0;
  for (const { type, data, metadata } of events) bytes += data.byteLength + metadata.byteLength + 2 * type.length;
  return bytes;
}
