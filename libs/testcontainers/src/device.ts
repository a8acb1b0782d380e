import { createHmac, randomUUID } from 'node:crypto';

/** The edge gateway that a test plays when it names none: what an enrollment given as a bare id trusts. */
export const defaultSource = '/testcontainers';

const tokenLifeS = 3600;

/** A device that asks for its hub, and how it proves who it is. */
export interface Device {
  registrationId: string;
  /** Base64, one of its enrollment's keys: it signs a token. Left out: the edge gateway vouches for it. */
  symmetricKey?: string;
  /** CloudEvents source of the edge gateway it comes through; default `/testcontainers`. */
  source?: string;
  /** What the device says about itself; any JSON. */
  payload?: unknown;
  /** Measured by the edge gateway, by name of hub. */
  hubLatencies?: Record<string, HubLatency>;
  region?: string;
}

export interface HubLatency {
  ms: number;
  samples?: number;
  ageMs?: number;
}

/** The CloudEvent of a registration, as an edge gateway publishes it: `registration-requested.v1.schema.json`. */
export interface RegistrationEvent {
  specversion: '1.0';
  type: 'io.berth.registration.requested.v1';
  /** Unique for each wish of a source. */
  id: string;
  source: string;
  data: { registrationId: string; [more: string]: unknown };
}

/** A new wish with every call. @param idScope of the Berth it asks: what a token names. */
export function registrationEvent(device: Device, idScope: string): RegistrationEvent {
  const { registrationId, symmetricKey, source = defaultSource, ...more } = device;
  const attestation = symmetricKey
    ? { type: 'symmetricKey', token: sasToken(`${idScope}/registrations/${registrationId}`, symmetricKey) }
    : { type: 'gateway' };
  return {
    specversion: '1.0',
    type: 'io.berth.registration.requested.v1',
    id: randomUUID(),
    source,
    data: { registrationId, attestation, ...more },
  };
}

/** A token as the device protocol of Azure's DPS defines it. */
function sasToken(resource: string, key: string): string {
  const expiry = Math.floor(Date.now() / 1000) + tokenLifeS;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`;
}
