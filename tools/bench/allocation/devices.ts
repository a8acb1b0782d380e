// Devices with symmetric keys and their wishes. All of a device follows from its number, so that any process can make it.
import { registrationRecord, topics, type LogRecord, type RegistrationLog } from '@berth/registration-log';
import { createHash, createHmac } from 'node:crypto';

export const idScope = '0ne0BENCH';
export const madeAt = '2026-01-01T00:00:00.000Z';
const expiry = 4_000_000_000;
/** Wishes published at once. */
const atOnce = 2000;

/** Ids in an order that has nothing to do with the devices', as devices come. */
export function idOf(device: number): string {
  return `dev-${createHash('md5').update(String(device)).digest('hex').slice(0, 16)}`;
}

export function keyOf(device: number, which: 'primary' | 'secondary'): Buffer {
  return createHash('sha512').update(`${which} key of ${device}`).digest();
}

/** A device's wish, with a token signed by its primary key. @param request tells its wishes apart. */
export function wishOf(device: number, request = 0): LogRecord {
  const registrationId = idOf(device);
  const resource = `${idScope}/registrations/${registrationId}`;
  const signature = createHmac('sha256', keyOf(device, 'primary')).update(`${resource}\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&skn=registration&se=${expiry}`;
  const requestId = `${String(request).padStart(8, '0')}-${registrationId}`;
  const attestation = { type: 'symmetricKey' as const, token };
  return registrationRecord({ requestId, source: '/bench', registrationId, attestation }, madeAt);
}

/** Those of the devices numbered `from` to `to` - 1. */
export async function publishWishes(log: RegistrationLog, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += atOnce) {
    const records: LogRecord[] = [];
    for (let device = first; device < Math.min(to, first + atOnce); device += 1) records.push(wishOf(device));
    await log.publish(topics.registrations, records);
  }
}
