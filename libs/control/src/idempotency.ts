import { type Idempotency } from '@berth/domain';

export const idempotencyKeyLengthMax = 255;

export type IdempotencyRejection = { kind: 'invalidIdempotencyKey'; max: number };

export function faultInIdempotencyKey(idempotency: Idempotency | null): IdempotencyRejection | null {
  const isFit = !idempotency || (idempotency.key !== '' && idempotency.key.length <= idempotencyKeyLengthMax);
  return isFit ? null : { kind: 'invalidIdempotencyKey', max: idempotencyKeyLengthMax };
}
