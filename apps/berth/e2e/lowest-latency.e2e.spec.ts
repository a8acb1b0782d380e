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
    candidates: {
      hub: string;
      verdict: string;
      reason: string | null;
      score: string | null;
      latency: { ms: number; from: string } | null;
    }[];
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

async function registered(registrationId: string, said: object, source = '/gateways/one'): Promise<Registration> {
  await mutate('enrollmentCreate', { registrationId, attestation: { gateway: { sources: [source] } } });
  const { data, ...event } = registrationEvent(registrationId, { type: 'gateway' }, { source });
  expect((await berth.post({ ...event, data: { ...data, ...said } })).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) {
    hub decision { policy candidates { hub verdict reason score latency { ms from } } } } }`;
  return eventually(`the registration of ${registrationId}`, async () => {
    const { registration } = await berth.graphql<{ registration: Registration | null }>(query, { id: registrationId });
    return registration;
  });
}

describe('lowestLatency', () => {
  it('places a device by what its gateway measured, and says so', async () => {
    const latencies = { 'hub-east': { ms: 41.5, samples: 20, ageMs: 900 }, 'HUB-WEST': { ms: 12.4, samples: 3 } };
    expect(await registered('press-01', { hubLatencies: latencies })).toEqual({
      hub: 'hub-west',
      decision: {
        policy: 'LOWEST_LATENCY',
        candidates: [
          {
            hub: 'hub-east',
            verdict: 'farther',
            reason: 'the hub is 41.5 ms away, the nearest 12.4 ms',
            score: null,
            latency: { ms: 41.5, from: 'REGISTRATION' },
          },
          { hub: 'hub-mid', verdict: 'unscored', reason: 'no fresh latency is known', score: null, latency: null },
          {
            hub: 'hub-west',
            verdict: 'chosen',
            reason: null,
            score: '12.4 ms, turn 1/2',
            latency: { ms: 12.4, from: 'REGISTRATION' },
          },
        ],
      },
    });
  });

  it('does not believe what was measured long ago', async () => {
    const stale = { 'hub-west': { ms: 1, ageMs: 3_600_000 } };
    expect((await registered('press-02', { hubLatencies: stale })).hub).toBe('hub-east');
  });

  it('goes by what the gateway reported apart, and by the table of the region where that says nothing', async () => {
    const source = '/gateways/plänt 7?';
    const report = {
      ...registrationEvent('', {}, { source }),
      type: 'io.berth.latency.reported.v1',
      data: { hubLatencies: { 'hub-mid': { ms: 9, samples: 30 }, 'hub-east': { ms: 80, ageMs: 3_600_000 } } },
    };
    expect((await berth.post(report)).status).toBe(202);
    const latencies = [
      { hub: 'hub-east', ms: 70 },
      { hub: 'hub-mid', ms: 1000 },
      { hub: 'hub-west', ms: 60 },
    ];
    await mutate('regionLatenciesSet', { region: 'EU-West', latencies });
    // Any device's decision shows it once the allocator has the report, which is in another partition than most of them.
    let number = 0;
    const { decision, hub } = await eventually('a decision by the report', async () => {
      const decided = await registered(`line-${(number += 1)}`, { region: 'eu-west' }, source);
      return decided.hub === 'hub-mid' ? decided : null;
    });
    expect(hub).toBe('hub-mid');
    expect(decision.candidates.map((it) => [it.hub, it.verdict, it.latency])).toEqual([
      ['hub-east', 'farther', { ms: 70, from: 'REGION' }],
      ['hub-mid', 'chosen', { ms: 9, from: 'GATEWAY' }],
      ['hub-west', 'farther', { ms: 60, from: 'REGION' }],
    ]);
    const own = { hubLatencies: { 'hub-west': { ms: 5 } }, region: 'EU-WEST' };
    expect((await registered('press-03', own, source)).decision.candidates[2]).toMatchObject({
      verdict: 'chosen',
      latency: { ms: 5, from: 'REGISTRATION' },
    });
  });
});
