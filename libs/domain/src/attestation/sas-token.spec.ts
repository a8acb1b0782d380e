import { describe, expect, it } from '@jest/globals';
import { isSignedBy, parseSasToken } from './sas-token.js';
import { verify } from './verify.js';

// Test vectors of the device protocol reference, section 12: made with Node's crypto and OpenSSL; the raw spelling equals
// byte for byte what the official SDK sends.
const deviceKey = 'H3yYDZYsSO7azGwEjZv5Mybm9hb5IPu0jviUH5RFrRU=';
const groupKey = 'ZWRnZS1kcHMtdGVzdC12ZWN0b3ItZ3JvdXAta2V5LS1lZGdlLWRwcy10ZXN0LXZlY3Rvci1ncm91cC1rZXktLQ==';
const spellings = {
  raw: 'SharedAccessSignature sr=0ne00ABCDEF/registrations/line7-sensor-0042&sig=8Xg86Sr4z1uVuYdIoIW%2FW%2FAD%2FpTI%2BnZzsszl8DaAq%2Fo%3D&skn=registration&se=2000000000',
  upperHex:
    'SharedAccessSignature sr=0ne00ABCDEF%2Fregistrations%2Fline7-sensor-0042&sig=TrwrYBEFvcBchYt%2FLGXd2%2BJjQq8dVMJD%2Fnep31CBOcg%3D&skn=registration&se=2000000000',
  lowerHex:
    'SharedAccessSignature sr=0ne00ABCDEF%2fregistrations%2fline7-sensor-0042&sig=%2BcfNkSWJhz%2BoT%2BdYGB8nD%2BiUk9JgpbOrn5oKa5yW1XI%3D&skn=registration&se=2000000000',
};
const individualKey = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const pressToken =
  'SharedAccessSignature sr=0ne00ABCDEF/registrations/press-01&sig=7u%2FUvBYgLtwGiZLKk5S21j4BZ5JlH%2F4gNZLyryZlAMs%3D&skn=registration&se=2000000000';
const expiredToken =
  'SharedAccessSignature sr=0ne00ABCDEF/registrations/press-01&sig=XsON44bTcVbj0WDj2ZjUOyB1pKJxqBp3nEr5fyQuaNk%3D&skn=registration&se=1500000000';

/** Null for an empty text: a key that could not be opened. */
const opened = (key: string) => (key === '' ? null : Buffer.from(key, 'base64'));
const context = { idScope: '0ne00ABCDEF', at: Date.UTC(2026, 0, 1) };
const faultIn = (
  token: string,
  registrationId: string,
  keys: { primary: string; secondary?: string },
  at = context.at,
) =>
  verify(
    { registrationId, source: '/gateway', attestation: { type: 'symmetricKey', token } },
    { type: 'symmetricKey', primary: opened(keys.primary), secondary: opened(keys.secondary ?? '') },
    { ...context, at },
  );

describe('a SAS token', () => {
  it.each(Object.entries(spellings))('holds in the %s spelling', (_name, token) => {
    expect(faultIn(token, 'line7-sensor-0042', { primary: deviceKey })).toBeNull();
  });

  it('holds for the individual enrollment of the test vectors, by either key', () => {
    expect(faultIn(pressToken, 'press-01', { primary: individualKey })).toBeNull();
    expect(faultIn(pressToken, 'press-01', { primary: deviceKey, secondary: individualKey })).toBeNull();
  });

  it('takes its fields in any order', () => {
    const [, fields = ''] = pressToken.split(' ');
    const reordered = `SharedAccessSignature ${fields.split('&').reverse().join('&')}`;
    expect(faultIn(reordered, 'press-01', { primary: individualKey })).toBeNull();
  });

  it('holds whatever the case of the id in the request, for the signature covers its own text', () => {
    expect(faultIn(spellings.raw, 'LINE7-SENSOR-0042', { primary: deviceKey })).toBeNull();
  });

  it('is refused after its age, though its MAC is right', () => {
    expect(isSignedBy(parseSasToken(expiredToken)!, Buffer.from(individualKey, 'base64'))).toBe(true);
    expect(faultIn(expiredToken, 'press-01', { primary: individualKey })).toMatch(/expired/);
  });

  it('is taken for five minutes past its expiry and no longer', () => {
    const expiry = 2_000_000_000_000;
    expect(faultIn(pressToken, 'press-01', { primary: individualKey }, expiry + 300_000)).toBeNull();
    expect(faultIn(pressToken, 'press-01', { primary: individualKey }, expiry + 300_001)).toMatch(/expired/);
  });

  it.each([
    ['one character of sr changed', pressToken.replace('0ne00ABCDEF', '0ne00ABCDEG')],
    ['the expiry changed', pressToken.replace('se=2000000000', 'se=2000000001')],
    ['another key name', pressToken.replace('skn=registration', 'skn=other')],
    ['no key name', pressToken.replace('&skn=registration', '')],
    ['the token of another device', spellings.raw],
    ['one bit of the signature changed', pressToken.replace('sig=7u', 'sig=7v')],
    ['a short signature', pressToken.replace(/sig=[^&]*/, 'sig=YWJj')],
    ['no signature', pressToken.replace(/sig=[^&]*&/, '')],
    ['a field given twice', `${pressToken}&se=2000000000`],
    ['broken percent-encoding', pressToken.replace('%2F', '%zz')],
    ['an expiry that is no number', pressToken.replace('se=2000000000', 'se=never')],
    ['another scheme', pressToken.replace('SharedAccessSignature', 'Bearer')],
    ['nothing', ''],
    ['10 KB', `${pressToken}${'x'.repeat(10_000)}`],
  ])('is refused with %s', (_what, token) => {
    expect(faultIn(token, 'press-01', { primary: individualKey })).not.toBeNull();
  });

  it('is refused for another device, though the key is right', () => {
    expect(faultIn(spellings.raw, 'press-01', { primary: deviceKey })).toMatch(/another resource/);
  });

  it('is refused when the group key itself signed it', () => {
    expect(faultIn(spellings.raw, 'line7-sensor-0042', { primary: groupKey })).toMatch(/neither key/);
  });

  it('is refused when the data key of the enrollment was destroyed', () => {
    expect(faultIn(pressToken, 'press-01', { primary: '' })).toMatch(/neither key/);
  });
});

describe('the text of a token', () => {
  const [scheme, fields] = pressToken.split(' ') as [string, string];
  const sane = parseSasToken(pressToken);

  it('may have fields that nobody knows, an equals sign in a value, and 2048 characters', () => {
    expect(sane).toMatchObject({ resource: '0ne00abcdef/registrations/press-01', keyName: 'registration' });
    expect(parseSasToken(`${pressToken}&x=1&y=`)).toEqual(sane);
    expect(parseSasToken(`${scheme} x=1&${fields}`)).toEqual(sane);
    expect(parseSasToken(pressToken.replace('%3D', '='))).toEqual(sane);
    expect(parseSasToken(`${pressToken}&x=`.padEnd(2048, 'x'))).toEqual(sane);
    expect(parseSasToken(pressToken.replace('2000000000', '999999999999'))?.expiresAtMs).toBe(999_999_999_999_000);
  });

  it.each(fields.split('&').map((field) => field.split('=')[0]!))(
    'has the field %s but once, and not empty',
    (name) => {
      const field = fields.split('&').find((one) => one.startsWith(`${name}=`))!;
      expect(parseSasToken(`${pressToken}&${field}`)).toBeNull();
      expect(parseSasToken(`${pressToken}&x=1&${name}=`)).toBeNull();
    },
  );

  it.each([
    ['an unknown field twice', `${pressToken}&x=1&x=1`],
    ['a field without a name', `${pressToken}&=1`],
    ['a field without an equals sign', `${scheme} x&${fields}`],
    ['an empty field', `${scheme} ${fields.replace('&', '&&')}`],
    ['an ampersand at its end', `${pressToken}&`],
    ['no fields', `${scheme} `],
    ['another scheme of the same length', `${'X'.repeat(scheme.length)} ${fields}`],
    ['2049 characters', `${pressToken}&x=`.padEnd(2049, 'x')],
    ['an expiry of 13 digits', pressToken.replace('2000000000', '2000000000000')],
    ['an expiry with a sign before it', pressToken.replace('2000000000', '-1')],
    ['an expiry with a letter behind it', pressToken.replace('2000000000', '2000000000x')],
    ['a resource that can not be decoded', pressToken.replace('sr=', 'sr=%zz')],
    ['a signature that can not be decoded', pressToken.replace('sig=', 'sig=%zz')],
  ])('is none with %s', (_what, text) => {
    expect(parseSasToken(text)).toBeNull();
  });
});

describe('gateway attestation', () => {
  const attestation = { type: 'gateway', sources: ['/gateways/one'] } as const;
  const claim = { registrationId: 'press-01', source: '/gateways/one', attestation: { type: 'gateway' } } as const;

  it('takes the word of a trusted source only', () => {
    expect(verify(claim, attestation, context)).toBeNull();
    expect(verify({ ...claim, source: '/gateways/two' }, attestation, context)).toMatch(/does not trust/);
  });

  it('does not serve where a token is wanted, nor the other way round', () => {
    const symmetricKey = { type: 'symmetricKey', primary: opened(deviceKey), secondary: opened('') } as const;
    expect(verify(claim, symmetricKey, context)).toMatch(/wants symmetricKey/);
    expect(
      verify({ ...claim, attestation: { type: 'symmetricKey', token: pressToken } }, attestation, context),
    ).toMatch(/wants gateway/);
  });

  it('does not serve where a certificate is wanted, nor does a token', () => {
    const certificate = { type: 'x509', primary: Buffer.alloc(32), secondary: null } as const;
    const token = { ...claim, attestation: { type: 'symmetricKey', token: pressToken } } as const;
    for (const other of [claim, token]) expect(verify(other, certificate, context)).toMatch(/wants x509/);
  });

  it('does not take a chain for its word', () => {
    expect(verify({ ...claim, attestation: { type: 'x509', chain: [] } }, attestation, context)).toMatch(
      /wants gateway/,
    );
  });

  it('refuses a TPM plainly, whatever was brought', () => {
    expect(verify(claim, { type: 'tpm' }, context)).toBe('TPM attestation is not supported by this version of Berth');
  });
});
