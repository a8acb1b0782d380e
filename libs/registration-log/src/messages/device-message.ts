import type { LogRecord } from '../registration-log.js';
import { readCloudEvent } from './cloud-event.js';
import type { Refusal } from './refusal.js';
import { type RegistrationRelease, releaseIn, releaseRequestedType } from './registration-release.js';
import { type RegistrationRequest, requestIn, wrongKey } from './registration-request.js';

/** What `berth.registrations` carries: a device's wish to be provisioned, or an operator's to release it. */
export type DeviceMessage = { ok: true; request: RegistrationRequest } | { ok: true; release: RegistrationRelease };

/** Reads a message of any kind. Never throws, whatever the bytes. */
export function parseDeviceMessage(record: LogRecord): DeviceMessage | Refusal {
  const read = readCloudEvent(record.value, record.headers);
  if (!read.ok) return read;
  const { event } = read;
  if (event['type'] === releaseRequestedType) {
    const parsed = releaseIn(event);
    return parsed.ok ? (wrongKey(record, parsed.release) ?? parsed) : parsed;
  }
  const parsed = requestIn(event, record.value.length);
  return parsed.ok ? (wrongKey(record, parsed.request) ?? parsed) : parsed;
}
