import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-release-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder });
});

afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

const release = async (input: object) =>
  (
    await berth.graphql<{ registrationRelease: { position: string } }>(
      `mutation ($input: RegistrationReleaseInput!) {
         registrationRelease(input: $input) { releasedFrom userErrors { code field } position } }`,
      { input },
    )
  ).registrationRelease;

const shown = (position?: string) =>
  berth.graphql<{ registration: { hub: string; substatus: string } | null; hubLoads: { devices: number }[] }>(
    '{ registration(registrationId: "press-01") { hub substatus } hubLoads { devices } }',
    {},
    position === undefined ? {} : { 'berth-min-position': position },
  );

const register = () => berth.post(registrationEvent('press-01', { type: 'gateway' }));

it('a device is registered, released by GraphQL, and registered anew', async () => {
  await berth.graphql('mutation { hubLink(input: { name: "hub-a" }) { position } }');
  await berth.graphql(`mutation { enrollmentCreate(input: { registrationId: "press-01",
    attestation: { gateway: { sources: ["/gateways/one"] } } }) { position } }`);
  expect(await release({ registrationId: 'press-01' })).toMatchObject({
    releasedFrom: null,
    userErrors: [{ code: 'REGISTRATION_NOT_FOUND', field: ['input', 'registrationId'] }],
  });

  await register();
  await eventually('the registration', async () => (await shown()).registration?.hub);

  const released = await release({ registrationId: 'Press-01', idempotencyKey: 'maintenance 7' });
  expect(released).toEqual({ releasedFrom: 'hub-a', userErrors: [], position: expect.stringMatching(/^\d+$/) });
  expect(await shown(released.position)).toEqual({ registration: null, hubLoads: [{ devices: 0 }] });
  expect(await release({ registrationId: 'press-01', idempotencyKey: 'maintenance 7' })).toMatchObject({
    releasedFrom: 'hub-a',
    userErrors: [],
  });

  await register();
  const again = await eventually('the new registration', async () => {
    const { registration, hubLoads } = await shown();
    return registration && { registration, hubLoads };
  });
  expect(again).toEqual({
    registration: { hub: 'hub-a', substatus: 'initialAssignment' },
    hubLoads: [{ devices: 1 }],
  });
});
