import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { EventLog } from '../log/event-log.js';
import type { ExpectedRevision, ProposedEvent } from '../log/records.js';
import { faultOfStreamName } from '../log/stream-names.js';
import type { BatchAppendRequest } from '../wire/batch-append-request.js';
import { encodeBatchAppendResponse, type BatchAppendAnswer } from '../wire/batch-append-response.js';
import { appendSize } from './append-size.js';
import type { LastingCall, OpenCalls } from './open-calls.js';
import { callError, messageOf, type CallError } from './statuses.js';

export type BatchAppendCall = ServerDuplexStream<BatchAppendRequest, Buffer>;

export interface AppendLimits {
  /** Data, metadata and twice the type's length, summed over the events of one append. */
  readonly appendBytesMax: number;
}

/** An append of which more messages are to come. */
interface OpenAppend {
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
export class BatchAppendSession implements LastingCall {
  /** Appends whose last message is still to come, by correlation id. */
  readonly #open = new Map<string, OpenAppend>();
  #closed = false;

  constructor(
    private readonly call: BatchAppendCall,
    private readonly log: EventLog,
    private readonly limits: AppendLimits,
    private readonly openCalls: OpenCalls,
  ) {
    openCalls.add(this);
    call.on('data', (request: BatchAppendRequest) => this.#accept(request));
    call.on('drain', () => call.resume());
    call.on('cancelled', () => this.#close());
    // Once the client has sent all: after the answers of this turn's group, which the end must not overtake.
    call.on('end', () => setImmediate(() => this.#end()));
  }

  /** Ends the call; what is still sent is dropped, and nothing more is answered. */
  fail(error: CallError): void {
    if (this.#closed) return;
    this.#close();
    if (!this.call.cancelled) this.call.emit('error', error);
  }

  #accept(request: BatchAppendRequest): void {
    if (this.#closed) return;
    const append = this.#appendOf(request);
    if (append === undefined) {
      this.fail(callError(status.INVALID_ARGUMENT, 'The first message of an append must carry its options.'));
      return;
    }
    if (append.answered) return;
    append.bytes += appendSize(request.events);
    const refusal = this.#refusalOf(append, request);
    if (refusal) this.#answer(append, refusal);
    else if (request.isFinal) this.#commit(append, request.events);
    else append.events.push(...request.events);
    if (!request.isFinal) this.#boundOpenAppends();
  }

  /** Undefined when a message belongs to no append and opens none. */
  #appendOf({ correlationId, options, isFinal }: BatchAppendRequest): OpenAppend | undefined {
    const key = correlationId.toString('latin1');
    const known = this.#open.get(key);
    if (known) {
      if (isFinal) this.#open.delete(key);
      return known;
    }
    if (options === undefined) return undefined;
    const append: OpenAppend = { ...options, correlationId, events: [], bytes: 0, answered: false, timer: undefined };
    if (!isFinal) {
      this.#open.set(key, append);
      this.#answerAtDeadline(append);
    }
    return append;
  }

  #refusalOf(append: OpenAppend, request: BatchAppendRequest): BatchAppendAnswer | undefined {
    const fault = request.fault ?? faultOfStreamName(append.stream);
    if (fault !== undefined) return { kind: 'bad-request', message: fault };
    const { appendBytesMax } = this.limits;
    if (append.bytes > appendBytesMax) return { kind: 'too-large', bytesMax: appendBytesMax };
    if (append.deadlineMs !== undefined && Date.now() > append.deadlineMs) return { kind: 'timeout' };
    return undefined;
  }

  #answerAtDeadline(append: OpenAppend): void {
    if (append.deadlineMs === undefined) return;
    const delayMs = Math.min(Math.max(append.deadlineMs - Date.now(), 0), TIMER_MS_MAX);
    append.timer = setTimeout(() => this.#answer(append, { kind: 'timeout' }), delayMs);
    append.timer.unref();
  }

  #commit(append: OpenAppend, lastEvents: readonly ProposedEvent[]): void {
    const events = append.events.length === 0 ? lastEvents : [...append.events, ...lastEvents];
    this.log.append({ stream: append.stream, expected: append.expected, events }, (settled) => {
      this.#answer(append, settled.ok ? settled.value : { kind: 'fault', message: messageOf(settled.error) });
    });
  }

  #answer(append: OpenAppend, answer: BatchAppendAnswer): void {
    if (append.answered) return;
    append.answered = true;
    append.events = [];
    clearTimeout(append.timer);
    if (this.#closed || this.call.cancelled) return;
    // A client that doesn't take its answers is not listened to either, or they would pile up.
    if (!this.call.write(encodeBatchAppendResponse(append, answer))) this.call.pause();
  }

  #boundOpenAppends(): void {
    let bytes = 0;
    for (const append of this.#open.values()) bytes += append.answered ? 0 : append.bytes;
    if (this.#open.size <= OPEN_APPENDS_MAX && bytes <= OPEN_BYTES_MAX) return;
    this.fail(callError(status.RESOURCE_EXHAUSTED, 'Too many unfinished appends.'));
  }

  #end(): void {
    if (this.#closed) return;
    this.#close();
    this.call.end();
  }

  #close(): void {
    this.#closed = true;
    this.openCalls.delete(this);
    for (const append of this.#open.values()) clearTimeout(append.timer);
    this.#open.clear();
  }
}
