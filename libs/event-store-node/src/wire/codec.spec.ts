import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { NO_REVISION, TOMBSTONE_REVISION, type ExpectedRevision } from '../log/records.js';
import { bytesOfUuid, textOfUuid } from '../log/uuid.js';
import { decodeBatchAppendRequest } from './batch-append-request.js';
import { encodeBatchAppendResponse, type BatchAppendAnswer } from './batch-append-response.js';
import { MalformedMessage } from './protobuf.js';
import { encodeReadEvent } from './read-response.js';

/* The hand-written codec is held against the generated classes: what one writes the other must read. */

const uuid = fc.uuid();
const bytes = fc.uint8Array({ maxLength: 300 });
const position = fc.maxSafeNat();
const name = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => text.isWellFormed());
const expectedRevision = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom<ExpectedRevision>('any', 'noStream', 'streamExists'),
);

describe('BatchAppendReq', () => {
  const event = fc.record({
    id: uuid,
    structured: fc.boolean(),
    type: name,
    isJson: fc.boolean(),
    data: bytes,
    metadata: bytes,
  });

  it('is read as the generated class writes it', () => {
    const request = fc.record({
      correlationId: uuid,
      stream: name,
      expected: expectedRevision,
      deadlineMs: fc.option(fc.nat({ max: 4e12 }), { nil: undefined }),
      events: fc.array(event, { maxLength: 5 }),
      isFinal: fc.boolean(),
    });
    fc.assert(
      fc.property(request, ({ correlationId, stream, expected, deadlineMs, events, isFinal }) => {
        const message = new streamsPb.BatchAppendReq();
        message.setCorrelationId(textUuid(correlationId));
        message.setOptions(optionsOf(stream, expected, deadlineMs));
        message.setProposedMessagesList(events.map(proposedOf));
        message.setIsFinal(isFinal);
        const decoded = decodeBatchAppendRequest(Buffer.from(message.serializeBinary()));
        expect(sharedPb.UUID.deserializeBinary(decoded.correlationId).getString()).toBe(correlationId);
        expect(decoded.options).toEqual({ stream, expected, deadlineMs });
        expect(decoded.isFinal).toBe(isFinal);
        expect(decoded.fault).toBeUndefined();
        expect(decoded.events.map((read) => ({ ...read, id: textOfUuid(read.id) }))).toEqual(
          events.map(({ id, type, isJson, data, metadata }) => ({
            id,
            type,
            isJson,
            data: Buffer.from(data),
            metadata: Buffer.from(metadata),
          })),
        );
      }),
    );
  });

  it('any cut of a message is refused or read, and nothing else happens', () => {
    const message = new streamsPb.BatchAppendReq();
    message.setCorrelationId(textUuid('00000000-0000-4000-8000-000000000000'));
    message.setOptions(optionsOf('stream', 5, 1000));
    message.setProposedMessagesList([
      proposedOf({
        id: '00000000-0000-4000-8000-000000000001',
        structured: true,
        type: 'T',
        isJson: true,
        data: Buffer.from('{}'),
        metadata: Buffer.from('{}'),
      }),
    ]);
    const whole = Buffer.from(message.serializeBinary());
    for (let length = 0; length < whole.length; length += 1) {
      try {
        decodeBatchAppendRequest(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedMessage);
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decodeBatchAppendRequest(Buffer.from(noise));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage);
        }
      }),
    );
  });

  function textUuid(text: string): sharedPb.UUID {
    const id = new sharedPb.UUID();
    id.setString(text);
    return id;
  }

  function optionsOf(stream: string, expected: ExpectedRevision, deadlineMs: number | undefined) {
    const identifier = new sharedPb.StreamIdentifier();
    identifier.setStreamName(Buffer.from(stream));
    const options = new streamsPb.BatchAppendReq.Options();
    options.setStreamIdentifier(identifier);
    if (expected === 'any') options.setAny(new emptyPb.Empty());
    else if (expected === 'noStream') options.setNoStream(new emptyPb.Empty());
    else if (expected === 'streamExists') options.setStreamExists(new emptyPb.Empty());
    else options.setStreamPosition(String(expected));
    if (deadlineMs !== undefined) options.setDeadline(timestampPb.Timestamp.fromDate(new Date(deadlineMs)));
    return options;
  }

  type Proposed = typeof event extends fc.Arbitrary<infer E> ? E : never;

  function proposedOf({ id, structured, type, isJson, data, metadata }: Proposed) {
    const message = new streamsPb.BatchAppendReq.ProposedMessage();
    message.setId(structured ? halvesOf(id) : textUuid(id));
    message.getMetadataMap().set('type', type);
    message.getMetadataMap().set('content-type', isJson ? 'application/json' : 'application/octet-stream');
    message.setData(data);
    message.setCustomMetadata(metadata);
    return message;
  }

  function halvesOf(text: string): sharedPb.UUID {
    const halves = new sharedPb.UUID.Structured();
    halves.setMostSignificantBits(String(bytesOfUuid(text).readBigInt64BE(0)));
    halves.setLeastSignificantBits(String(bytesOfUuid(text).readBigInt64BE(8)));
    const id = new sharedPb.UUID();
    id.setStructured(halves);
    return id;
  }
});

describe('ReadResp', () => {
  const sent = fc.record({
    header: fc.record({
      position,
      stream: name,
      revision: fc.oneof(fc.maxSafeNat(), fc.constant(TOMBSTONE_REVISION)),
      type: name,
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      createdMs: fc.nat({ max: 4e12 }),
      isJson: fc.boolean(),
    }),
    body: fc.record({ data: bytes, metadata: bytes }),
  });

  it('is written as the generated class reads it', () => {
    const form = fc.constantFrom('string' as const, 'structured' as const);
    const link = fc.option(sent, { nil: undefined });
    fc.assert(
      fc.property(sent, link, form, (event, via, uuids) => {
        const response = streamsPb.ReadResp.deserializeBinary(encodeReadEvent(event, via, uuids)).getEvent();
        expect(response?.getCommitPosition()).toBe(String((via ?? event).header.position));
        expect(response?.hasLink()).toBe(via !== undefined);
        const { header, body } = event;
        const read = response?.getEvent();
        const revision = header.revision === TOMBSTONE_REVISION ? '9223372036854775807' : String(header.revision);
        expect(read?.getStreamRevision()).toBe(revision);
        expect(Buffer.from(read?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(header.stream);
        expect(read?.getCommitPosition()).toBe(String(header.position));
        expect(read?.getPreparePosition()).toBe(String(header.position));
        expect(Object.fromEntries(read?.getMetadataMap().toObject() ?? [])).toEqual({
          type: header.type,
          'content-type': header.isJson ? 'application/json' : 'application/octet-stream',
          created: `${header.createdMs}0000`,
        });
        expect(Buffer.from(read?.getData_asU8() ?? [])).toEqual(Buffer.from(body.data));
        expect(Buffer.from(read?.getCustomMetadata_asU8() ?? [])).toEqual(Buffer.from(body.metadata));
        const most = read?.getId()?.getStructured()?.getMostSignificantBits();
        if (uuids === 'string') expect(read?.getId()?.getString()).toBe(textOfUuid(header.id));
        else expect(most).toBe(String(Buffer.from(header.id).readBigInt64BE(0)));
      }),
    );
  });
});

describe('BatchAppendResp', () => {
  const answers: readonly BatchAppendAnswer[] = [
    { kind: 'written', revision: 7, position: 640 },
    { kind: 'written', revision: NO_REVISION, position: undefined },
    { kind: 'wrong-expected-revision', current: 3 },
    { kind: 'wrong-expected-revision', current: NO_REVISION },
    { kind: 'stream-deleted' },
    { kind: 'too-large', bytesMax: 1024 },
    { kind: 'timeout' },
    { kind: 'bad-request', message: 'no' },
    { kind: 'fault', message: 'disk full' },
  ];

  it.each(answers)('$kind is written as the generated class reads it', (answer) => {
    fc.assert(
      fc.property(uuid, name, expectedRevision, (id, stream, expected) => {
        const correlation = new sharedPb.UUID();
        correlation.setString(id);
        const append = { correlationId: correlation.serializeBinary(), stream, expected };
        const read = streamsPb.BatchAppendResp.deserializeBinary(encodeBatchAppendResponse(append, answer));
        expect(read.getCorrelationId()?.getString()).toBe(id);
        expect(Buffer.from(read.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()).toBe(stream);
        expect(read.hasSuccess()).toBe(answer.kind === 'written');
        expect(read.hasError()).toBe(answer.kind !== 'written');
        if (typeof expected === 'number') expect(read.getStreamPosition()).toBe(String(expected));
        if (answer.kind === 'written' && answer.position !== undefined) {
          expect(read.getSuccess()?.getPosition()?.getCommitPosition()).toBe(String(answer.position));
        }
      }),
    );
  });
});
