import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@berth/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog, parseAssignment, topics } from '@berth/registration-log';
import { Webhook } from 'standardwebhooks';
import { registrationEvent } from './registration-event.js';
import { RunningBerth } from './running-berth.js';

interface Registration {
  status: string;
  hub: string | null;
  errorCode: number | null;
  reason: string | null;
  payload: unknown;
  decision: {
    policy: string;
    candidates: { hub: string; verdict: string }[];
    webhook: {
      url: string;
      hub: string | null;
      fault: string | null;
      fallback: string | null;
      payload: unknown;
    } | null;
  };
}

const secret = randomBytes(32).toString('base64');
const verifier = new Webhook(secret);

let dataFolder: string;
let server: Server;
let host: string;
let berth: RunningBerth;
/** Registration ids that the webhook was asked about by somebody who could sign. */
const asked: string[] = [];

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-e2e-custom-'));
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const { deviceRuntimeContext, linkedHubs } = verifier.verify(body, headers) as {
        deviceRuntimeContext: { registrationId: string; payload?: { wants?: string } };
        linkedHubs: string[];
      };
      const { registrationId, payload } = deviceRuntimeContext;
      asked.push(registrationId);
      if (registrationId.startsWith('unlucky')) response.statusCode = 503;
      const iotHubHostName = payload?.wants ?? linkedHubs.at(-1);
      response.end(JSON.stringify({ iotHubHostName, payload: { welcome: registrationId } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  berth = await RunningBerth.start({
    BERTH_DATA: dataFolder,
    BERTH_WEBHOOK_HOSTS: host,
    BERTH_WEBHOOK_SECRET: `whsec_${secret}`,
  });
  for (const name of ['hub-a', 'hub-b', 'hub-c']) expect(await mutate('hubLink', { name })).toEqual([]);
});
afterAll(async () => {
  await berth?.end('SIGTERM');
  await new Promise((resolve) => server.close(resolve));
  await rm(dataFolder, { recursive: true, force: true });
});

async function mutate(name: string, input: object): Promise<unknown[]> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code field } } }`;
  const { [name]: payload } = await berth.graphql<Record<string, { userErrors: unknown[] }>>(query, { input });
  return payload!.userErrors;
}

const enroll = (registrationId: string, terms: object) =>
  mutate('enrollmentCreate', { registrationId, attestation: { gateway: { sources: ['/gateways/one'] } }, ...terms });

async function register(registrationId: string, payload: object): Promise<Registration> {
  const { data, ...event } = registrationEvent(registrationId, { type: 'gateway' });
  expect((await berth.post({ ...event, data: { ...data, payload } })).status).toBe(202);
  const query = `query ($id: String!) { registration(registrationId: $id) { status hub errorCode reason payload
    decision { policy candidates { hub verdict } webhook { url hub fault fallback payload } } } }`;
  return eventually(`the registration of ${registrationId}`, async () => {
    const { registration } = await berth.graphql<{ registration: Registration | null }>(query, { id: registrationId });
    return registration;
  });
}

describe('custom', () => {
  const custom = () => ({ webhookUrl: `http://${host}/allocate?code=hush` });

  it('lets a webhook choose for a device, and passes on what it has to say', async () => {
    expect(await enroll('press-01', { policy: 'CUSTOM', custom: custom() })).toEqual([]);
    const url = `http://${host}/allocate?***`;
    const payload = { welcome: 'press-01' };
    expect(await register('press-01', { wants: 'hub-b' })).toEqual({
      status: 'ASSIGNED',
      hub: 'hub-b',
      errorCode: null,
      reason: null,
      payload,
      decision: {
        policy: 'CUSTOM',
        candidates: [
          { hub: 'hub-a', verdict: 'eligible' },
          { hub: 'hub-b', verdict: 'chosen' },
          { hub: 'hub-c', verdict: 'eligible' },
        ],
        webhook: { url, hub: 'hub-b', fault: null, fallback: null, payload },
      },
    });
    expect(asked).toEqual(['press-01']);
    const { enrollment } = await berth.graphql<{ enrollment: unknown }>(`{ enrollment(registrationId: "press-01") {
      policy custom { webhookUrl apiVersion fallback deadlineMs } } }`);
    const shown = { webhookUrl: url, apiVersion: '2021-10-01', fallback: null, deadlineMs: 5000 };
    expect(enrollment).toEqual({ policy: 'CUSTOM', custom: shown });
  });

  it('fails with 400207 when the webhook does, and goes by the fallback where there is one', async () => {
    expect(await enroll('unlucky-1', { policy: 'CUSTOM', custom: custom() })).toEqual([]);
    expect(await register('unlucky-1', {})).toMatchObject({
      status: 'FAILED',
      errorCode: 400207,
      reason: `the webhook http://${host}/allocate?*** answered 503`,
      payload: null,
    });
    expect(
      await enroll('unlucky-2', { policy: 'CUSTOM', custom: { ...custom(), fallback: 'STATIC' }, hubs: ['hub-c'] }),
    ).toEqual([]);
    expect(await register('unlucky-2', {})).toMatchObject({
      status: 'ASSIGNED',
      hub: 'hub-c',
      decision: { policy: 'CUSTOM', webhook: { fault: 'answered 503', fallback: 'STATIC' } },
    });
  });

  it('may be the default policy', async () => {
    expect(await mutate('allocationPolicySet', { policy: 'CUSTOM', custom: custom() })).toEqual([]);
    expect(await enroll('press-02', {})).toEqual([]);
    expect(await register('press-02', {})).toMatchObject({ hub: 'hub-c', decision: { policy: 'CUSTOM' } });
    const { allocationPolicy } = await berth.graphql<{ allocationPolicy: unknown }>(
      '{ allocationPolicy { policy custom { webhookUrl } } }',
    );
    expect(allocationPolicy).toEqual({ policy: 'CUSTOM', custom: { webhookUrl: `http://${host}/allocate?***` } });
  });

  it('asks on allowed hosts only', async () => {
    const webhookUrl = 'http://127.0.0.1:1/';
    expect(await enroll('press-03', { policy: 'CUSTOM', custom: { webhookUrl } })).toEqual([
      { code: 'WEBHOOK_HOST_NOT_ALLOWED', field: ['input', 'custom', 'webhookUrl'] },
    ]);
  });

  it('says on berth.assignments what the webhook has for the device, and after a restart who is where', async () => {
    const before = asked.length;
    await berth.end('SIGTERM');
    const log = await openEmbeddedLog({ dataFolder, partitions: 8 });
    const payloads: unknown[] = [];
    for (let partition = 0; partition < 8; partition += 1) {
      for (const record of await log.read(topics.assignments, partition, 0, 100)) {
        const parsed = parseAssignment(record);
        if (parsed.ok && parsed.assignment.answer.registrationId === 'press-01') {
          payloads.push(parsed.assignment.answer.payload);
        }
      }
    }
    await log.close();
    expect(payloads).toEqual([{ welcome: 'press-01' }]);
    // Without any host that may be asked: what was decided stands, and nobody is asked about it.
    berth = await RunningBerth.start({ BERTH_DATA: dataFolder });
    const { registration } = await berth.graphql<{ registration: Registration }>(
      '{ registration(registrationId: "press-01") { hub payload } }',
    );
    expect(registration).toEqual({ hub: 'hub-b', payload: { welcome: 'press-01' } });
    expect(asked).toHaveLength(before);
  });
});
