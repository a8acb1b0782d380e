/**
 * Positions look like a real server's: byte offsets in a log, never dense. Every one is a multiple of this number, so that a
 * position a client made up by adding one is refused here as it would be there, instead of working by luck.
 */
export const POSITION_GRAIN = 64;

/** Above zero, so that a subscription *after* position zero sees the first event. */
export const FIRST_POSITION = 2 * POSITION_GRAIN;

const RECORD_OVERHEAD_BYTES = 96;

/** Where the record after one at `position` goes. */
export function positionAfter(position: number, type: string, dataBytes: number, metadataBytes: number): number {
  const recordBytes = RECORD_OVERHEAD_BYTES + 2 * type.length + dataBytes + metadataBytes;
  return position + Math.ceil(recordBytes / POSITION_GRAIN) * POSITION_GRAIN;
}

export function isRecordBoundary(position: number): boolean {
  return position % POSITION_GRAIN === 0;
}
