import { isUtf8 } from 'node:buffer';
import { type Refusal, refusal } from './refusal.js';

/** The content type of an event in structured mode, as we send it. */
export const cloudEventType = 'application/cloudevents+json; charset=utf-8';

/** Most bytes of an event, in either mode. */
export const eventBytesMax = 256 * 1024;

/** An event's attributes and data as one object, as in the CloudEvents JSON format. Not checked yet. */
export type RawCloudEvent = Readonly<Record<string, unknown>>;

type Headers = Readonly<Record<string, string>>;

/**
 * Reads a CloudEvent from a message by the CloudEvents Kafka binding 1.0: structured mode when the content type says so, binary mode
 * when there are `ce_` headers. Data is JSON in both.
 */
export function readCloudEvent(value: Buffer, headers: Headers): { ok: true; event: RawCloudEvent } | Refusal {
  if (value.length > eventBytesMax) {
    return refusal(`the event takes ${value.length} bytes, at most ${eventBytesMax} are allowed`, []);
  }
  const contentType = headerOf(headers, 'content-type');
  const mediaType = mediaTypeOf(contentType);
  if (mediaType === 'application/cloudevents+json') return readStructured(value);
  if (mediaType?.startsWith('application/cloudevents')) {
    return refusal('must be application/cloudevents+json, or any JSON type with ce_ headers', ['content-type']);
  }
  if (headers['ce_specversion'] === undefined) {
    return refusal(
      'is no CloudEvent: neither content-type application/cloudevents+json nor the header ce_specversion',
      [],
    );
  }
  return readBinary(value, headers, contentType);
}

let lastContentType: string | undefined;
let lastMediaType: string | undefined;

/** The type without its parameters. Gateways send the same one over and over, so the last is kept. */
function mediaTypeOf(contentType: string | undefined): string | undefined {
  if (contentType !== lastContentType) {
    lastContentType = contentType;
    lastMediaType = contentType?.split(';', 1)[0]!.trim().toLowerCase();
  }
  return lastMediaType;
}

function readStructured(value: Buffer): { ok: true; event: RawCloudEvent } | Refusal {
  const event = parseJson(value);
  if (event === undefined) return refusal('must be JSON in UTF-8', []);
  if (!isRecord(event)) return refusal('must be a JSON object', []);
  const encoded = event['data_base64'];
  if (event['data'] !== undefined || encoded === undefined) return { ok: true, event };
  const data = typeof encoded === 'string' ? parseJson(Buffer.from(encoded, 'base64')) : undefined;
  if (data === undefined) return refusal('must be base64 of JSON', ['data_base64']);
  return { ok: true, event: { ...event, data } };
}

function readBinary(
  value: Buffer,
  headers: Headers,
  contentType: string | undefined,
): { ok: true; event: RawCloudEvent } | Refusal {
  const data = parseJson(value);
  if (data === undefined) return refusal('must be JSON in UTF-8', ['data']);
  const event: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(headers)) {
    if (name.startsWith('ce_')) event[name.slice(3)] = headers[name];
  }
  if (contentType !== undefined) event['datacontenttype'] = contentType;
  event['data'] = data;
  return { ok: true, event };
}

/** Kafka's header names keep their case, and not every client writes them in lower case. */
function headerOf(headers: Headers, name: string): string | undefined {
  if (Object.hasOwn(headers, name)) return headers[name];
  const found = Object.keys(headers).find((other) => other.toLowerCase() === name);
  return found === undefined ? undefined : headers[found];
}

function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
