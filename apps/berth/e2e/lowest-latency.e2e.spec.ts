import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

interface Registration {
  hub: string;
  decision: {
    policy: string;
    candidates: { hub: string; verdict: string; reason: string | null; score: string | null }[];
  };
}

let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-latency-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder });
  for (const name of ['hub-east', 'hub-mid', 'hub-west']) await mutate('hubLink', { name });
  await mutate('allocationPolicySet', { policy: 'LOWEST_LATENCY' });
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

async function registered(registrationId: string, hubLatencies: object): Promise<Registration> {
  await mutate('enrollmentCreate', { registrationId, attestation: { gateway: { sources: ['/gateways/one'] } } });
  const { data, ...event } = registrationEvent(registrationId, { type: 'gateway' });
  expect((await berth.post({ ...event, data: { ...data, hubLatencies } })).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) {
    hub decision { policy candidates { hub verdict reason score } } } }`;
  return eventually(`the registration of ${registrationId}`, async () => {
    const { registration } = await berth.graphql<{ registration: Registration | null }>(query, { id: registrationId });
    return registration;
  });
}

describe('lowestLatency', () => {
  it('places a device by what its gateway measured, and says so', async () => {
    const latencies = { 'hub-east': { ms: 41.5, samples: 20, ageMs: 900 }, 'HUB-WEST': { ms: 12.4, samples: 3 } };
    expect(await registered('press-01', latencies)).toEqual({
      hub: 'hub-west',
      decision: {
        policy: 'LOWEST_LATENCY',
        candidates: [
          { hub: 'hub-east', verdict: 'farther', reason: 'the hub is 41.5 ms away, the nearest 12.4 ms', score: null },
          { hub: 'hub-mid', verdict: 'unscored', reason: 'no fresh latency is known', score: null },
          { hub: 'hub-west', verdict: 'chosen', reason: null, score: '12.4 ms, turn 1/2' },
        ],
      },
    });
  });

  it('does not believe what was measured long ago', async () => {
    const stale = { 'hub-west': { ms: 1, ageMs: 3_600_000 } };
    expect((await registered('press-02', stale)).hub).toBe('hub-east');
  });
});
