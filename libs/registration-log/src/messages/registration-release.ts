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
}

export const releaseRequestedType = 'io.berth.registration.release.requested.v1';
const controlSource = '/berth/control';

const fitsSchema = compileSchema('registration-release-requested.v1.schema.json');

export function releaseIn(event: RawCloudEvent): { ok: true; release: RegistrationRelease } | Refusal {
  const misfit = fitsSchema(event);
  if (misfit) return misfit;
  const { registrationId, actor } = event['data'] as Pick<RegistrationRelease, 'registrationId' | 'actor'>;
  return { ok: true, release: { requestId: event['id'] as string, registrationId, actor } };
}

/** Builds the event, in structured mode. `at` is an RFC 3339 instant. */
export function releaseRecord({ requestId, registrationId, actor }: RegistrationRelease, at: string): LogRecord {
  const event = {
    specversion: '1.0',
    type: releaseRequestedType,
    source: controlSource,
    id: requestId,
    time: at,
    subject: registrationId,
    datacontenttype: 'application/json',
    data: { registrationId, actor },
  };
  return {
    key: registrationKey(registrationId),
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': cloudEventType },
  };
}
