import { describe, expect, it } from '@jest/globals';
import { CloudEvent } from 'cloudevents';
import { parseDeviceMessage } from './device-message.js';
import { releaseRecord } from './registration-release.js';
import { registrationRecord } from './registration-request.js';

const release = { requestId: 'key/1', registrationId: 'Press-01', actor: 'ops' };
const at = '2026-01-01T00:00:00.000Z';
const record = releaseRecord(release, at);
const changed = (change: object, key: string | null = record.key) => {
  const event = { ...(JSON.parse(record.value.toString()) as object), ...change };
  return { ...record, key, value: Buffer.from(JSON.stringify(event)) };
};

describe('a release on the topic', () => {
  it('is read as it was written, and is a CloudEvent by its own library', () => {
    expect(record.key).toBe('press-01');
    expect(parseDeviceMessage(record)).toEqual({ ok: true, release });
    expect(() => new CloudEvent(JSON.parse(record.value.toString())).validate()).not.toThrow();
  });

  it('may name the configuration that it wants in view', () => {
    const stamped = { ...release, minPosition: '1042' };
    expect(parseDeviceMessage(releaseRecord(stamped, at))).toEqual({ ok: true, release: stamped });
  });

  it('stands beside registrations, which are read as ever', () => {
    const wish = {
      requestId: 'w',
      source: '/gateways/one',
      registrationId: 'a',
      attestation: { type: 'gateway' },
    } as const;
    expect(parseDeviceMessage(registrationRecord(wish, at))).toEqual({ ok: true, request: wish });
  });

  it.each<[string, ReturnType<typeof changed>, string[], RegExp]>([
    ['another key', changed({}, 'press-02'), ['key'], /lower case/],
    ['no key', changed({}, null), ['key'], /lower case/],
    ['no data', changed({ data: undefined }), ['data'], /missing/],
    ['no device', changed({ data: { actor: 'ops' } }), ['data', 'registrationId'], /missing/],
    [
      'a bad id',
      changed({ data: { registrationId: 'a b', actor: 'ops' } }, 'a b'),
      ['data', 'registrationId'],
      /1 to 128/,
    ],
    ['nobody who asked', changed({ data: { registrationId: 'Press-01' } }), ['data', 'actor'], /missing/],
    [
      'a name too long',
      changed({ data: { registrationId: 'Press-01', actor: 'x'.repeat(129) } }),
      ['data', 'actor'],
      /128/,
    ],
    ['no position', changed({ berthminposition: 'soon' }), ['berthminposition'], /position/],
    ['no id', changed({ id: undefined }), ['id'], /missing/],
    ['another version', changed({ specversion: '0.3' }), ['specversion'], /1\.0/],
    ['the next type', changed({ type: 'io.berth.registration.release.requested.v2' }), ['type'], /requested\.v1/],
  ])('with %s is refused', (_, message, path, reason) => {
    expect(parseDeviceMessage(message)).toEqual({ ok: false, path, reason: expect.stringMatching(reason) });
  });
});
