import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

interface Registration {
  status: string;
  hub: string | null;
  reason: string | null;
  decision: { candidates: { hub: string; verdict: string; reason: string | null }[] };
}

const paris = { key: 'site', value: 'paris' };
const gold = { key: 'tier', value: 'gold' };
const attestation = { gateway: { sources: ['/gateways/one'] } };
let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-labels-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder });
});
afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

async function mutate(name: string, input: object): Promise<void> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code } } }`;
  const { [name]: payload } = await berth.graphql<Record<string, { userErrors: unknown[] }>>(query, { input });
  expect(payload!.userErrors).toEqual([]);
}

/** Waits until the registration is as wanted. */
async function registered(registrationId: string, isWanted: (registration: Registration) => boolean) {
  expect((await berth.post(registrationEvent(registrationId, { type: 'gateway' }))).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) {
    status hub reason decision { candidates { hub verdict reason } } } }`;
  return eventually(`the registration of ${registrationId}`, async () => {
    const { registration } = await berth.graphql<{ registration: Registration | null }>(query, { id: registrationId });
    return registration && isWanted(registration) ? registration : null;
  });
}

describe('labels that an enrollment requires', () => {
  it('choose among the hubs, and every hub without them says what it lacks', async () => {
    await mutate('hubLink', { name: 'hub-a' });
    await mutate('hubLink', { name: 'hub-b', labels: [paris] });
    await mutate('hubLink', { name: 'hub-c', labels: [paris, gold] });
    await mutate('enrollmentCreate', { registrationId: 'press-01', attestation, require: [gold, paris] });
    expect(await registered('press-01', ({ hub }) => hub !== null)).toMatchObject({
      status: 'ASSIGNED',
      hub: 'hub-c',
      decision: {
        candidates: [
          { hub: 'hub-a', verdict: 'lacksLabels', reason: 'the hub lacks the label site=paris, and 1 more' },
          { hub: 'hub-b', verdict: 'lacksLabels', reason: 'the hub lacks the label tier=gold' },
          { hub: 'hub-c', verdict: 'chosen', reason: null },
        ],
      },
    });
  });

  it('refuse a device that no hub has them for, and let it in once one does', async () => {
    const rome = { key: 'site', value: 'rome' };
    await mutate('enrollmentCreate', { registrationId: 'press-02', attestation, require: [rome] });
    const refused = await registered('press-02', () => true);
    expect(refused).toMatchObject({ status: 'FAILED', hub: null });
    expect(refused.reason).toContain('hub-b: the hub lacks the label site=rome');
    await mutate('hubUpdate', { name: 'hub-b', labels: [rome] });
    expect(await registered('press-02', ({ hub }) => hub !== null)).toMatchObject({ status: 'ASSIGNED', hub: 'hub-b' });
  });

  it('move a device as it registers again after they were changed', async () => {
    await mutate('enrollmentUpdate', { registrationId: 'press-01', require: [] });
    await mutate('enrollmentUpdate', { registrationId: 'press-01', require: [{ key: 'site', value: 'rome' }] });
    expect((await registered('press-01', ({ hub }) => hub === 'hub-b')).hub).toBe('hub-b');
  });
});
