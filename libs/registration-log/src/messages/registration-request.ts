import { type HubLatency, type Proof, registrationKey } from '@berth/domain';
import type { LogRecord } from '../registration-log.js';
import { cloudEventType, isRecord, type RawCloudEvent, readCloudEvent } from './cloud-event.js';
import { compileSchema } from './event-schema.js';
import { latenciesOf } from './hub-latencies.js';
import { type Refusal, refusal } from './refusal.js';

export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** A device's wish to be provisioned, checked in form but not in truth: nothing has been verified. */
export interface RegistrationRequest {
  /** The CloudEvent's id. */
  requestId: string;
  /** The CloudEvent's source: the gateway, as it calls itself. */
  source: string;
  /** In the device's own spelling; compare by `registrationKey`. */
  registrationId: string;
  attestation: Proof;
  /** Any JSON, at most `payloadBytesMax`. Names inside come from the device: never use them as keys of a plain object. */
  payload?: JsonValue;
  /** By hub name. An object without prototype, so that a hub called `constructor` is just a hub. */
  hubLatencies?: Record<string, HubLatency>;
  region?: string;
  /** A position of the configuration that the decision must have seen; decimal digits. */
  minPosition?: string;
}

export const registrationRequestedType = 'io.berth.registration.requested.v1';
export const payloadBytesMax = 96 * 1024;
export const payloadDepthMax = 32;

/** JSON of n bytes may grow when written again (1E20 does, fivefold), so only what is small for certain is not measured. */
const payloadSurelySmall = payloadBytesMax / 6;

const fitsSchema = compileSchema('registration-requested.v1.schema.json');

/**
 * Reads a registration event in structured or binary mode. Also refuses a key that is not `registrationKey`, because the key
 * chooses the partition, and a device in two partitions would have two ledgers. Never throws, whatever the bytes.
 */
export function parseRegistrationRequest(record: LogRecord): { ok: true; request: RegistrationRequest } | Refusal {
  const read = readCloudEvent(record.value, record.headers);
  const parsed = read.ok ? requestIn(read.event, record.value.length) : read;
  return parsed.ok ? (wrongKey(record, parsed.request) ?? parsed) : parsed;
}

/** What a record's key must be, whatever is wished for the device. */
export function wrongKey({ key }: LogRecord, { registrationId }: { registrationId: string }): Refusal | undefined {
  if (key === registrationKey(registrationId)) return undefined;
  return refusal('must be the registration id in lower case', ['key']);
}

/** @param bytes of the message, for what is small for certain needs not be measured. */
export function requestIn(event: RawCloudEvent, bytes: number): { ok: true; request: RegistrationRequest } | Refusal {
  const misfit = fitsSchema(event);
  if (misfit) return misfit;
  const data = event['data'] as Record<string, unknown>;
  const unfit = payloadMisfit(data['payload'], bytes);
  if (unfit) return refusal(unfit, ['data', 'payload']);
  return { ok: true, request: requestOf(event, data) };
}

/** Takes over the known fields only; the schema has vouched for their types. */
function requestOf(event: RawCloudEvent, data: Record<string, unknown>): RegistrationRequest {
  const request: RegistrationRequest = {
    requestId: event['id'] as string,
    source: event['source'] as string,
    registrationId: data['registrationId'] as string,
    attestation: attestationOf(data['attestation'] as Proof),
  };
  if (data['payload'] !== undefined) request.payload = data['payload'] as JsonValue;
  if (data['hubLatencies'] !== undefined) {
    request.hubLatencies = latenciesOf(data['hubLatencies'] as Record<string, HubLatency>);
  }
  if (data['region'] !== undefined) request.region = data['region'] as string;
  if (event['berthminposition'] !== undefined) request.minPosition = event['berthminposition'] as string;
  return request;
}

function attestationOf(presented: Proof): Proof {
  switch (presented.type) {
    case 'symmetricKey':
      return { type: 'symmetricKey', token: presented.token };
    case 'x509':
      return { type: 'x509', chain: presented.chain };
    case 'gateway':
      return { type: 'gateway' };
  }
}

function payloadMisfit(payload: unknown, messageBytes: number): string | undefined {
  if (payload === undefined) return undefined;
  if (!isWithinDepth(payload, payloadDepthMax)) return `must not be nested deeper than ${payloadDepthMax} levels`;
  if (messageBytes > payloadSurelySmall && Buffer.byteLength(JSON.stringify(payload)) > payloadBytesMax) {
    return `must not take more than ${payloadBytesMax} bytes as JSON`;
  }
  return undefined;
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isWithinDepth(item, levels - 1));
  return !isRecord(value) || Object.values(value).every((item) => isWithinDepth(item, levels - 1));
}

/** Builds the event a gateway of ours publishes, in structured mode. `at` is an RFC 3339 instant. */
export function registrationRecord(request: RegistrationRequest, at: string): LogRecord {
  const { requestId, source, registrationId, attestation, payload, hubLatencies, region, minPosition } = request;
  const event = {
    specversion: '1.0',
    type: registrationRequestedType,
    source,
    id: requestId,
    time: at,
    subject: registrationId,
    datacontenttype: 'application/json',
    berthminposition: minPosition,
    data: { registrationId, attestation, payload, hubLatencies, region },
  };
  return {
    key: registrationKey(registrationId),
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': cloudEventType },
  };
}
