import { describe, expect, it } from '@jest/globals';
import { type JSONRecordedEvent } from '@eventstore/db-client';
import { type BerthEvent, decode, encode } from './codec.js';
import { EventUnreadable } from './faults.js';
import { isLateAnswer } from './late-answers.js';

const metadata = { correlationId: 'c', actor: 'spec', at: '2026-01-01T00:00:00.000Z' };
const linked: BerthEvent = {
  type: 'HubLinked',
  v: 1,
  data: { name: 'hub-a', weight: 1, capacity: null, region: null, connection: null },
};

function stored(type: string, data: unknown): JSONRecordedEvent {
  const position = { commit: 7n, prepare: 7n };
  const created = new Date(0);
  return {
    streamId: 'hub-a',
    id: 'id',
    revision: 3n,
    type,
    isJson: true,
    data: data as JSONRecordedEvent['data'],
    metadata,
    created,
    position,
  };
}

describe('the codec', () => {
  it('reads back what it wrote', () => {
    const { type, data } = encode(linked, 'id', metadata);
    expect(decode(stored(type, JSON.parse(JSON.stringify(data))), 7n)).toMatchObject({
      event: linked,
      stream: 'hub-a',
      revision: 3,
      position: 7n,
      metadata,
    });
  });

  it.each([
    ['a type it does not know', 'HubPainted', { v: 1 }],
    ['a shape newer than its own', 'HubLinked', { v: 2 }],
    ['data without a shape', 'HubLinked', { name: 'hub-a' }],
    ['data that is no object', 'HubLinked', 'v'],
    ['the name of a prototype property', 'constructor', { v: 1 }],
  ])('stops at %s', (_what, type, data) => {
    expect(() => decode(stored(type, data), 7n)).toThrow(EventUnreadable);
  });
});

describe('the guard against late answers', () => {
  it('lets pass the one error that the client raises for them, and no other', () => {
    const late = new TypeError('undefined is not iterable (cannot read property Symbol(Symbol.iterator))');
    late.stack = `${late.stack}\n    at ClientDuplexStreamImpl.<anonymous> (…/appendToStream/batchAppend.js:20:35)`;
    expect(isLateAnswer(late)).toBe(true);
    expect(isLateAnswer(new TypeError('undefined is not iterable'))).toBe(false);
    expect(isLateAnswer(new Error('batchAppend.js'))).toBe(false);
  });
});
