import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import { startNodeUnderTest, type NodeUnderTest } from '../under-test/node-under-test.js';
import { collect, events, failureOf, freshStream } from '../under-test/speaking.js';

const APPEND_BYTES_MAX = 64 * 1024;
let store: NodeUnderTest;

beforeAll(async () => {
  store = await startNodeUnderTest({ appendBytesMax: APPEND_BYTES_MAX });
});
afterAll(() => store.close());

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
