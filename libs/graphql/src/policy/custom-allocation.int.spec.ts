import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EnrollmentEvent } from '@berth/domain';
import { streams } from '@berth/event-store';
import { randomUUID } from 'node:crypto';
import { ServedGraphql } from '../under-test/served-graphql.js';

let berth: ServedGraphql;
beforeAll(async () => {
  berth = await ServedGraphql.start();
});
afterAll(async () => {
  await berth?.stop();
});

const webhookUrl = 'https://hooks.example.com/allocate?code=hush';
const custom = { webhookUrl };
const shown = {
  webhookUrl: 'https://hooks.example.com/allocate?***',
  apiVersion: '2021-10-01',
  fallback: null,
  deadlineMs: 5000,
};
const fields = 'policy custom { webhookUrl apiVersion fallback deadlineMs }';
const objects = { enrollmentGroup: 'enrollmentGroup', enrollment: 'enrollment', allocationPolicy: 'allocationPolicy' };

interface Payload {
  enrollment?: unknown;
  enrollmentGroup?: unknown;
  allocationPolicy?: unknown;
  userErrors: { code: string; field: string[]; message: string }[];
  position: string;
}

async function mutate(name: string, input: object): Promise<Payload> {
  const object = Object.keys(objects).find((it) => name.startsWith(it));
  const query = `mutation ($input: ${name[0]!.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) {
    ${object} { ${fields} } userErrors { code field message } position } }`;
  const { data, errors } = await berth.ask<Record<string, Payload>>(query, { input });
  expect(errors).toBeUndefined();
  return data[name] as Payload;
}
const attestation = { gateway: { sources: ['/gateways/one'] } };
const newId = () => `press-${randomUUID()}`;
const refusal = (code: string, ...path: string[]) => ({
  userErrors: [expect.objectContaining({ code, field: ['input', ...path] })],
});

describe('whom custom asks', () => {
  it('is chosen for an enrollment, shown without its query, changed, and dropped', async () => {
    const registrationId = newId();
    const created = await mutate('enrollmentCreate', { registrationId, attestation, policy: 'CUSTOM', custom });
    expect(created).toMatchObject({ userErrors: [], enrollment: { policy: 'CUSTOM', custom: shown } });
    const changed = { ...custom, fallback: 'EVENLY_WEIGHTED', deadlineMs: 800, apiVersion: '2019-03-31' };
    expect(await mutate('enrollmentUpdate', { registrationId, custom: changed })).toMatchObject({
      enrollment: { custom: { ...shown, fallback: 'EVENLY_WEIGHTED', deadlineMs: 800, apiVersion: '2019-03-31' } },
    });
    // The same again changes nothing, and another field's change leaves it alone.
    await mutate('enrollmentUpdate', { registrationId, custom: changed });
    const { position } = await mutate('enrollmentUpdate', { registrationId, singleUse: true });
    const { data } = await berth.ask<{ enrollment: object }>(
      `{ enrollment(registrationId: "${registrationId}") { version ${fields} } }`,
      undefined,
      { 'berth-min-position': position },
    );
    expect(data.enrollment).toMatchObject({ version: 2, custom: { fallback: 'EVENLY_WEIGHTED' } });
    expect(await mutate('enrollmentUpdate', { registrationId, policy: 'STATIC', custom: null })).toMatchObject(
      refusal('STATIC_NEEDS_HUBS', 'hubs'),
    );
    expect(await mutate('enrollmentUpdate', { registrationId, policy: null, custom: null })).toMatchObject({
      userErrors: [],
      enrollment: { policy: null, custom: null },
    });
  });

  it('is chosen for a group, and for those who inherit', async () => {
    const name = newId();
    const group = { name, attestation: { symmetricKey: {} }, policy: 'CUSTOM', custom };
    expect(await mutate('enrollmentGroupCreate', group)).toMatchObject({
      userErrors: [],
      enrollmentGroup: { policy: 'CUSTOM', custom: shown },
    });
    expect(await mutate('enrollmentGroupUpdate', { name, policy: null, custom: null })).toMatchObject({
      enrollmentGroup: { policy: null, custom: null },
    });
    expect(await mutate('allocationPolicySet', { policy: 'CUSTOM', custom })).toMatchObject({
      allocationPolicy: { policy: 'CUSTOM', custom: shown },
    });
    expect(await mutate('allocationPolicySet', { policy: 'EVENLY_WEIGHTED' })).toMatchObject({
      allocationPolicy: { policy: 'EVENLY_WEIGHTED', custom: null },
    });
  });

  it.each<[string, object, string[]]>([
    ['CUSTOM_NEEDS_WEBHOOK', { policy: 'CUSTOM' }, ['custom']],
    ['WEBHOOK_ONLY_FOR_CUSTOM', { policy: 'EVENLY_WEIGHTED', custom }, ['custom']],
    ['INVALID_WEBHOOK_URL', { policy: 'CUSTOM', custom: { webhookUrl: 'hooks' } }, ['custom', 'webhookUrl']],
    [
      'INVALID_WEBHOOK_URL',
      { policy: 'CUSTOM', custom: { webhookUrl: 'http://hooks.example.com/' } },
      ['custom', 'webhookUrl'],
    ],
    [
      'WEBHOOK_HOST_NOT_ALLOWED',
      { policy: 'CUSTOM', custom: { webhookUrl: 'https://example.com/' } },
      ['custom', 'webhookUrl'],
    ],
    ['INVALID_API_VERSION', { policy: 'CUSTOM', custom: { ...custom, apiVersion: 'new' } }, ['custom', 'apiVersion']],
    ['INVALID_DEADLINE', { policy: 'CUSTOM', custom: { ...custom, deadlineMs: 0 } }, ['custom', 'deadlineMs']],
    ['STATIC_NEEDS_HUBS', { policy: 'CUSTOM', custom: { ...custom, fallback: 'STATIC' } }, ['hubs']],
  ])("is refused with %s for %j, as an enrollment's, a group's and the default", async (code, terms, field) => {
    const records = {
      enrollmentCreate: { registrationId: newId(), attestation, ...terms },
      allocationPolicySet: terms,
    };
    const group = { name: newId(), attestation: { symmetricKey: {} }, ...terms };
    for (const [name, input] of Object.entries({ ...records, enrollmentGroupCreate: group })) {
      expect(await mutate(name, input)).toMatchObject(refusal(code, ...field));
    }
  });

  it('is not recorded for enrollments that ask nobody', async () => {
    const registrationId = newId();
    await mutate('enrollmentCreate', { registrationId, attestation });
    for await (const { event } of berth.store.read<EnrollmentEvent>(streams.enrollment(registrationId))) {
      expect(event.data).not.toHaveProperty('custom');
    }
  });
});
