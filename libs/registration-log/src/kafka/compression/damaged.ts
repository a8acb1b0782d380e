/** Compressed bytes that don't say what they should, or would grow beyond what is allowed. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
}

/** A read beyond the end of a buffer as the damage it shows; anything else as it is. */
export function damageOf(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const isBeyond = code === 'ERR_OUT_OF_RANGE' || code === 'ERR_BUFFER_OUT_OF_BOUNDS';
  return isBeyond ? new Damaged('it ends too early', { cause: error }) : error;
}
