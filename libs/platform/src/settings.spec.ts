import { describe, expect, it } from '@jest/globals';
import { readSettings } from './settings.js';

const problemsOf = (env: Record<string, string>) => {
  const result = readSettings(env);
  return result.ok ? [] : result.problems;
};

describe('settings', () => {
  it('need nothing: the defaults are embedded and on loopback', () => {
    const result = readSettings({});
    expect(result.ok && result.settings).toMatchObject({
      host: '127.0.0.1',
      httpPort: 4000,
      partitions: 8,
      eventStoreUrl: null,
      kafka: null,
      auth: { mode: 'none' },
      limits: { groupsWithKeysMax: 100, groupsWithCertificatesMax: 100, caCertificatesMax: 25, bulkRowsMax: 250 },
    });
  });

  it('report every bad variable at once', () => {
    const problems = problemsOf({ BERTH_HTTP_PORT: '70000', BERTH_PARTITIONS: 'many', BERTH_KAFKA_BROKERS: 'nowhere' });
    expect(problems).toHaveLength(3);
    expect(problems.join()).toMatch(/BERTH_HTTP_PORT.*BERTH_PARTITIONS|BERTH_KAFKA_BROKERS/);
  });

  it('limit what decisions search through, as wished', () => {
    const limits = { BERTH_KEY_GROUPS_MAX: '7', BERTH_CERTIFICATE_GROUPS_MAX: '0', BERTH_CA_CERTIFICATES_MAX: '1000' };
    const result = readSettings(limits);
    expect(result.ok && result.settings.limits).toEqual({
      groupsWithKeysMax: 7,
      groupsWithCertificatesMax: 0,
      caCertificatesMax: 1000,
      bulkRowsMax: 250,
    });
    const bulk = readSettings({ BERTH_BULK_ROWS_MAX: '10' });
    expect(bulk.ok && bulk.settings.limits.bulkRowsMax).toBe(10);
    expect(problemsOf({ BERTH_KEY_GROUPS_MAX: '1001' })).toHaveLength(1);
  });

  it('limit how often a caller may ask, if wished', () => {
    const none = readSettings({});
    expect(none.ok && none.settings.rates).toEqual({ operationsPerMinute: 0, registrationsPerMinute: 0 });
    const some = readSettings({ BERTH_OPERATIONS_PER_MINUTE: '1000', BERTH_REGISTRATIONS_PER_MINUTE: '60000' });
    expect(some.ok && some.settings.rates).toEqual({ operationsPerMinute: 1000, registrationsPerMinute: 60_000 });
    for (const bad of ['-1', '1.5', 'many', '100000001']) {
      expect(problemsOf({ BERTH_OPERATIONS_PER_MINUTE: bad, BERTH_REGISTRATIONS_PER_MINUTE: bad })).toEqual([
        'BERTH_OPERATIONS_PER_MINUTE must be a whole number from 0 to 100000000',
        'BERTH_REGISTRATIONS_PER_MINUTE must be a whole number from 0 to 100000000',
      ]);
    }
  });

  it.each(['0.0.0.0', '10.0.0.1', '::', 'berth.example.test'])(
    'refuse to listen on %s without authentication',
    (host) => {
      expect(problemsOf({ BERTH_HOST: host }).join()).toMatch(/BERTH_AUTH/);
      expect(problemsOf({ BERTH_HOST: host, BERTH_AUTH: 'none' }).join()).toMatch(/BERTH_AUTH/);
      expect(problemsOf({ BERTH_HOST: host, BERTH_AUTH: 'apikey', BERTH_API_KEYS: 'ops:k1' })).toEqual([]);
    },
  );

  it.each(['127.0.0.1', '127.0.0.2', '::1', 'localhost'])('take %s without authentication', (host) => {
    expect(problemsOf({ BERTH_HOST: host })).toEqual([]);
  });

  it('name whom webhooks may be asked of, and what calls are signed with: the one wants the other', () => {
    const secrets = [Buffer.alloc(24, 1), Buffer.alloc(64, 2)];
    const whole = {
      BERTH_WEBHOOK_HOSTS: 'Hooks.example.com, hooks.example.com:8443,127.0.0.1:9000, [::1]:9000,other.example.com:443',
      BERTH_WEBHOOK_SECRET: secrets.map((secret) => `whsec_${secret.toString('base64')}`).join(','),
    };
    const result = readSettings(whole);
    expect(result.ok && [...result.settings.webhooks.hosts]).toEqual([
      'hooks.example.com',
      'hooks.example.com:8443',
      '127.0.0.1:9000',
      '[::1]:9000',
      'other.example.com',
    ]);
    expect(result.ok && result.settings.webhooks.secrets).toEqual(secrets);
    const none = readSettings({});
    expect(none.ok && none.settings.webhooks).toEqual({ hosts: new Set(), secrets: [] });
    expect(problemsOf({ BERTH_WEBHOOK_HOSTS: 'hooks.example.com' })).toEqual([
      expect.stringMatching(/^BERTH_WEBHOOK_SECRET is required with BERTH_WEBHOOK_HOSTS/),
    ]);
  });

  it.each([
    'https://hooks.example.com',
    'hooks.example.com/path',
    'me@hooks.example.com',
    'hooks.example.com:x',
    'a b',
    '*',
  ])('take no %s for a host of webhooks', (host) => {
    const secret = { BERTH_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}` };
    const problems = problemsOf({ ...secret, BERTH_WEBHOOK_HOSTS: `hooks.example.com,${host}` });
    expect(problems).toEqual(['BERTH_WEBHOOK_HOSTS: entry 2 is not host or host:port']);
  });

  it.each([
    'hush-hush',
    'whsec_hush',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
  ])('take no %s for what webhooks are signed with, and do not show it', (secret) => {
    expect(problemsOf({ BERTH_WEBHOOK_SECRET: secret })).toEqual([
      'BERTH_WEBHOOK_SECRET: entry 1 is not whsec_ and 24 to 64 bytes in base64',
    ]);
  });

  it('never print a secret', () => {
    const problems = problemsOf({ BERTH_MASTER_KEY: 'hush-hush', BERTH_AUTH: 'apikey', BERTH_API_KEYS: 'hush-hush' });
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(problems.join()).not.toMatch(/hush/);
  });

  it('want a master key of 32 bytes, and one at all when the event store is elsewhere', () => {
    const url = 'esdb://127.0.0.1:2113?tls=false';
    const keys = (count: number) => Array.from({ length: count }, () => Buffer.alloc(32, count).toString('base64'));
    expect(problemsOf({ BERTH_FORMER_MASTER_KEYS: keys(10).join(', ') })).toEqual([]);
    for (const bad of [keys(11).join(), 'hush-hush', `${keys(1)[0]},${Buffer.alloc(31).toString('base64')}`]) {
      expect(problemsOf({ BERTH_FORMER_MASTER_KEYS: bad }).join()).toMatch(/^BERTH_FORMER_MASTER_KEYS must be/);
    }
    expect(problemsOf({ BERTH_EVENTSTORE_URL: url }).join()).toMatch(/BERTH_MASTER_KEY/);
    expect(problemsOf({ BERTH_MASTER_KEY: Buffer.alloc(31).toString('base64') }).join()).toMatch(/32 bytes/);
    expect(problemsOf({ BERTH_EVENTSTORE_URL: url, BERTH_MASTER_KEY: Buffer.alloc(32).toString('base64') })).toEqual(
      [],
    );
  });

  it('read several API keys', () => {
    const result = readSettings({ BERTH_AUTH: 'apikey', BERTH_API_KEYS: 'ops:one, ci:two' });
    const auth = result.ok ? result.settings.auth : null;
    expect(auth?.mode === 'apikey' && [...auth.keys]).toEqual([
      ['ops', 'one'],
      ['ci', 'two'],
    ]);
  });

  it('read the rights of API keys, in any case, and refuse those that bind nobody', () => {
    const given = { BERTH_AUTH: 'apikey', BERTH_API_KEYS: 'ops:one,gateway-1:two' };
    const BERTH_API_KEY_RIGHTS = 'gateway-1:deviceconnect, ops: EnrollmentRead + RegistrationStatusRead';
    const result = readSettings({ ...given, BERTH_API_KEY_RIGHTS });
    const auth = result.ok ? result.settings.auth : null;
    expect(auth?.mode === 'apikey' && [...auth.rights!]).toEqual([
      ['gateway-1', new Set(['DeviceConnect'])],
      ['ops', new Set(['EnrollmentRead', 'RegistrationStatusRead'])],
    ]);
    for (const [wrong, problem] of [
      ['nobody:DeviceConnect', 'BERTH_API_KEY_RIGHTS: entry 1 names no key of BERTH_API_KEYS, or one a second time'],
      [
        'ops:DeviceConnect,ops:EnrollmentRead',
        'BERTH_API_KEY_RIGHTS: entry 2 names no key of BERTH_API_KEYS, or one a second time',
      ],
      ['ops', expect.stringMatching(/the rights of ops must be some of ServiceConfig\+/)],
      ['ops:Everything', expect.stringMatching(/the rights of ops must be some of ServiceConfig\+/)],
    ] as const) {
      expect(problemsOf({ ...given, BERTH_API_KEY_RIGHTS: wrong })).toEqual([problem]);
    }
    expect(problemsOf({ BERTH_API_KEY_RIGHTS: 'ops:DeviceConnect' })).toEqual([
      'BERTH_API_KEY_RIGHTS binds nobody while BERTH_AUTH is none: set BERTH_AUTH=apikey',
    ]);
  });

  it('take a PostgreSQL for the read models, and refuse what is none without showing it', () => {
    const url = 'postgres://berth:hush-hush@127.0.0.1:5432/berth';
    const result = readSettings({ BERTH_DATABASE_URL: url });
    expect(result.ok && result.settings.databaseUrl).toBe(url);
    const problems = problemsOf({ BERTH_DATABASE_URL: 'mysql://berth:hush-hush@127.0.0.1/berth' });
    expect(problems).toEqual([expect.stringMatching(/^BERTH_DATABASE_URL must look like postgres:/)]);
    expect(problems.join()).not.toMatch(/hush/);
  });

  it('of a service of its own name all that it shares and nobody has given', () => {
    const result = readSettings({ BERTH_KAFKA_BROKERS: '127.0.0.1:9092' }, ['eventStoreUrl', 'kafka', 'databaseUrl']);
    expect(result.ok ? [] : result.problems).toEqual([
      expect.stringMatching(/^BERTH_EVENTSTORE_URL is required/),
      expect.stringMatching(/^BERTH_DATABASE_URL is required/),
    ]);
  });
});
