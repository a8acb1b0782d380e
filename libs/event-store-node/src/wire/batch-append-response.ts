import { NO_REVISION, type ExpectedRevision } from '../log/records.js';
import type { WriteOutcome } from '../log/event-writer.js';
import { fieldSize, ProtobufWriter, varintSize } from './protobuf.js';

/** How one append of a batch call ended. */
export type BatchAppendAnswer =
  | WriteOutcome
  | { readonly kind: 'too-large'; readonly bytesMax: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'bad-request'; readonly message: string }
  | { readonly kind: 'fault'; readonly message: string };

export interface AnsweredAppend {
  readonly correlationId: Uint8Array;
  /** Present in every response: the client looks at it without asking. */
  readonly stream: string;
  readonly expected: ExpectedRevision;
}

/** Encodes `event_store.client.streams.BatchAppendResp`. */
export function encodeBatchAppendResponse(append: AnsweredAppend, answer: BatchAppendAnswer): Buffer {
  return Buffer.concat([
    bytesField(1, append.correlationId),
    answer.kind === 'written'
      ? bytesField(3, encodeSuccess(answer.revision, answer.position))
      : bytesField(2, encodeStatus(answer, append)),
    bytesField(4, bytesField(3, Buffer.from(append.stream))),
    encodeExpected(append.expected, { revision: 5, noStream: 6, any: 7, streamExists: 8 }),
  ]);
}

function encodeSuccess(revision: number, position: number | undefined): Buffer {
  return Buffer.concat([
    revision === NO_REVISION ? bytesField(2, NOTHING) : varintField(1, revision),
    position === undefined
      ? bytesField(4, NOTHING)
      : bytesField(3, Buffer.concat([varintField(1, position), varintField(2, position)])),
  ]);
}

type Failure = Exclude<BatchAppendAnswer, { kind: 'written' }>;

/** `google.rpc.Status` with one detail, by whose type the client knows the error. */
function encodeStatus(failure: Failure, append: AnsweredAppend): Buffer {
  const [code, type, detail, message] = describeFailure(failure, append);
  const any = [bytesField(1, Buffer.from(`type.googleapis.com/event_store.client.${type}`)), bytesField(2, detail)];
  return Buffer.concat([
    varintField(1, code),
    bytesField(2, Buffer.from(message ?? type)),
    bytesField(3, Buffer.concat(any)),
  ]);
}

function describeFailure(
  failure: Failure,
  { stream, expected }: AnsweredAppend,
): [code: number, type: string, detail: Buffer, message?: string] {
  switch (failure.kind) {
    case 'wrong-expected-revision':
      return [
        FAILED_PRECONDITION,
        'WrongExpectedVersion',
        Buffer.concat([
          failure.current === NO_REVISION ? bytesField(2, NOTHING) : varintField(1, failure.current),
          encodeExpected(expected, { revision: 3, any: 4, streamExists: 5, noStream: 6 }),
        ]),
      ];
    case 'stream-deleted':
      return [FAILED_PRECONDITION, 'StreamDeleted', bytesField(1, bytesField(3, Buffer.from(stream)))];
    case 'too-large':
      return [INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', varintField(1, failure.bytesMax)];
    case 'timeout':
      return [DEADLINE_EXCEEDED, 'Timeout', NOTHING];
    case 'bad-request':
      return [INVALID_ARGUMENT, 'BadRequest', bytesField(1, Buffer.from(failure.message)), failure.message];
    case 'fault':
      return [UNKNOWN, 'Unknown', NOTHING, failure.message];
  }
}

const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const FAILED_PRECONDITION = 9;
const NOTHING = Buffer.alloc(0);

interface ExpectedFields {
  readonly revision: number;
  readonly noStream: number;
  readonly any: number;
  readonly streamExists: number;
}

function encodeExpected(expected: ExpectedRevision, fields: ExpectedFields): Buffer {
  return typeof expected === 'number' ? varintField(fields.revision, expected) : bytesField(fields[expected], NOTHING);
}

function varintField(field: number, value: number): Buffer {
  const writer = new ProtobufWriter(1 + varintSize(value));
  writer.varintField(field, value);
  return writer.buffer;
}

function bytesField(field: number, bytes: Uint8Array): Buffer {
  const writer = new ProtobufWriter(fieldSize(bytes.byteLength));
  writer.bytesField(field, bytes);
  return writer.buffer;
}
