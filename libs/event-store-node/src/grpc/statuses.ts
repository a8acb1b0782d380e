import { Metadata, status } from '@grpc/grpc-js';
import type { Refusal } from '../log/event-writer.js';
import { NO_REVISION, type ExpectedRevision } from '../log/records.js';

/** An error a handler answers with. */
export interface CallError {
  readonly name: string;
  readonly message: string;
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

export function callError(code: status, details: string, trailers: Record<string, string | Buffer> = {}): CallError {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return { name: 'CallError', message: details, code, details, metadata };
}

export function invalidArgument(details: string): CallError {
  return callError(status.INVALID_ARGUMENT, details);
}

/** The client knows the error by the trailer `exception`. */
export function streamDeleted(stream: string): CallError {
  return callError(status.FAILED_PRECONDITION, `Event stream '${trailerText(stream)}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': trailerText(stream),
  });
}

export function refused(refusal: Refusal, stream: string, expected: ExpectedRevision): CallError {
  if (refusal.kind === 'stream-deleted') return streamDeleted(stream);
  const details =
    `Append failed due to WrongExpectedVersion. Stream: ${trailerText(stream)}, ` +
    `Expected version: ${numberOf(expected)}, Actual version: ${refusal.current}`;
  return callError(status.FAILED_PRECONDITION, details, {
    exception: 'wrong-expected-version',
    'stream-name': trailerText(stream),
    'expected-version': String(numberOf(expected)),
    // Left out for a missing stream: the client then says "no_stream".
    ...(refusal.current === NO_REVISION ? {} : { 'actual-version': String(refusal.current) }),
  });
}

export function appendTooLarge(bytesMax: number): CallError {
  return callError(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytesMax} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(bytesMax),
  });
}

export function missingMetadataProperty(details: string): CallError {
  return callError(status.INVALID_ARGUMENT, details, {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  });
}

export function stopping(): CallError {
  return callError(status.UNAVAILABLE, 'The node is stopping.');
}

/** A fault of ours, such as a full disk. Whoever asked may retry: nothing of the request was kept. */
export function faulted(error: unknown): CallError {
  return callError(status.UNKNOWN, messageOf(error));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const NUMBER_OF = { noStream: -1, any: -2, streamExists: -4 } as const;

function numberOf(expected: ExpectedRevision): number {
  return typeof expected === 'number' ? expected : NUMBER_OF[expected];
}

/** HTTP/2 header values are ASCII; a real server percent-encodes what is not. */
function trailerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}
