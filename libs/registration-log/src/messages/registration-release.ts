import { registrationKey } from '@berth/domain';
import type { LogRecord } from '../registration-log.js';
import { cloudEventType, type RawCloudEvent } from './cloud-event.js';
import { compileSchema } from './event-schema.js';
import type { Refusal } from './refusal.js';

/** An operator's wish to release a device. */
export interface RegistrationRelease {
  /** The CloudEvent's id: the same wish again has the same. */
  requestId: string;
  /** As it was asked for; compare by `registrationKey`. */
  registrationId: string;
  /** Who asked: name of the API key, or `anonymous`. */
  actor: string;
  /**
   * Configuration that is in view when it is decided, and so for the messages behind it that the same allocator decides; absent:
   * whatever is. A decimal string.
   */
  minPosition?: string;
}

export const releaseRequestedType = 'io.berth.registration.release.requested.v1';
const controlSource = '/berth/control';

const fitsSchema = compileSchema('registration-release-requested.v1.schema.json');

export function releaseIn(event: RawCloudEvent): { ok: true; release: RegistrationRelease } | Refusal {
  const misfit = fitsSchema(event);
  if (misfit) return misfit;
  const { registrationId, actor } = event['data'] as Pick<RegistrationRelease, 'registrationId' | 'actor'>;
  const release: RegistrationRelease = { requestId: event['id'] as string, registrationId, actor };
  if (event['berthminposition'] !== undefined) release.minPosition = event['berthminposition'] as string;
  return { ok: true, release };
}

/** Builds the event, in structured mode. `at` is an RFC 3339 instant. */
export function releaseRecord(release: RegistrationRelease, at: string): LogRecord {
  const { requestId, registrationId, actor, minPosition } = release;
  const event = {
    specversion: '1.0',
    type: releaseRequestedType,
    source: controlSource,
    id: requestId,
    time: at,
    subject: registrationId,
    datacontenttype: 'application/json',
    berthminposition: minPosition,
    data: { registrationId, actor },
  };
  return {
    key: registrationKey(registrationId),
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': cloudEventType },
  };
}
