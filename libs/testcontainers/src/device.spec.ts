import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { type Device, registrationEvent } from './device.js';

const file = '../../registration-log/schemas/registration-requested.v1.schema.json';
const schema = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as object;
const isValid = new Ajv({ strict: false, discriminator: true }).compile(schema);
const key = Buffer.alloc(32, 1).toString('base64');

describe("a device's wish", () => {
  it.each<[string, Device]>([
    ['that its edge gateway vouches for', { registrationId: 'press-01' }],
    ['signed with its key', { registrationId: 'press-01', symmetricKey: key, payload: { model: 'm1' } }],
    [
      'with latencies',
      { registrationId: 'press-01', hubLatencies: { 'hub-a': { ms: 12.4, samples: 20 } }, region: 'eu' },
    ],
  ])('%s is an event of the contract', (_what, device) => {
    isValid(registrationEvent(device, '0ne0012ABCD'));
    expect(isValid.errors).toBeNull();
  });

  it('is a new one with every call', () => {
    const ids = [1, 2].map(() => registrationEvent({ registrationId: 'press-01' }, '0ne').id);
    expect(new Set(ids).size).toBe(2);
  });

  it('keeps the key to itself', () => {
    const event = registrationEvent({ registrationId: 'press-01', symmetricKey: key }, '0ne0012ABCD');
    expect(JSON.stringify(event)).not.toContain(key);
    expect(event.data['attestation']).toMatchObject({
      token: expect.stringMatching(
        /^SharedAccessSignature sr=0ne0012ABCD\/registrations\/press-01&sig=\S+&skn=registration&se=\d+$/,
      ),
    });
  });
});
