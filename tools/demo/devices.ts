import { createHmac, randomUUID } from 'node:crypto';
import { type RegistrationEvent } from './edge-gateways.ts';

/** What every simulated device's key is derived from, so that a second run can speak for the devices of the first. */
const demoSecret = 'berth demo devices: no secret at all';
const tokenLifeS = 3600;

export interface Device {
  registrationId: string;
  /** Base64, 32 bytes. */
  key: string;
}

/** Devices `<run>-00001` to `<run>-<count>`. */
export function devicesOf(run: string, count: number): Device[] {
  const digits = Math.max(5, String(count).length);
  return Array.from({ length: count }, (_, index) => {
    const registrationId = `${run}-${String(index + 1).padStart(digits, '0')}`;
    return { registrationId, key: createHmac('sha256', demoSecret).update(registrationId).digest('base64') };
  });
}

/** The CloudEvent that an edge gateway publishes for a device that asks for its hub. */
export function registrationEvent({ registrationId, key }: Device, idScope: string): RegistrationEvent {
  const resource = `${idScope}/registrations/${registrationId}`;
  const expiry = Math.floor(Date.now() / 1000) + tokenLifeS;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`;
  return {
    specversion: '1.0',
    type: 'io.berth.registration.requested.v1',
    source: '/demo/edge-gateway',
    id: randomUUID(),
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: { registrationId, attestation: { type: 'symmetricKey', token }, payload: { model: 'demo' } },
  };
}
