import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Right } from '@berth/platform';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ServedGraphql } from '../under-test/served-graphql.js';

const rights: Readonly<Record<string, readonly Right[]>> = {
  gateway: ['DeviceConnect'],
  hubs: ['ServiceConfig'],
  factory: ['EnrollmentWrite'],
  auditor: ['EnrollmentRead'],
  dashboard: ['RegistrationStatusRead'],
  service: ['RegistrationStatusWrite'],
};
const everybody = [...Object.keys(rights), 'root'];
const as = (name: string) => ({ authorization: `Bearer key-of-${name}` });

/** What is asked, and who may. */
const operations: readonly (readonly [string, readonly string[]])[] = [
  [
    '{ hubs(first: 1) { totalCount } allocationPolicy { policy } hubLoads { hub } node(id: "x") { id } }',
    everybodyBut('gateway'),
  ],
  ['mutation { hubLink(input: { name: "hub-a" }) { userErrors { code } } }', ['hubs', 'root']],
  ['mutation { allocationPolicySet(input: { policy: EVENLY_WEIGHTED }) { position } }', ['hubs', 'root']],
  ['mutation { caCertificateDelete(input: { name: "x" }) { position } }', ['hubs', 'root']],
  ['mutation { masterKeyRotate(input: {}) { position } }', ['hubs', 'root']],
  ['{ enrollment(registrationId: "x") { enabled } }', ['auditor', 'root']],
  ['{ is: enrollment(registrationId: "x") { __typename } }', ['auditor', 'root']],
  ['{ enrollments(first: 1) { totalCount } }', ['auditor', 'root']],
  ['{ enrollmentGroups(first: 1) { edges { cursor } } }', ['auditor', 'root']],
  ['{ node(id: "x") { ...it } } fragment it on Enrollment { enabled }', ['auditor', 'root']],
  ['{ enrollment(registrationId: "x") { registration { hub } } }', ['root']],
  ['{ enrollmentGroup(name: "x") { registrations(first: 1) { totalCount } } }', ['root']],
  ['mutation { enrollmentDelete(input: { registrationId: "x" }) { enrollment { version } } }', ['factory', 'root']],
  ['mutation { enrollmentsDelete(input: { rows: [] }) { position } }', ['factory', 'root']],
  ['mutation { enrollmentGroupKeyRotate(input: { name: "x", slot: PRIMARY }) { position } }', ['factory', 'root']],
  ['{ registration(registrationId: "x") { hub } }', ['dashboard', 'root']],
  ['{ registrations(first: 1) { totalCount } }', ['dashboard', 'root']],
  ['{ node(id: "x") { ... on Registration { hub } } }', ['dashboard', 'root']],
  ['mutation { registrationsRelease(input: { rows: [] }) { position } }', ['service', 'root']],
  ['mutation { deviceDeprovision(input: { registrationId: "no such id" }) { position } }', ['root']],
  ['{ __schema { queryType { name } } __typename }', everybody],
];

function everybodyBut(name: string): string[] {
  return everybody.filter((it) => it !== name);
}

describe('rights', () => {
  let berth: ServedGraphql;
  beforeAll(async () => {
    berth = await ServedGraphql.start({
      mode: 'apikey',
      keys: new Map(everybody.map((name) => [name, `key-of-${name}`])),
      rights: new Map(Object.entries(rights).map(([name, has]) => [name, new Set(has)])),
    });
  });
  afterAll(() => berth?.stop());

  it.each(operations)('let nobody ask %s but %j', async (query, allowed) => {
    const answered: string[] = [];
    for (const name of everybody) {
      const { status, errors, data } = await berth.ask(query, {}, as(name));
      const code = errors?.[0]?.extensions['code'];
      if (status === 403) {
        expect([code, data ?? null]).toEqual(['FORBIDDEN', null]);
        expect(errors?.[0]?.message).toMatch(new RegExp(`^The API key '${name}' lacks the right [A-Za-z or]+\\.$`));
      } else {
        expect(code).not.toBe('FORBIDDEN');
        answered.push(name);
      }
    }
    expect(answered.sort()).toEqual([...allowed].sort());
  });

  it('hold on a socket, too', async () => {
    const outcome = (name: string) =>
      new Promise<string>((resolve) => {
        const client = createClient({
          url: berth.url.replace('http', 'ws'),
          webSocketImpl: WebSocket,
          connectionParams: as(name),
        });
        const end = (text: string) => {
          resolve(text);
          void client.dispose();
        };
        client.subscribe(
          { query: 'subscription { hubLoads { hub } }' },
          {
            next: () => end('served'),
            error: (errors) => end((errors as { extensions: { code: string } }[])[0]!.extensions.code),
            complete: () => undefined,
          },
        );
      });
    expect([await outcome('dashboard'), await outcome('gateway')]).toEqual(['served', 'FORBIDDEN']);
  });

  it.each([
    ['GET', '/exports/enrollments', ['auditor', 'root']],
    ['POST', '/imports', ['factory', 'root']],
    ['GET', '/imports/none', ['factory', 'root']],
  ])('let nobody %s %s but %j', async (method, path, allowed) => {
    const answered: string[] = [];
    for (const name of everybody) {
      const response = await fetch(new URL(path, berth.url), {
        method,
        headers: as(name),
        ...(method === 'POST' && { body: '' }),
      });
      if (response.status === 403) expect(await response.json()).toMatchObject({ code: 'FORBIDDEN' });
      else answered.push(name);
    }
    expect(answered.sort()).toEqual([...allowed].sort());
  });
});
