import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrationEvent, symmetricKeyProof } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

const idScope = '0ne00ABCDEF';
const key = randomBytes(32).toString('base64');

interface Payload {
  userErrors: { code: string; field: string[] | null; message: string }[];
  position: string | null;
}
interface Registration {
  registrationId: string;
  status: string;
  substatus: string | null;
  hub: string | null;
  deviceId: string | null;
  decision: {
    reason: string | null;
    chosen: string | null;
    candidates: { hub: string; verdict: string; score: string | null }[];
  };
}

let dataFolder: string;
let berth: RunningBerth;

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-'));
  berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope });
});

afterAll(async () => {
  await berth?.end('SIGTERM');
  await rm(dataFolder, { recursive: true, force: true });
});

async function mutate(name: string, inputType: string, input: object): Promise<Payload> {
  const query = `mutation ($input: ${inputType}!) { ${name}(input: $input) { userErrors { code field message } position } }`;
  return (await berth.graphql<Record<string, Payload>>(query, { input }))[name] as Payload;
}

const registrationQuery = `query ($id: String!) { registration(registrationId: $id) {
  registrationId status substatus hub deviceId decision { reason chosen candidates { hub verdict score } } } }`;

async function registration(id: string): Promise<Registration | null> {
  return (await berth.graphql<{ registration: Registration | null }>(registrationQuery, { id })).registration;
}

describe('the first path', () => {
  it('leads from two hubs, a policy, an enrollment and a CloudEvent to a hub', async () => {
    expect(await mutate('hubLink', 'HubLinkInput', { name: 'hub-a' })).toMatchObject({ userErrors: [] });
    expect(await mutate('hubLink', 'HubLinkInput', { name: 'hub-b' })).toMatchObject({ userErrors: [] });
    expect(
      await mutate('allocationPolicySet', 'AllocationPolicySetInput', { policy: 'EVENLY_WEIGHTED' }),
    ).toMatchObject({ userErrors: [] });
    const input = { registrationId: 'Press-01', attestation: { symmetricKey: { primary: key, secondary: key } } };
    const created = await mutate('enrollmentCreate', 'EnrollmentCreateInput', input);
    expect(created).toMatchObject({ userErrors: [], position: expect.stringMatching(/^\d+$/) });

    const response = await berth.post(registrationEvent('press-01', symmetricKeyProof(idScope, 'press-01', key)));
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({
      receipts: [{ topic: 'berth.registrations', partition: expect.any(Number), offset: expect.any(Number) }],
    });
    const assigned = await eventually('the registration', () => registration('press-01'));
    expect(assigned).toMatchObject({
      status: 'ASSIGNED',
      substatus: 'initialAssignment',
      hub: 'hub-a',
      deviceId: 'Press-01',
    });
    expect(assigned.decision).toEqual({
      reason: null,
      chosen: 'hub-a',
      candidates: [
        { hub: 'hub-a', verdict: 'chosen', score: '1/2' },
        { hub: 'hub-b', verdict: 'eligible', score: '1/2' },
      ],
    });
  });

  it('reads its own write with the position of the answer', async () => {
    const { position } = await mutate('hubUpdate', 'HubUpdateInput', { name: 'hub-b', weight: 7 });
    const { hub } = await berth.graphql<{ hub: { weight: number } }>(
      '{ hub(name: "hub-b") { weight } }',
      {},
      { 'berth-min-position': position as string },
    );
    expect(hub.weight).toBe(7);
    await mutate('hubUpdate', 'HubUpdateInput', { name: 'hub-b', weight: 1 });
    await expect(
      berth.graphql('{ hub(name: "hub-b") { weight } }', {}, { 'berth-min-position': '9000000000000000' }),
    ).rejects.toThrow(/PROJECTION_LAGGING/);
  });

  it('gives the same CloudEvent posted five times one assignment', async () => {
    await mutate('enrollmentCreate', 'EnrollmentCreateInput', {
      registrationId: 'fivefold',
      attestation: { symmetricKey: { primary: key, secondary: key } },
    });
    const loadsBefore = await total();
    const event = registrationEvent('fivefold', symmetricKeyProof(idScope, 'fivefold', key));
    const receipts = await Promise.all([1, 2, 3, 4, 5].map(async () => (await berth.post(event)).status));
    expect(receipts).toEqual([202, 202, 202, 202, 202]);
    await eventually('the registration', () => registration('fivefold'));
    expect(await total()).toBe(loadsBefore + 1);
  });

  it('tells each refusal with its reason', async () => {
    const gateway = (sources: string[]) => ({ gateway: { sources } });
    const create = (registrationId: string, extra: object) =>
      mutate('enrollmentCreate', 'EnrollmentCreateInput', {
        registrationId,
        attestation: gateway(['/gateways/one']),
        ...extra,
      });
    expect(await create('off', { enabled: false })).toMatchObject({ userErrors: [] });
    expect(await create('forged', { attestation: { symmetricKey: { primary: key, secondary: key } } })).toMatchObject({
      userErrors: [],
    });
    const wrongKey = randomBytes(32).toString('base64');
    const batch = [
      registrationEvent('ghost', { type: 'gateway' }),
      registrationEvent('off', { type: 'gateway' }),
      registrationEvent('forged', symmetricKeyProof(idScope, 'forged', wrongKey)),
    ];
    expect((await berth.post(batch)).status).toBe(202);
    const reasonOf = async (id: string) => {
      const found = await eventually(`the outcome of ${id}`, () => registration(id));
      return [found.status, found.decision.reason];
    };
    expect(await reasonOf('ghost')).toEqual([
      'FAILED',
      expect.stringContaining("no enrollment for registration id 'ghost'"),
    ]);
    expect(await reasonOf('off')).toEqual(['DISABLED', expect.stringContaining('disabled')]);
    expect(await reasonOf('forged')).toEqual(['FAILED', expect.stringContaining('neither key')]);

    await mutate('hubCordon', 'HubCordonInput', { name: 'hub-a' });
    await mutate('hubCordon', 'HubCordonInput', { name: 'hub-b' });
    await create('homeless', {});
    await berth.post(registrationEvent('homeless', { type: 'gateway' }));
    expect(await reasonOf('homeless')).toEqual([
      'FAILED',
      expect.stringMatching(/hub-a: the hub is cordoned; hub-b: the hub is cordoned/),
    ]);
    await mutate('hubUncordon', 'HubCordonInput', { name: 'hub-a' });
    await mutate('hubUncordon', 'HubCordonInput', { name: 'hub-b' });
    await berth.post(registrationEvent('homeless', { type: 'gateway' }));
    await eventually('a hub for it after all', async () => (await registration('homeless'))?.status === 'ASSIGNED');
  });

  it.each([
    ['a hub named twice', 'hubLink', 'HubLinkInput', { name: 'HUB-A' }, ['input', 'name']],
    ['weight 0', 'hubLink', 'HubLinkInput', { name: 'hub-z', weight: 0 }, ['input', 'weight']],
    [
      'an unknown hub in a static list',
      'allocationPolicySet',
      'AllocationPolicySetInput',
      { policy: 'STATIC', hubs: ['hub-a', 'hub-x'] },
      ['input', 'hubs', '1'],
    ],
  ])('refuses %s with a code and a path, and records nothing', async (_what, name, type, input, field) => {
    const before = await berth.graphql('{ hubs(first: 100) { nodes { name weight } } allocationPolicy { policy } }');
    const { userErrors } = await mutate(name, type, input);
    expect(userErrors).toEqual([{ code: expect.stringMatching(/^[A-Z_]+$/), field, message: expect.any(String) }]);
    expect(await berth.graphql('{ hubs(first: 100) { nodes { name weight } } allocationPolicy { policy } }')).toEqual(
      before,
    );
  });

  it('takes the good events of a batch and names the bad ones', async () => {
    const response = await berth.post([
      registrationEvent('b-1', { type: 'gateway' }),
      { specversion: '1.0' },
      registrationEvent('a b', { type: 'gateway' }),
    ]);
    expect(response.status).toBe(400);
    const body = (await response.json()) as {
      receipts: unknown[];
      errors: { index: number; path: unknown; reason: string }[];
    };
    expect(body.receipts).toHaveLength(1);
    expect(body.errors.map(({ index }) => index)).toEqual([1, 2]);
    await eventually('the good one', () => registration('b-1'));
  });

  it('says at /metrics how far what follows the event store is behind', async () => {
    const lags = async () => {
      const text = await (await fetch(`${berth.url}/metrics`)).text();
      return Object.fromEntries(
        [...text.matchAll(/^berth_follower_lag_seconds\{follower="(\w+)"\} (\S+)$/gm)].map((line) => line.slice(1)),
      );
    };
    await eventually('both to have caught up', async () => {
      const { configuration, projector } = await lags();
      return configuration === '0' && projector === '0';
    });
  });

  it('keeps what it acknowledged through kill -9', async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `kept-${index}`);
    for (const registrationId of ids) {
      await mutate('enrollmentCreate', 'EnrollmentCreateInput', {
        registrationId,
        attestation: { gateway: { sources: ['/gateways/one'] } },
      });
    }
    const response = await berth.post(
      ids.map((id) => registrationEvent(id, { type: 'gateway' }, { id: randomUUID() })),
    );
    expect(response.status).toBe(202);
    await berth.end('SIGKILL');
    berth = await RunningBerth.start({ BERTH_DATA: dataFolder, BERTH_ID_SCOPE: idScope });
    for (const id of ids) {
      const kept = await eventually(`the registration of ${id}`, () => registration(id));
      expect(kept.status).toBe('ASSIGNED');
    }
  });
});

async function total(): Promise<number> {
  const { hubLoads } = await berth.graphql<{ hubLoads: { devices: number }[] }>('{ hubLoads { devices } }');
  return hubLoads.reduce((sum, { devices }) => sum + devices, 0);
}
