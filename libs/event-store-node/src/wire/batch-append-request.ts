import { JSON_CONTENT, type ExpectedRevision, type ProposedEvent } from '../log/records.js';
import { bytesOfUuid, bytesOfUuidHalves } from '../log/uuid.js';
import { MalformedMessage, ProtobufReader } from './protobuf.js';

export interface BatchAppendOptions {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  /** Absolute, in milliseconds since 1970. */
  readonly deadlineMs: number | undefined;
}

/** One message of a batch append; several with one correlation id make up an append. */
export interface BatchAppendRequest {
  /** The encoded UUID message, given back as it came. */
  readonly correlationId: Buffer;
  readonly options: BatchAppendOptions | undefined;
  readonly events: readonly ProposedEvent[];
  readonly isFinal: boolean;
  /** What is wrong with the append, if anything: it must be answered, so it is not thrown. */
  readonly fault: string | undefined;
}

/** Decodes `event_store.client.streams.BatchAppendReq`. */
export function decodeBatchAppendRequest(message: Buffer): BatchAppendRequest {
  const reader = new ProtobufReader(message);
  const events: ProposedEvent[] = [];
  let correlationId: Buffer | undefined;
  let options: BatchAppendOptions | undefined;
  let isFinal = false;
  let fault: string | undefined;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    switch (field) {
      case 1:
        correlationId = reader.bytes();
        break;
      case 2:
        options = decodeOptions(reader.message());
        break;
      case 3: {
        const event = decodeProposedEvent(reader.message());
        if (typeof event === 'string') fault ??= event;
        else events.push(event);
        break;
      }
      case 4:
        isFinal = reader.varint() !== 0;
        break;
      default:
        reader.skip();
    }
  }
  if (correlationId === undefined) throw new MalformedMessage('A batch append has no correlation id.');
  return { correlationId, options, events, isFinal, fault };
}

function decodeOptions(reader: ProtobufReader): BatchAppendOptions {
  let stream = '';
  let expected: ExpectedRevision = 'any';
  let deadlineMs: number | undefined;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    switch (field) {
      case 1:
        stream = decodeStreamIdentifier(reader.message());
        break;
      case 2:
        expected = reader.varint();
        break;
      case 3:
        expected = 'noStream';
        reader.skip();
        break;
      case 4:
        expected = 'any';
        reader.skip();
        break;
      case 5:
        expected = 'streamExists';
        reader.skip();
        break;
      case 6:
        deadlineMs = decodeTime(reader.message());
        break;
      case 7:
        deadlineMs = Date.now() + decodeTime(reader.message()); // a Duration, which newer clients send
        break;
      default:
        reader.skip();
    }
  }
  return { stream, expected, deadlineMs };
}

/** A sentence instead of an event says what is missing. */
function decodeProposedEvent(reader: ProtobufReader): ProposedEvent | string {
  let id: Buffer | undefined;
  let type: string | undefined;
  let contentType: string | undefined;
  let data: Buffer = EMPTY;
  let metadata: Buffer = EMPTY;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    switch (field) {
      case 1:
        id = decodeUuid(reader.message());
        break;
      case 2: {
        const [key, value] = decodeMapEntry(reader.message());
        if (key === 'type') type = value;
        else if (key === 'content-type') contentType = value;
        break;
      }
      case 3:
        metadata = reader.bytes();
        break;
      case 4:
        data = reader.bytes();
        break;
      default:
        reader.skip();
    }
  }
  if (id === undefined) return 'An event has no id, or one that is not a UUID.';
  if (type === undefined) return 'An event lacks the required metadata property "type".';
  if (contentType === undefined) return 'An event lacks the required metadata property "content-type".';
  return { id, type, isJson: contentType === JSON_CONTENT, data, metadata };
}

const EMPTY = Buffer.alloc(0);

function decodeUuid(reader: ProtobufReader): Buffer | undefined {
  let id: Buffer | undefined;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) id = decodeUuidHalves(reader.message());
    else if (field === 2) id = uuidOrNothing(reader.text());
    else reader.skip();
  }
  return id;
}

function uuidOrNothing(text: string): Buffer | undefined {
  try {
    return bytesOfUuid(text);
  } catch {
    return undefined; // reported as the event's fault
  }
}

function decodeUuidHalves(reader: ProtobufReader): Buffer {
  let most = 0n;
  let least = 0n;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) most = reader.varint64();
    else if (field === 2) least = reader.varint64();
    else reader.skip();
  }
  return bytesOfUuidHalves(most, least);
}

function decodeStreamIdentifier(reader: ProtobufReader): string {
  let name = '';
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 3) name = reader.text();
    else reader.skip();
  }
  return name;
}

function decodeMapEntry(reader: ProtobufReader): [key: string, value: string] {
  let key = '';
  let value = '';
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) key = reader.text();
    else if (field === 2) value = reader.text();
    else reader.skip();
  }
  return [key, value];
}

/** A Timestamp or a Duration: they are laid out alike. */
function decodeTime(reader: ProtobufReader): number {
  let seconds = 0;
  let nanos = 0;
  for (let field = reader.nextField(); field !== 0; field = reader.nextField()) {
    if (field === 1) seconds = Number(BigInt.asIntN(64, reader.varint64()));
    else if (field === 2) nanos = Number(BigInt.asIntN(64, reader.varint64()));
    else reader.skip();
  }
  return seconds * 1000 + nanos / 1e6;
}
