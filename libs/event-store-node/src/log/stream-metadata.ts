import { TRUNCATE_ALL } from './records.js';

/** The part of a stream's metadata the node obeys. */
export interface StreamLimits {
  /** First revision that may be read; {@link TRUNCATE_ALL} when the stream is soft-deleted. */
  readonly truncateBefore: number;
  readonly maxCount: number | null;
  readonly maxAgeS: number | null;
}

export const NO_LIMITS: StreamLimits = { truncateBefore: 0, maxCount: null, maxAgeS: null };

/** 2^63-1, the real server's "before everything there will ever be". */
const SOFT_DELETED_JSON = '{"$tb":9223372036854775807}';

export function softDeletedMetadata(): Buffer {
  return Buffer.from(SOFT_DELETED_JSON);
}

/** Reads the newest event of a metadata stream. What is no JSON object, or no whole positive number, limits nothing. */
export function limitsOf(metadata: Uint8Array): StreamLimits {
  const fields = parseObject(metadata);
  return {
    truncateBefore: Math.min(wholeNumber(fields['$tb'], 0) ?? 0, TRUNCATE_ALL),
    maxCount: wholeNumber(fields['$maxCount'], 1),
    maxAgeS: wholeNumber(fields['$maxAge'], 1),
  };
}

/** The same metadata with reading to begin at `revision`: how an append brings back a soft-deleted stream. */
export function metadataBeginningAt(metadata: Uint8Array, revision: number): Buffer {
  return Buffer.from(JSON.stringify({ ...parseObject(metadata), $tb: revision }));
}

function parseObject(json: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {}; // a client may write anything there; a real server too takes it for "no limits"
  }
}

function wholeNumber(value: unknown, least: number): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= least ? value : null;
}
