import type { ExpectedRevision } from '../log/records.js';

/** The generated classes of Append, Delete and Tombstone state the expectation by the same accessors. */
interface StatesExpectation {
  hasRevision(): boolean;
  getRevision(): string;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
}

export function expectedRevisionOf(options: StatesExpectation): ExpectedRevision {
  if (options.hasRevision()) return Number(options.getRevision());
  if (options.hasNoStream()) return 'noStream';
  return options.hasStreamExists() ? 'streamExists' : 'any';
}

/** The name in a generated `StreamIdentifier`, which holds bytes. */
export function streamNameOf(identifier: { getStreamName_asU8(): Uint8Array } | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();
}
