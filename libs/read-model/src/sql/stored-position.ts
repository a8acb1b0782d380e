import { type SqlValue } from './table.js';

/** Positions are 64-bit and unsigned, which no integer column holds in every database: decimal text, -1 before the first. */
export function positionText(position: bigint | null): string {
  return String(position ?? -1);
}

export function positionIn(text: SqlValue | undefined): bigint | null {
  const position = BigInt(String(text));
  return position < 0n ? null : position;
}
