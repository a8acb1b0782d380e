import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { PlatformModule } from '@berth/platform';
import {
  eventBytesMax,
  openEmbeddedLog,
  parseDeviceMessage,
  parseRegistrationRequest,
  RegistrationLog,
  topics,
} from '@berth/registration-log';
import { CloudEvent, emitterFor, Mode } from 'cloudevents';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationPosition, IntakeModule } from './intake.module.js';

const type = 'io.berth.registration.requested.v1';
const event = (registrationId: string, change: object = {}) => ({
  specversion: '1.0',
  type,
  id: `wish-of-${registrationId}`,
  source: '/gateways/one',
  data: { registrationId, attestation: { type: 'gateway' } },
  ...change,
});

let folder: string;
let log: RegistrationLog;
let app: NestFastifyApplication;
let url: string;
let acknowledged: bigint | null;

beforeEach(async () => {
  acknowledged = null;
  folder = await mkdtemp(join(tmpdir(), 'berth-intake-'));
  log = await openEmbeddedLog({ dataFolder: folder, partitions: 1 });
  app = await start();
});

async function start(registrationsPerMinute = 0): Promise<NestFastifyApplication> {
  const providers = [
    { provide: RegistrationLog, useValue: log },
    { provide: ConfigurationPosition, useValue: { current: () => acknowledged } },
  ];
  @Module({})
  class Given {}
  @Module({})
  class Root {}
  const root = {
    module: Root,
    imports: [
      { module: Given, global: true, providers, exports: providers.map(({ provide }) => provide) },
      PlatformModule.forRoot(
        {
          mode: 'apikey',
          keys: new Map([
            ['gateway', 'k-1'],
            ['other', 'k-3'],
          ]),
        },
        { operationsPerMinute: 0, registrationsPerMinute },
      ),
      IntakeModule,
    ],
  };
  const started = await NestFactory.create<NestFastifyApplication>(root, new FastifyAdapter(), { logger: false });
  await started.listen(0, '127.0.0.1');
  url = `${await started.getUrl()}/registrations`;
  return started;
}

afterEach(async () => {
  await app.close();
  await log.close();
  await rm(folder, { recursive: true, force: true });
});

async function post(contentType: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: 'Bearer k-1', 'content-type': contentType, ...headers },
    body,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(await response.text()) as Record<string, unknown>,
  };
}
const postBatch = (events: unknown) => post('application/cloudevents-batch+json', JSON.stringify(events));
const logged = () => log.read(topics.registrations, 0, 0, 10_000);

describe('the registration intake', () => {
  it('takes a structured event as it is, byte for byte, keyed by the device', async () => {
    const body = JSON.stringify(event('Press-01'), null, 2);
    expect(await post('application/cloudevents+json; charset=utf-8', body)).toMatchObject({
      status: 202,
      body: { receipts: [{ id: 'wish-of-Press-01', topic: topics.registrations, partition: 0, offset: 0 }] },
    });
    const [record] = await logged();
    expect(record?.key).toBe('press-01');
    expect(record?.value.toString()).toBe(body);
  });

  it.each([Mode.BINARY, Mode.STRUCTURED])('takes what the CloudEvents SDK sends in %s mode', async (mode) => {
    const emit = emitterFor(
      async (message: { headers: unknown; body: unknown }) => {
        const headers = { ...(message.headers as Record<string, string>), authorization: 'Bearer k-1' };
        return fetch(url, { method: 'POST', headers, body: String(message.body) });
      },
      { mode },
    );
    const { specversion: _, ...attributes } = event('press-01');
    const response = (await emit(new CloudEvent({ ...attributes, datacontenttype: 'application/json' }))) as Response;
    expect(response.status).toBe(202);
    const [record] = await logged();
    expect(parseRegistrationRequest(record!)).toMatchObject({
      ok: true,
      request: { registrationId: 'press-01', source: '/gateways/one' },
    });
  });

  it('takes reports of latencies, keyed by the gateway, alone and among registrations', async () => {
    const report = (change: object = {}) => ({
      specversion: '1.0',
      type: 'io.berth.latency.reported.v1',
      id: 'report',
      source: '/gateways/one',
      data: { hubLatencies: { 'hub-a': { ms: 12 } } },
      ...change,
    });
    acknowledged = 70n;
    expect(await post('application/cloudevents+json', JSON.stringify(report()))).toMatchObject({
      status: 202,
      body: { receipts: [{ id: 'report', offset: 0 }] },
    });
    const mixed = [event('a'), report({ source: '/gateways/Two' }), report({ data: {} })];
    expect(await postBatch(mixed)).toMatchObject({
      status: 400,
      body: {
        receipts: [{ id: 'wish-of-a' }, { id: 'report' }],
        errors: [{ index: 2, path: '/data/hubLatencies', reason: 'is missing' }],
      },
    });
    const records = await logged();
    expect(records.map(({ key }) => key)).toEqual(['/gateways/one', 'a', '/gateways/Two']);
    expect(parseDeviceMessage(records[0]!)).toMatchObject({ ok: true, report: { source: '/gateways/one' } });
  });

  it('takes the good events of a batch and says of each bad one where and why', async () => {
    const bad = [
      { ...event('b'), type: 'other' },
      event('a b'),
      null,
      'text',
      { ...event('c'), data: { registrationId: 'c' } },
    ];
    const { status, body } = await postBatch([event('first'), ...bad, event('last')]);
    expect(status).toBe(400);
    expect(body['receipts']).toMatchObject([{ id: 'wish-of-first' }, { id: 'wish-of-last' }]);
    expect(body['errors']).toEqual([
      { index: 1, path: '/type', reason: expect.any(String) },
      { index: 2, path: '/data/registrationId', reason: expect.any(String) },
      { index: 3, path: '', reason: expect.any(String) },
      { index: 4, path: '', reason: expect.any(String) },
      { index: 5, path: expect.stringMatching(/^\/data/), reason: expect.any(String) },
    ]);
    expect((await logged()).map(({ key }) => key)).toEqual(['first', 'last']);
  });

  it.each([
    ['another content type', 'application/json', '{}', 415],
    ['a batch that is no array', 'application/cloudevents-batch+json', '{}', 400],
    ['a batch that is no JSON', 'application/cloudevents-batch+json', '[', 400],
    ['a batch too long', 'application/cloudevents-batch+json', JSON.stringify(Array(1001).fill(0)), 413],
    ['a body too large', 'application/cloudevents+json', 'x'.repeat(9 * 1024 * 1024), 413],
    ['a single event that is no JSON', 'application/cloudevents+json', '{', 400],
    ['an empty body', 'application/cloudevents+json', '', 400],
  ])('refuses %s, in words', async (_what, contentType, body, status) => {
    const refused = await post(contentType, body);
    expect(refused.status).toBe(status);
    expect(JSON.stringify(refused.body)).toMatch(/detail|reason/);
    expect(await logged()).toEqual([]);
  });

  it.each([
    ['as a batch', 'application/cloudevents-batch+json', (text: string) => `[${text}]`],
    ['alone', 'application/cloudevents+json', (text: string) => text],
  ])('refuses an event nested 100,000 deep %s, for it could not write that again', async (_how, contentType, wrap) => {
    const deep = JSON.stringify(event('deep', { extra: 'x' })).replace('"x"', '['.repeat(1e5) + ']'.repeat(1e5));
    const refused = await post(contentType, wrap(deep), { 'berth-min-position': '1' });
    expect(refused).toMatchObject({
      status: 400,
      body: { receipts: [], errors: [{ index: 0, reason: expect.any(String) }] },
    });
    expect(await logged()).toEqual([]);
  });

  it('refuses an event that its stamp would make too large for the allocator', async () => {
    const body = JSON.stringify(event('big', { filler: '' })).replace(
      '"filler":""',
      `"filler":"${'f'.repeat(eventBytesMax)}"`,
    );
    const fitting = body.slice(0, body.indexOf('fff')) + body.slice(body.indexOf('fff') + body.length - eventBytesMax);
    expect(Buffer.byteLength(fitting)).toBe(eventBytesMax);
    expect((await post('application/cloudevents+json', fitting)).status).toBe(202);
    expect((await post('application/cloudevents+json', fitting, { 'berth-min-position': '1' })).status).toBe(400);
    expect((await post('application/cloudevents+json', body)).status).toBe(413);
    expect(await logged()).toHaveLength(1);
  });

  it('refuses bytes that are no UTF-8, rather than change them', async () => {
    const text = Buffer.from(JSON.stringify([event('x', { extra: '?' })]));
    text[text.indexOf('"?"') + 1] = 0xff;
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: 'Bearer k-1', 'content-type': 'application/cloudevents-batch+json' },
      body: text,
    });
    expect(response.status).toBe(400);
    expect(await logged()).toEqual([]);
  });

  it('answers 503 with Retry-After when too much waits to be written, and takes none of that request', async () => {
    await app.close();
    await log.close();
    log = await openEmbeddedLog({ dataFolder: folder, partitions: 1, queueBytesMax: 1_000 });
    app = await start();
    const body = JSON.stringify(Array.from({ length: 50 }, (_, at) => event(`busy-${at}`)));
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => post('application/cloudevents-batch+json', body)),
    );
    const refused = answers.filter(({ status }) => status === 503);
    const taken = answers.filter(({ status }) => status === 202);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
    expect(refused.length + taken.length).toBe(answers.length);
    expect(await logged()).toHaveLength(taken.length * 50);
  });

  it('answers 429 with Retry-After when a caller has sent too many events in a minute, and takes none of that request', async () => {
    await app.close();
    app = await start(3);
    const events = (count: number) => Array.from({ length: count }, (_, at) => event(`often-${at}`));
    expect((await postBatch(events(2))).status).toBe(202);
    expect((await post('application/cloudevents+json', JSON.stringify(event('third')))).status).toBe(202);
    const refused = await postBatch(events(2));
    expect(refused).toMatchObject({ status: 429, body: { status: 429, detail: expect.stringContaining('Too many') } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(await logged()).toHaveLength(3);
    const others = await post('application/cloudevents+json', JSON.stringify(event('x')), {
      authorization: 'Bearer k-3',
    });
    expect(others.status).toBe(202);
  });

  it('wants a key, and gives no hint', async () => {
    const refused = await post('application/cloudevents+json', JSON.stringify(event('x')), {
      authorization: 'Bearer k-2',
    });
    expect(refused).toMatchObject({ status: 401, body: { status: 401, detail: 'Unauthorized' } });
    expect(await logged()).toEqual([]);
  });

  it('stamps events with the newest command acknowledged, or with a larger position that the caller names', async () => {
    const positions = async () =>
      (await logged()).map((record) => {
        const parsed = parseRegistrationRequest(record);
        return parsed.ok ? parsed.request.minPosition : parsed.reason;
      });
    acknowledged = 70n;
    await post('application/cloudevents+json', JSON.stringify(event('a')));
    await post('application/cloudevents+json', JSON.stringify(event('b')), { 'berth-min-position': '71' });
    await post('application/cloudevents+json', JSON.stringify(event('c', { berthminposition: '100' })));
    await post('application/json', JSON.stringify(event('d').data), {
      'ce-specversion': '1.0',
      'ce-type': type,
      'ce-id': 'd',
      'ce-source': '/gateways/one',
    });
    await postBatch([event('e')]);
    expect(await positions()).toEqual(['70', '71', '100', '70', '70']);
    expect(
      (await post('application/cloudevents+json', JSON.stringify(event('f')), { 'berth-min-position': 'x' })).status,
    ).toBe(400);
  });

  it('answers 503 with Retry-After while the log is closed', async () => {
    await log.close();
    const refused = await post('application/cloudevents+json', JSON.stringify(event('x')));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
  });
});
