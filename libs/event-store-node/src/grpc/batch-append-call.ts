import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { EventLog } from '../log/event-log.js';
import type { ExpectedRevision, ProposedEvent } from '../log/records.js';
import { faultOfStreamName } from '../log/stream-names.js';
import type { BatchAppendRequest } from '../wire/batch-append-request.js';
import { encodeBatchAppendResponse, type BatchAppendAnswer } from '../wire/batch-append-response.js';
import { appendSize } from './append-size.js';
import { callError, messageOf } from './statuses.js';

export type BatchAppendCall = ServerDuplexStream<BatchAppendRequest, Buffer>;

export interface AppendLimits {
  /** Data, metadata and twice the type's length, summed over the events of one append. */
  readonly appendBytesMax: number;
}

/** An append of which more messages are to come. */
interface PartialAppend {
  readonly correlationId: Buffer;
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly deadlineMs: number | undefined;
  events: ProposedEvent[];
  bytes: number;
  /** Set once answered ahead of its last message; what still comes for it is dropped. */
  answered: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Far above what a client interleaves; guards against one that never finishes its appends. */
const OPEN_APPENDS_MAX = 1_000;
const OPEN_BYTES_MAX = 64 * 1024 * 1024;

const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Serves one BatchAppend call: any number of appends, each one or more messages with a correlation id, each answered exactly
 * once and in no promised order. The client has no timer of its own, so an append that can't be done by its deadline is
 * answered here.
 */
export function serveBatchAppend(call: BatchAppendCall, log: EventLog, { appendBytesMax }: AppendLimits): void {
  const open = new Map<string, PartialAppend>();

  const answer = (append: PartialAppend, outcome: BatchAppendAnswer): void => {
    if (append.answered) return;
    append.answered = true;
    append.events = [];
    clearTimeout(append.timer);
    if (call.cancelled || call.writableEnded || call.destroyed) return;
    // A client that doesn't take its answers is not listened to either, or they would pile up.
    if (!call.write(encodeBatchAppendResponse(append, outcome))) call.pause();
  };

  const begin = (request: BatchAppendRequest): PartialAppend | undefined => {
    const { options, correlationId } = request;
    if (options === undefined) return undefined;
    return { ...options, correlationId, events: [], bytes: 0, answered: false, timer: undefined };
  };

  const accept = (request: BatchAppendRequest): void => {
    const key = request.correlationId.toString('latin1');
    const append = open.get(key) ?? begin(request);
    if (append === undefined) {
      call.emit('error', callError(status.INVALID_ARGUMENT, 'The first message of an append must carry its options.'));
      return;
    }
    if (request.isFinal) open.delete(key);
    else if (!open.has(key)) {
      open.set(key, append);
      answerAtDeadline(append);
    }
    if (append.answered) return;
    append.bytes += appendSize(request.events);
    const refusal = refuse(append, request);
    if (refusal) answer(append, refusal);
    else if (request.isFinal) commit(append, request.events);
    else append.events.push(...request.events);
    if (!request.isFinal) limitOpen();
  };

  const limitOpen = (): void => {
    let bytes = 0;
    for (const append of open.values()) bytes += append.answered ? 0 : append.bytes;
    if (open.size <= OPEN_APPENDS_MAX && bytes <= OPEN_BYTES_MAX) return;
    call.emit('error', callError(status.RESOURCE_EXHAUSTED, 'Too many unfinished appends.'));
  };

  const answerAtDeadline = (append: PartialAppend): void => {
    if (append.deadlineMs === undefined) return;
    const delayMs = Math.min(Math.max(append.deadlineMs - Date.now(), 0), TIMER_MS_MAX);
    append.timer = setTimeout(() => answer(append, { kind: 'timeout' }), delayMs);
    append.timer.unref();
  };

  const refuse = (append: PartialAppend, request: BatchAppendRequest): BatchAppendAnswer | undefined => {
    const fault = request.fault ?? faultOfStreamName(append.stream);
    if (fault !== undefined) return { kind: 'bad-request', message: fault };
    if (append.bytes > appendBytesMax) return { kind: 'too-large', bytesMax: appendBytesMax };
    if (append.deadlineMs !== undefined && Date.now() > append.deadlineMs) return { kind: 'timeout' };
    return undefined;
  };

  const commit = (append: PartialAppend, last: readonly ProposedEvent[]): void => {
    const events = append.events.length === 0 ? last : [...append.events, ...last];
    log.append({ stream: append.stream, expected: append.expected, events }, (settled) => {
      answer(append, settled.ok ? settled.value : { kind: 'fault', message: messageOf(settled.error) });
    });
  };

  const forgetOpen = (): void => {
    for (const append of open.values()) clearTimeout(append.timer);
    open.clear();
  };

  call.on('data', accept);
  call.on('drain', () => call.resume());
  call.on('end', () => {
    forgetOpen();
    // Ends after the answers of this turn's group, which `end` must not overtake.
    setImmediate(() => call.end());
  });
  call.on('cancelled', forgetOpen);
  call.on('error', forgetOpen);
}
