import { describe, expect, it } from '@jest/globals';
import { type CustomAllocation, faultInCustomAllocation, maskedUrl } from './custom-allocation.js';

const asking: CustomAllocation = {
  webhookUrl: 'https://hooks.example.com/allocate',
  apiVersion: '2021-10-01',
  fallback: null,
  deadlineMs: 5000,
};
const hosts = new Set([
  'hooks.example.com',
  'hooks.example.com:8443',
  '127.0.0.1:9000',
  '[::1]:9000',
  'localhost:9000',
]);
const faultIn = (change: Partial<CustomAllocation>) => faultInCustomAllocation({ ...asking, ...change }, hosts);

describe('whom custom asks', () => {
  it.each([
    'https://hooks.example.com/allocate?code=hush',
    'https://HOOKS.example.com:443/',
    'https://hooks.example.com:8443',
    'http://127.0.0.1:9000/a',
    'http://[::1]:9000/a',
    'http://localhost:9000/a',
    `https://hooks.example.com/${'a'.repeat(2048 - 'https://hooks.example.com/'.length)}`,
  ])('may be %s', (webhookUrl) => {
    expect(faultIn({ webhookUrl })).toBeNull();
  });

  it.each([
    ['hooks.example.com', 'is no URL'],
    ['http://hooks.example.com/', 'is not https'],
    ['http://127.0.0.1.example.com/', 'is not https'],
    ['http://10.0.0.1:9000/', 'is not https'],
    ['file:///etc/passwd', 'is not https'],
    ['ftp://127.0.0.1:9000/a', 'is not https'],
    ['https://me:secret@hooks.example.com/', 'names a user'],
    ['https://me@hooks.example.com/', 'names a user'],
    ['https://:secret@hooks.example.com/', 'names a user'],
    ['https://hooks.example.com/#part', 'has a fragment'],
    [`https://hooks.example.com/${'a'.repeat(2048)}`, 'is longer than 2048 characters'],
  ])('is not %s', (webhookUrl, reason) => {
    expect(faultIn({ webhookUrl })).toEqual({ kind: 'invalidWebhookUrl', reason });
  });

  it.each([
    ['https://example.com/', 'example.com'],
    ['https://hooks.example.com:444/', 'hooks.example.com:444'],
    ['https://hooks.example.com.evil.test/', 'hooks.example.com.evil.test'],
    ['http://127.0.0.1:9001/', '127.0.0.1:9001'],
    ['http://0x7f.1:9001/', '127.0.0.1:9001'],
  ])('is on a host that is allowed, and %s is not', (webhookUrl, host) => {
    expect(faultIn({ webhookUrl })).toEqual({ kind: 'webhookHostNotAllowed', host });
    expect(faultInCustomAllocation({ ...asking, webhookUrl }, null)).toBeNull();
  });

  it('may be anywhere on loopback without https', () => {
    const webhookUrl = 'http://127.10.20.30:9000/a';
    expect(faultInCustomAllocation({ ...asking, webhookUrl }, null)).toBeNull();
  });

  it('knows a version of the API, and has a deadline within bounds', () => {
    for (const apiVersion of ['2018-09-01-preview', '2019-03-31', '2021-10-01'])
      expect(faultIn({ apiVersion })).toBeNull();
    for (const apiVersion of ['', '2018-04-01', 'latest', '2021-10-01-x', 'v2021-10-01']) {
      expect(faultIn({ apiVersion })).toEqual({ kind: 'invalidApiVersion', apiVersion });
    }
    for (const deadlineMs of [100, 30_000]) expect(faultIn({ deadlineMs })).toBeNull();
    for (const deadlineMs of [99, 30_001, 0.5, NaN]) expect(faultIn({ deadlineMs })).toMatchObject({ deadlineMs });
  });

  it('is shown without its query', () => {
    expect(maskedUrl('https://h/p?code=hush&x=?')).toBe('https://h/p?***');
    expect(maskedUrl('https://h/p')).toBe('https://h/p');
  });
});
