import { expect, it } from '@jest/globals';
import { minPositionOf, originOf } from './request-headers.js';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

it('takes correlation id and trace over from the request', () => {
  expect(originOf({ 'x-correlation-id': 'wish-1', traceparent }, 'ops')).toEqual({
    correlationId: 'wish-1',
    actor: 'ops',
    traceparent,
  });
});

it.each(['', 'x'.repeat(129), 'a b', 'ü'])('replaces the correlation id %j', (given) => {
  const { correlationId } = originOf({ 'x-correlation-id': given, traceparent: 'rubbish' }, 'ops');
  expect(correlationId).toMatch(/^[0-9a-f-]{36}$/);
});

it('leaves out a trace that is none', () => {
  expect(originOf({ traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01` }, 'ops')).not.toHaveProperty(
    'traceparent',
  );
});

it('reads positions as far as the store counts', () => {
  expect(minPositionOf({})).toBeNull();
  expect(minPositionOf({ 'berth-min-position': '9223372036854775807' })).toBe(2n ** 63n - 1n);
  for (const text of ['', ' 1', '1 ', '0x1', '1e3', '9223372036854775808', '9'.repeat(40)]) {
    expect(() => minPositionOf({ 'berth-min-position': text })).toThrow(/decimal number/);
  }
});
