import {
  cloudEventType,
  fromHttp,
  type LogRecord,
  parseUnplacedRequest,
  registrationKey,
} from '@berth/registration-log';

/** Most events of one batch. */
export const batchEventsMax = 1000;

/** An event that can go to the log. */
export interface ReadableEvent {
  index: number;
  /** The CloudEvent's id. */
  id: string;
  record: LogRecord;
}

/** Why an event can't. */
export interface UnreadableEvent {
  index: number;
  /** JSON Pointer (RFC 6901) into the event; empty for the event as a whole. */
  path: string;
  reason: string;
}

export type IntakeResult =
  | { kind: 'read'; readable: ReadableEvent[]; unreadable: UnreadableEvent[] }
  /** The request as a whole is of no use. */
  | { kind: 'refused'; status: 400 | 413 | 415; detail: string };

type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Reads a request to the intake: one CloudEvent in structured or binary mode, or a batch of structured ones.
 * @param minPosition stamped on every event as `berthminposition`, unless the event names a larger one; null stamps none.
 */
export function readIntake(headers: HttpHeaders, body: Buffer, minPosition: bigint | null): IntakeResult {
  const mediaType = String(headers['content-type'] ?? '')
    .split(';', 1)[0]!
    .trim()
    .toLowerCase();
  if (mediaType === 'application/cloudevents-batch+json') return readBatch(body, minPosition);
  if (mediaType !== 'application/cloudevents+json' && headers['ce-specversion'] === undefined) {
    return {
      kind: 'refused',
      status: 415,
      detail:
        'Send application/cloudevents+json, application/cloudevents-batch+json, or JSON data with ce- headers (CloudEvents binary mode)',
    };
  }
  const event = readEvent(0, fromHttp(headers, body), minPosition);
  return 'record' in event
    ? { kind: 'read', readable: [event], unreadable: [] }
    : { kind: 'read', readable: [], unreadable: [event] };
}

function readBatch(body: Buffer, minPosition: bigint | null): IntakeResult {
  let events: unknown;
  try {
    events = JSON.parse(body.toString('utf8'));
  } catch {
    return { kind: 'refused', status: 400, detail: 'The batch is not JSON' };
  }
  if (!Array.isArray(events)) return { kind: 'refused', status: 400, detail: 'A batch is a JSON array of CloudEvents' };
  if (events.length > batchEventsMax) {
    return {
      kind: 'refused',
      status: 413,
      detail: `A batch holds at most ${batchEventsMax} events, this one ${events.length}`,
    };
  }
  const readable: ReadableEvent[] = [];
  const unreadable: UnreadableEvent[] = [];
  for (const [index, event] of events.entries()) {
    const message = { value: Buffer.from(JSON.stringify(event)), headers: { 'content-type': cloudEventType } };
    const read = readEvent(index, message, minPosition);
    if ('record' in read) readable.push(read);
    else unreadable.push(read);
  }
  return { kind: 'read', readable, unreadable };
}

function readEvent(
  index: number,
  message: Pick<LogRecord, 'value' | 'headers'>,
  minPosition: bigint | null,
): ReadableEvent | UnreadableEvent {
  const parsed = parseUnplacedRequest(message);
  if (!parsed.ok) return { index, path: pointerTo(parsed.path), reason: parsed.reason };
  const { request } = parsed;
  const isStamped = minPosition === null || BigInt(request.minPosition ?? -1) >= minPosition;
  const stamped = isStamped ? message : withMinPosition(message, minPosition);
  return { index, id: request.requestId, record: { key: registrationKey(request.registrationId), ...stamped } };
}

/** The message with the attribute set: as a header in binary mode, in the event itself in structured mode. */
function withMinPosition(
  { value, headers }: Pick<LogRecord, 'value' | 'headers'>,
  minPosition: bigint,
): Pick<LogRecord, 'value' | 'headers'> {
  const berthminposition = String(minPosition);
  if (headers['ce_specversion'] !== undefined)
    return { value, headers: { ...headers, ce_berthminposition: berthminposition } };
  const event = JSON.parse(value.toString('utf8')) as object;
  return { value: Buffer.from(JSON.stringify({ ...event, berthminposition })), headers };
}

function pointerTo(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
