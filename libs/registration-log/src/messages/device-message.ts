import type { LogRecord } from '../registration-log.js';
import { readCloudEvent } from './cloud-event.js';
import { latencyReportedType, type LatencyReport, reportIn, wrongSource } from './latency-report.js';
import type { Refusal } from './refusal.js';
import { type RegistrationRelease, releaseIn, releaseRequestedType } from './registration-release.js';
import { type RegistrationRequest, requestIn, wrongKey } from './registration-request.js';

/** What gateways send: a device's wish to be provisioned, or what they know of hubs' latencies. */
export type GatewayMessage = { ok: true; request: RegistrationRequest } | { ok: true; report: LatencyReport };

/** What `berth.registrations` carries: that, or an operator's wish to release a device. */
export type DeviceMessage = GatewayMessage | { ok: true; release: RegistrationRelease };

/** Reads a message of any kind. Never throws, whatever the bytes. */
export function parseDeviceMessage(record: LogRecord): DeviceMessage | Refusal {
  const read = readCloudEvent(record.value, record.headers);
  if (!read.ok) return read;
  const { event } = read;
  if (event['type'] === releaseRequestedType) {
    const parsed = releaseIn(event);
    return parsed.ok ? (wrongKey(record, parsed.release) ?? parsed) : parsed;
  }
  if (event['type'] === latencyReportedType) {
    const parsed = reportIn(event);
    return parsed.ok ? (wrongSource(record, parsed.report) ?? parsed) : parsed;
  }
  const parsed = requestIn(event, record.value.length);
  return parsed.ok ? (wrongKey(record, parsed.request) ?? parsed) : parsed;
}

/** Reads what a gateway sends, without a look at the key: for intakes, which choose it themselves. Never throws, whatever the bytes. */
export function parseGatewayMessage({
  value,
  headers,
}: Pick<LogRecord, 'value' | 'headers'>): GatewayMessage | Refusal {
  const read = readCloudEvent(value, headers);
  if (!read.ok) return read;
  const { event } = read;
  return event['type'] === latencyReportedType ? reportIn(event) : requestIn(event, value.length);
}
