import { registrationKey } from '@berth/domain';
import { isUtf8 } from 'node:buffer';
import { cloudEventType, eventBytesMax, fromHttp, type LogRecord, parseGatewayMessage } from '@berth/registration-log';

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

/** To whoever sends something else. */
export const contentTypeWanted =
  'Send application/cloudevents+json, application/cloudevents-batch+json, or JSON data with ce- headers (CloudEvents binary mode)';

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
      detail: contentTypeWanted,
    };
  }
  if (body.length > eventBytesMax) {
    return {
      kind: 'refused',
      status: 413,
      detail: `An event takes at most ${eventBytesMax} bytes, this one ${body.length}`,
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
    events = isUtf8(body) ? JSON.parse(body.toString('utf8')) : undefined;
  } catch {
    events = undefined;
  }
  if (events === undefined) return { kind: 'refused', status: 400, detail: 'The batch is not JSON in UTF-8' };
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
    const value = written(event);
    const read = value
      ? readEvent(index, { value, headers: { 'content-type': cloudEventType } }, minPosition)
      : tooDeep(index);
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
  const parsed = parseGatewayMessage(message);
  if (!parsed.ok) return { index, path: pointerTo(parsed.path), reason: parsed.reason };
  if ('report' in parsed)
    return { index, id: parsed.report.reportId, record: { key: parsed.report.source, ...message } };
  const { request } = parsed;
  const isStamped = minPosition === null || BigInt(request.minPosition ?? -1) >= minPosition;
  const stamped = isStamped ? message : withMinPosition(message, minPosition);
  if (!stamped) return tooDeep(index);
  if (stamped.value.length > eventBytesMax) {
    // What is acknowledged must not be refused by the allocator for what we added.
    return { index, path: '', reason: `with its berthminposition the event takes more than ${eventBytesMax} bytes` };
  }
  return { index, id: request.requestId, record: { key: registrationKey(request.registrationId), ...stamped } };
}

/** The message with the attribute set: as a header in binary mode, in the event itself in structured mode. */
function withMinPosition(
  { value, headers }: Pick<LogRecord, 'value' | 'headers'>,
  minPosition: bigint,
): Pick<LogRecord, 'value' | 'headers'> | undefined {
  const berthminposition = String(minPosition);
  if (headers['ce_specversion'] !== undefined)
    return { value, headers: { ...headers, ce_berthminposition: berthminposition } };
  const event = JSON.parse(value.toString('utf8')) as object;
  const stamped = written({ ...event, berthminposition });
  return stamped && { value: stamped, headers };
}

/** JSON of a value that came as JSON; undefined when it is nested deeper than can be written again (reading has no such limit). */
function written(value: unknown): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return undefined;
  }
}

function tooDeep(index: number): UnreadableEvent {
  return { index, path: '', reason: 'is nested too deeply' };
}

function pointerTo(path: readonly string[]): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
