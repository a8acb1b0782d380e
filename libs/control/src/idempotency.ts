import { canonicalJson, type Idempotency } from '@berth/domain';
import { type MasterKey } from '@berth/secrets';

export const idempotencyKeyLengthMax = 255;

export type IdempotencyRejection = { kind: 'invalidIdempotencyKey'; max: number };

export function faultInIdempotencyKey(idempotency: Idempotency | null): IdempotencyRejection | null {
  const isFit = !idempotency || (idempotency.key !== '' && idempotency.key.length <= idempotencyKeyLengthMax);
  return isFit ? null : { kind: 'invalidIdempotencyKey', max: idempotencyKeyLengthMax };
}

/**
 * What a wish is recognised by. The input is hashed with the master key, for it may hold a symmetric key in the clear.
 * @param recorded of the record that is there already: given back when it is of this wish, by whichever master key of the ring.
 */
export function idempotencyOf(
  { idempotencyKey: key, ...input }: { idempotencyKey: string | null },
  masterKey: MasterKey,
  recorded: Idempotency | null,
): Idempotency | null {
  if (key === null) return null;
  const text = canonicalJson(input);
  if (recorded?.key === key && masterKey.isFingerprint(recorded.inputHash, text)) return recorded;
  return { key, inputHash: masterKey.fingerprint(text) };
}
