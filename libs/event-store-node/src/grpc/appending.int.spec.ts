import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jsonEvent, WrongExpectedVersionError } from '@eventstore/db-client';
import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import {
  collect,
  events,
  failureOf,
  freshStream,
  revisionsOf,
  startNodeUnderTest,
  type NodeUnderTest,
} from '../under-test/node-under-test.js';

const APPEND_BYTES_MAX = 64 * 1024;
/** Per-call credentials make the client use Append instead of BatchAppend. */
const classic = { credentials: { username: 'any', password: 'any' } };

let store: NodeUnderTest;

beforeAll(async () => {
  store = await startNodeUnderTest({ appendBytesMax: APPEND_BYTES_MAX });
});
afterAll(() => store.close());

describe.each([
  ['BatchAppend', {}],
  ['Append', classic],
])('detail 1, expected revision, over %s', (_call, how) => {
  it('no_stream, exact revision, any and stream_exists each let the right append through', async () => {
    const stream = freshStream();
    const append = (expectedRevision: 'no_stream' | 'any' | 'stream_exists' | bigint) =>
      store.client.appendToStream(stream, events(1), { ...how, expectedRevision });
    expect((await append('no_stream')).nextExpectedRevision).toBe(0n);
    expect((await append(0n)).nextExpectedRevision).toBe(1n);
    expect((await append('any')).nextExpectedRevision).toBe(2n);
    expect((await append('stream_exists')).nextExpectedRevision).toBe(3n);
  });

  it.each([
    ['no_stream', 'no_stream', 1n],
    [7n, 7n, 1n],
    [0n, 0n, 1n],
  ] as const)(
    'refuses %s on a stream at revision 1 and says where it is',
    async (expectedRevision, expected, actual) => {
      const stream = freshStream();
      await store.client.appendToStream(stream, events(2));
      const failure = await failureOf(store.client.appendToStream(stream, events(1), { ...how, expectedRevision }));
      expect(failure).toBeInstanceOf(WrongExpectedVersionError);
      expect(failure).toMatchObject({ streamName: stream, expectedVersion: expected, actualVersion: actual });
    },
  );

  it('refuses an exact revision and stream_exists on a missing stream', async () => {
    const stream = freshStream();
    for (const expectedRevision of [0n, 'stream_exists'] as const) {
      const failure = await failureOf(store.client.appendToStream(stream, events(1), { ...how, expectedRevision }));
      expect(failure).toMatchObject({ type: 'wrong-expected-version', actualVersion: 'no_stream' });
    }
  });

  it('takes a stream with metadata alone for existing, and answers StreamDeleted for a soft-deleted one', async () => {
    const stream = freshStream();
    await store.client.setStreamMetadata(stream, { maxAge: 100 });
    const expectation = { ...how, expectedRevision: 'stream_exists' as const };
    expect((await store.client.appendToStream(stream, events(1), expectation)).nextExpectedRevision).toBe(0n);
    await store.client.deleteStream(stream);
    const failure = await failureOf(store.client.appendToStream(stream, events(1), expectation));
    expect(failure).toMatchObject({ type: 'stream-deleted', streamName: stream });
  });
});

describe.each([
  ['BatchAppend', {}],
  ['Append', classic],
])('detail 2, idempotence, over %s', (_call, how) => {
  it('answers a repeated append at an exact revision with its first revision and position', async () => {
    const stream = freshStream();
    const first = events(3);
    const written = await store.client.appendToStream(stream, first, { ...how, expectedRevision: 'no_stream' });
    await store.client.appendToStream(stream, events(2), { ...how, expectedRevision: 2n });
    expect(await store.client.appendToStream(stream, first, { ...how, expectedRevision: 'no_stream' })).toEqual(
      written,
    );
    expect(revisionsOf(await collect(store.client.readStream(stream)))).toEqual([0, 1, 2, 3, 4]);
  });

  it('refuses a repetition that begins or goes on otherwise', async () => {
    const stream = freshStream();
    const [a, b] = events(2);
    if (!a || !b) throw new Error('Two events were made.');
    await store.client.appendToStream(stream, [a, b], { ...how, expectedRevision: 'no_stream' });
    for (const wrong of [
      [...events(1), b],
      [a, ...events(1)],
      [a, b, ...events(1)],
    ]) {
      const failure = await failureOf(
        store.client.appendToStream(stream, wrong, { ...how, expectedRevision: 'no_stream' }),
      );
      expect(failure).toMatchObject({ type: 'wrong-expected-version', actualVersion: 1n });
    }
  });

  it('knows recent ids for any: all of them is success, some is WrongExpectedVersion, another stream is new', async () => {
    const stream = freshStream();
    const first = events(2);
    const written = await store.client.appendToStream(stream, first, how);
    expect(await store.client.appendToStream(stream, first, how)).toEqual(written);
    const failure = await failureOf(store.client.appendToStream(stream, [...first, ...events(1)], how));
    expect(failure).toMatchObject({ type: 'wrong-expected-version' });
    expect((await store.client.appendToStream(freshStream(), first, how)).nextExpectedRevision).toBe(1n);
  });
});

/** BatchAppend without the client in between. */
class BareBatch {
  readonly call: ClientDuplexStream<BatchAppendReq, BatchAppendResp> = store.bare.batchAppend();
  readonly #answers: BatchAppendResp[] = [];
  #arrived: (() => void) | undefined;

  constructor() {
    this.call.on('data', (answer: BatchAppendResp) => {
      this.#answers.push(answer);
      this.#arrived?.();
    });
    this.call.on('error', () => this.#arrived?.());
  }

  async answer(): Promise<BatchAppendResp> {
    while (this.#answers.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
    const [answer] = this.#answers.splice(0, 1);
    if (!answer) throw new Error('There was no answer.');
    return answer;
  }

  get unread(): number {
    return this.#answers.length;
  }
}

interface Part {
  readonly id: string;
  readonly stream?: string;
  readonly deadlineMs?: number;
  readonly events?: readonly streamsPb.BatchAppendReq.ProposedMessage[];
  readonly isFinal: boolean;
}

function part({ id, stream, deadlineMs, events: proposed = [], isFinal }: Part): BatchAppendReq {
  const request = new streamsPb.BatchAppendReq();
  request.setCorrelationId(uuid(id));
  if (stream !== undefined) {
    const options = new streamsPb.BatchAppendReq.Options();
    options.setStreamIdentifier(identifier(stream));
    options.setAny(new emptyPb.Empty());
    if (deadlineMs !== undefined) options.setDeadline(timestampPb.Timestamp.fromDate(new Date(deadlineMs)));
    request.setOptions(options);
  }
  request.setProposedMessagesList([...proposed]);
  request.setIsFinal(isFinal);
  return request;
}

function proposed(type: string | undefined = 'Happened'): streamsPb.BatchAppendReq.ProposedMessage {
  const message = new streamsPb.BatchAppendReq.ProposedMessage();
  message.setId(uuid(randomUUID()));
  if (type) message.getMetadataMap().set('type', type);
  message.getMetadataMap().set('content-type', 'application/json');
  message.setData(Buffer.from('{}'));
  return message;
}

function uuid(text: string): sharedPb.UUID {
  const id = new sharedPb.UUID();
  id.setString(text);
  return id;
}

function identifier(stream: string): sharedPb.StreamIdentifier {
  const id = new sharedPb.StreamIdentifier();
  id.setStreamName(Buffer.from(stream));
  return id;
}

function errorTypeOf(answer: BatchAppendResp): string | undefined {
  return answer.getError()?.getDetails()?.getTypeName();
}

describe('detail 3, errors of BatchAppend', () => {
  it('carries one detail whose type names the error, and always the stream', async () => {
    const batch = new BareBatch();
    const tombstoned = freshStream();
    await store.client.tombstoneStream(tombstoned);
    const large = proposed();
    large.setData(Buffer.alloc(APPEND_BYTES_MAX + 1));
    const cases: [stream: string, event: streamsPb.BatchAppendReq.ProposedMessage, error: string][] = [
      [tombstoned, proposed(), 'event_store.client.StreamDeleted'],
      [freshStream(), large, 'event_store.client.MaximumAppendSizeExceeded'],
      [freshStream(), proposed(''), 'event_store.client.BadRequest'],
      ['', proposed(), 'event_store.client.BadRequest'],
    ];
    for (const [stream, event, error] of cases) {
      const id = randomUUID();
      batch.call.write(part({ id, stream, events: [event], isFinal: true }));
      const answer = await batch.answer();
      expect(errorTypeOf(answer)).toBe(error);
      expect(answer.getCorrelationId()?.getString()).toBe(id);
      expect(Buffer.from(answer.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(stream);
    }
    batch.call.end();
  });

  it('an unknown type of error would become UnknownError: ours for a bad request does', async () => {
    const failure = await failureOf(store.client.appendToStream('$all', events(1)));
    expect(failure).toMatchObject({ type: 'unknown' });
  });
});

describe('detail 4, requests of BatchAppend', () => {
  it('joins several messages with one correlation id, options alone in the first, in whatever interleaving', async () => {
    const batch = new BareBatch();
    const [one, two] = [randomUUID(), randomUUID()];
    const [first, second] = [freshStream(), freshStream()];
    batch.call.write(part({ id: one, stream: first, isFinal: false }));
    batch.call.write(part({ id: two, stream: second, events: [proposed()], isFinal: false }));
    batch.call.write(part({ id: one, events: [proposed(), proposed()], isFinal: false }));
    batch.call.write(part({ id: two, isFinal: true }));
    batch.call.write(part({ id: one, events: [proposed()], isFinal: true }));
    const answers = [await batch.answer(), await batch.answer()];
    const revisions = answers.map((answer) => [
      answer.getCorrelationId()?.getString(),
      answer.getSuccess()?.getCurrentRevision(),
    ]);
    expect(new Map(revisions as [string, string][])).toEqual(
      new Map([
        [one, '2'],
        [two, '0'],
      ]),
    );
    batch.call.end();
  });

  it('the client splits an append beyond its batch size, and it stays one append', async () => {
    const stream = freshStream();
    const written = await store.client.appendToStream(stream, events(100), { batchAppendSize: 1000 });
    expect(written.nextExpectedRevision).toBe(99n);
  });

  it('answers Timeout once the deadline has passed, once only, and writes nothing', async () => {
    const batch = new BareBatch();
    const stream = freshStream();
    const id = randomUUID();
    batch.call.write(part({ id, stream, deadlineMs: Date.now() + 30, events: [proposed()], isFinal: false }));
    const answer = await batch.answer();
    expect(errorTypeOf(answer)).toBe('event_store.client.Timeout');
    batch.call.write(part({ id, events: [proposed()], isFinal: true }));
    const late = randomUUID();
    batch.call.write(part({ id: late, stream, deadlineMs: Date.now() - 1, events: [proposed()], isFinal: true }));
    const lateAnswer = await batch.answer();
    expect(lateAnswer.getCorrelationId()?.getString()).toBe(late);
    expect(errorTypeOf(lateAnswer)).toBe('event_store.client.Timeout');
    expect(batch.unread).toBe(0);
    batch.call.end();
    expect(await failureOf(collect(store.client.readStream(stream)))).toMatchObject({ type: 'stream-not-found' });
  });

  it('the published client reports that answer as a deadline exceeded', async () => {
    const failure = await failureOf(store.client.appendToStream(freshStream(), events(1), { deadline: -1 }));
    expect(failure).toMatchObject({ type: 'deadline-exceeded' });
  });

  it('refuses a message that continues an append nobody began', async () => {
    const batch = new BareBatch();
    const failed = new Promise<{ code: number }>((resolve) => batch.call.on('error', resolve as () => void));
    batch.call.write(part({ id: randomUUID(), events: [proposed()], isFinal: true }));
    expect(await failed).toMatchObject({ code: 3 });
  });
});

describe('detail 5, a wrong expectation of Append', () => {
  it('is a normal message that says what was expected and what is there', async () => {
    const stream = freshStream();
    await store.client.appendToStream(stream, events(1));
    const options = new streamsPb.AppendReq.Options();
    options.setStreamIdentifier(identifier(stream));
    options.setRevision('5');
    const response = await new Promise<streamsPb.AppendResp>((resolve, reject) => {
      const call = store.bare.append((error, answer) => (answer ? resolve(answer) : reject(error)));
      const request = new streamsPb.AppendReq();
      request.setOptions(options);
      call.write(request);
      call.end();
    });
    expect(response.getWrongExpectedVersion()?.getExpectedRevision()).toBe('5');
    expect(response.getWrongExpectedVersion()?.getCurrentRevision()).toBe('0');
  });
});

describe('detail 6, trailers of a refused Append', () => {
  function append(stream: string, message: streamsPb.AppendReq.ProposedMessage): Promise<Metadata> {
    return new Promise((resolve, reject) => {
      const call = store.bare.append((error) =>
        error ? resolve(error.metadata) : reject(new Error('It was accepted.')),
      );
      const header = new streamsPb.AppendReq();
      const options = new streamsPb.AppendReq.Options();
      options.setStreamIdentifier(identifier(stream));
      options.setAny(new sharedPb.Empty());
      header.setOptions(options);
      const body = new streamsPb.AppendReq();
      body.setProposedMessage(message);
      call.write(header);
      call.write(body);
      call.end();
    });
  }

  function message(contentType: string | undefined, bytes = 2): streamsPb.AppendReq.ProposedMessage {
    const event = new streamsPb.AppendReq.ProposedMessage();
    event.setId(uuid(randomUUID()));
    event.getMetadataMap().set('type', 'Happened');
    if (contentType !== undefined) event.getMetadataMap().set('content-type', contentType);
    event.setData(Buffer.alloc(bytes));
    return event;
  }

  it('names the exception: too large, a missing property, a deleted stream', async () => {
    const tooLarge = await append(freshStream(), message('application/json', APPEND_BYTES_MAX + 1));
    expect(tooLarge.get('exception')).toEqual(['maximum-append-size-exceeded']);
    expect(tooLarge.get('maximum-append-size')).toEqual([String(APPEND_BYTES_MAX)]);
    const missing = await append(freshStream(), message(undefined));
    expect(missing.get('exception')).toEqual(['missing-required-metadata-property']);
    const gone = freshStream();
    await store.client.tombstoneStream(gone);
    const deleted = await append(gone, message('application/json'));
    expect(deleted.get('exception')).toEqual(['stream-deleted']);
    expect(deleted.get('stream-name')).toEqual([gone]);
  });
});

describe('detail 14, size limit and atomicity', () => {
  it('counts data, metadata and twice the length of the type', async () => {
    const type = 'T'.repeat(50);
    const sized = (bytes: number) => {
      const metadata = { m: 'x' };
      const overhead = JSON.stringify({ d: '' }).length + JSON.stringify(metadata).length + 2 * type.length;
      return jsonEvent({ type, data: { d: 'x'.repeat(bytes - overhead) }, metadata });
    };
    const stream = freshStream();
    await store.client.appendToStream(stream, sized(APPEND_BYTES_MAX));
    const failure = await failureOf(store.client.appendToStream(stream, sized(APPEND_BYTES_MAX + 1)));
    expect(failure).toMatchObject({ type: 'maximum-append-size-exceeded', maxAppendSize: APPEND_BYTES_MAX });
  });

  it('takes all events of an append or none', async () => {
    const stream = freshStream();
    const small = jsonEvent({ type: 'Small', data: {} });
    const large = jsonEvent({ type: 'Large', data: 'x'.repeat(APPEND_BYTES_MAX) });
    await failureOf(store.client.appendToStream(stream, [small, large]));
    expect(await failureOf(collect(store.client.readStream(stream)))).toMatchObject({ type: 'stream-not-found' });
  });

  it('an append of no events writes nothing and answers where the stream is', async () => {
    const stream = freshStream();
    await store.client.appendToStream(stream, events(3));
    expect((await store.client.appendToStream(stream, [], { expectedRevision: 2n })).nextExpectedRevision).toBe(2n);
  });
});
