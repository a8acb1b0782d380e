import { type Origin } from '@berth/control';
import { type IncomingHttpHeaders } from 'node:http';
import { randomUUID } from 'node:crypto';
import { badInput } from '../bad-input.js';

const traceparentShape = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const correlationIdShape = /^[\x21-\x7e]{1,128}$/;
/** Positions are 64-bit and signed in the store. */
const positionMax = 2n ** 63n - 1n;

/** Who asks and by which request; ids that aren't in the usual shape are replaced, never refused. */
export function originOf(headers: IncomingHttpHeaders, actor: string): Origin {
  const { traceparent, 'x-correlation-id': given } = headers;
  const correlationId = typeof given === 'string' && correlationIdShape.test(given) ? given : randomUUID();
  const isTraced = typeof traceparent === 'string' && traceparentShape.test(traceparent);
  return { correlationId, actor, ...(isTraced && { traceparent }) };
}

/** @throws GraphQLError BAD_USER_INPUT for what is no position. */
export function minPositionOf(headers: IncomingHttpHeaders): bigint | null {
  const text = headers['berth-min-position'];
  if (text === undefined) return null;
  const position = typeof text === 'string' && /^\d{1,19}$/.test(text) ? BigInt(text) : null;
  if (position === null || position > positionMax) {
    throw badInput("The header berth-min-position wants a mutation's `position`: a decimal number.");
  }
  return position;
}
