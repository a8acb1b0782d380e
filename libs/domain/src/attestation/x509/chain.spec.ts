import { expect, it } from '@jest/globals';
import {
  caExtensions,
  type CertificateWish,
  type IssuedCertificate,
  describeWithOpenSsl,
  leafExtensions,
} from '@berth/testing';
import { readCertificate, readIssuer } from './certificate.js';
import { faultInLeaf, readChain } from './leaf.js';
import { faultInPath } from './path.js';

const day = 24 * 3600 * 1000;
const now = Date.now() + 60_000;
const id = 'Press-01';

/** The whole of what is asked of a chain, whoever trusts its end. */
function faultIn(chain: readonly (IssuedCertificate | string)[], at = now, registrationId = id): string | null {
  const certificates = readChain(chain.map((it) => (typeof it === 'string' ? it : it.base64)));
  if (typeof certificates === 'string') return certificates;
  return faultInLeaf(certificates[0], registrationId) ?? faultInPath(certificates, at);
}

describeWithOpenSsl('a chain made by openssl', (openssl) => {
  const root = openssl.root('Root', { days: 400 });
  const factory = openssl.ca('Factory', root, { days: 300 });
  const line = openssl.ca('Line 7', factory, { days: 200 });
  const leaf = (issuer: IssuedCertificate, wish: CertificateWish = {}) => openssl.leaf(id, issuer, wish);
  const device = leaf(line);

  const rsaRoot = openssl.root('RSA Root', { key: 'rsa' });
  const rsaCa = openssl.ca('RSA Factory', rsaRoot, { key: 'rsa', digest: 'sha384' });

  it.each([
    ['EC, whole', () => [device, line, factory, root]],
    ['EC, without its root', () => [device, line, factory]],
    ['EC, the leaf alone', () => [device]],
    ['RSA, whole', () => [leaf(rsaCa, { key: 'rsa', digest: 'sha512' }), rsaCa, rsaRoot]],
    ['RSA above, EC below', () => [leaf(rsaCa), rsaCa, rsaRoot]],
    ['Ed25519 below', () => [leaf(factory, { key: 'ed25519' }), factory, root]],
    ['Ed448, by which it vouches for itself', () => [openssl.issue(id, { issuer: null, key: 'ed448' })]],
    ['a self-signed leaf, as `openssl req -x509` makes it', () => [openssl.issue(id, { issuer: null })]],
    ['a leaf without any extension', () => [leaf(factory, { extensions: [] }), factory]],
    [
      'a leaf with other names in its subject',
      () => [leaf(factory, { subject: `/O=Works/CN=${id}/OU=Line` }), factory],
    ],
    ['a common name in another case', () => [leaf(factory, { subject: '/CN=PRESS-01' }), factory]],
    [
      'critical extensions that are known',
      () => [
        leaf(factory, {
          extensions: [
            'basicConstraints=critical,CA:FALSE',
            'keyUsage=critical,digitalSignature',
            'extendedKeyUsage=critical,serverAuth,clientAuth',
            'subjectAltName=critical,DNS:press-01',
            'certificatePolicies=critical,1.2.3.4',
          ],
        }),
        factory,
      ],
    ],
    [
      'path lengths that just suffice',
      () => {
        const top = openssl.root('Top', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1'] });
        const mid = openssl.ca('Mid', top, { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] });
        return [leaf(mid), mid, top];
      },
    ],
    [
      'a CA that vouches for its own next key, which no path length counts',
      () => {
        const top = openssl.root('Top', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1'] });
        const before = openssl.ca('Mid', top, { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] });
        const after = openssl.ca('Mid', before);
        return [leaf(after), after, before, top];
      },
    ],
    [
      'ten certificates',
      () => {
        const cas = [root];
        while (cas.length < 9) cas.unshift(openssl.ca(`Level ${cas.length}`, cas[0]!));
        return [leaf(cas[0]!), ...cas];
      },
    ],
    [
      'a root that vouches for itself with SHA-1',
      () => {
        const old = openssl.root('Old', { key: 'rsa', digest: 'sha1' });
        return [leaf(old), old];
      },
    ],
  ])('holds: %s', (_what, chain) => {
    expect(faultIn(chain())).toBeNull();
  });

  it('holds from its first to its last second and not beyond', () => {
    const { notBefore, notAfter } = readCertificate(device.base64)!;
    expect(faultIn([device, line, factory, root], notBefore)).toBeNull();
    expect(faultIn([device, line, factory, root], notAfter)).toBeNull();
    expect(faultIn([device], notBefore - 1)).toMatch(/certificate 1 \(Press-01\) is not valid before/);
    expect(faultIn([device], notAfter + 1)).toMatch(/certificate 1 \(Press-01\) expired/);
  });

  const shortLived = openssl.ca('Short', root, { days: 10 });
  const twin = openssl.ca('Factory', root, { days: 300 });
  const altered = (certificate: IssuedCertificate) => {
    const der = Buffer.from(certificate.base64, 'base64');
    der[der.length - 3]! ^= 1;
    return der.toString('base64');
  };
  const withExtensions = (...extensions: string[]) => [...leafExtensions, ...extensions];

  const bad: [string, () => readonly (IssuedCertificate | string)[], RegExp, number?][] = [
    ['nothing', () => [], /chain is empty/],
    ['eleven certificates', () => Array<IssuedCertificate>(11).fill(device), /has 11 certificates, 10 at most/],
    ['no base64', () => ['*'.repeat(400)], /certificate 1 of the chain is no X.509/],
    ['empty text', () => [device, ''], /certificate 2 of the chain is no X.509/],
    ['base64 of something else', () => [Buffer.from('hello').toString('base64')], /is no X.509/],
    ['a truncated certificate', () => [device.base64.slice(0, 400)], /is no X.509/],
    [
      'bytes after a certificate',
      () => [Buffer.from([...Buffer.from(device.base64, 'base64'), 0]).toString('base64')],
      /is no X.509/,
    ],
    ['PEM', () => [Buffer.from(openssl.pem(device)).toString('base64')], /is no X.509/],
    ['a line break in base64', () => [`${device.base64.slice(0, 64)}\n${device.base64.slice(64)}`], /is no X.509/],
    ['17 KB', () => [leaf(factory, { extensions: [`nsComment=${'x'.repeat(13_000)}`] })], /is no X.509/],
    ['a leaf past its time', () => [device, line, factory, root], /certificate 1 .* expired/, now + 31 * day],
    ['a leaf before its time', () => [device, line, factory, root], /certificate 1 .* not valid before/, now - day],
    [
      'a CA past its time',
      () => [leaf(shortLived, { days: 30 }), shortLived, root],
      /certificate 2 \(Short\) expired/,
      now + 11 * day,
    ],
    [
      'a root past its time',
      () => [leaf(factory, { days: 500 }), openssl.ca('Factory', root, { days: 500, keyOf: factory }), root],
      /certificate 3 \(Root\) expired/,
      now + 401 * day,
    ],
    [
      'an issuer that is no CA',
      () => {
        const it = openssl.ca('Not', root, { extensions: ['basicConstraints=critical,CA:FALSE'] });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Not\) is no CA/,
    ],
    [
      'an issuer without basic constraints',
      () => {
        const it = openssl.ca('Bare', root, { extensions: ['keyUsage=keyCertSign'] });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Bare\) is no CA/,
    ],
    [
      'a device as issuer',
      () => [openssl.leaf('Press-01', device), device, line, factory, root],
      /certificate 2 \(Press-01\) is no CA/,
    ],
    [
      'an issuer that may not sign certificates',
      () => {
        const it = openssl.ca('Crl', root, {
          extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'],
        });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Crl\) may not sign certificates/,
    ],
    [
      'a CA too many under the root',
      () => {
        const top = openssl.root('Top0', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] });
        const mid = openssl.ca('Mid', top);
        return [leaf(mid), mid, top];
      },
      /certificate 3 \(Top0\) allows 0 CAs below it, the chain has 1/,
    ],
    [
      'a CA too many in the middle',
      () => {
        const mid = openssl.ca('Mid1', root, { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] });
        const low = openssl.ca('Low', mid);
        return [leaf(low), low, mid, root];
      },
      /certificate 3 \(Mid1\) allows 0/,
    ],
    [
      'a leaf that may not sign',
      () => [leaf(factory, { extensions: ['keyUsage=critical,keyEncipherment'] }), factory],
      /may not sign \(key usage\)/,
    ],
    [
      'a leaf for servers only',
      () => [leaf(factory, { extensions: ['extendedKeyUsage=serverAuth'] }), factory],
      /not for TLS clients/,
    ],
    [
      'an unknown critical extension in the leaf',
      () => [leaf(factory, { extensions: withExtensions('1.2.3.4.5=critical,ASN1:UTF8String:x') }), factory],
      /certificate 1 .* critical extension .* 1\.2\.3\.4\.5/,
    ],
    [
      'an unknown critical extension in a CA',
      () => {
        const it = openssl.ca('Odd', root, { extensions: [...caExtensions, '1.2.3.4.5=critical,ASN1:NULL'] });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Odd\) .* 1\.2\.3\.4\.5/,
    ],
    [
      'critical name constraints',
      () => {
        const it = openssl.ca('Named', root, {
          extensions: [...caExtensions, 'nameConstraints=critical,permitted;DNS:example.test'],
        });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Named\) .* 2\.5\.29\.30/,
    ],
    [
      'another common name',
      () => [leaf(factory, { subject: '/CN=press-02' }), factory],
      /common name 'press-02', which is not the registration id/,
    ],
    ['no common name', () => [leaf(factory, { subject: `/O=${id}` }), factory], /has 0 common names/],
    ['no subject at all', () => [leaf(factory, { subject: '/' }), factory], /has 0 common names/],
    ['two common names', () => [leaf(factory, { subject: `/CN=${id}/CN=press-02` }), factory], /has 2 common names/],
    [
      'an altered signature',
      () => [altered(device), line, factory, root],
      /certificate 1 .* was not issued by certificate 2 \(Line 7\)/,
    ],
    [
      "another CA of the issuer's name",
      () => [leaf(factory), twin, root],
      /certificate 1 .* was not issued by certificate 2 \(Factory\)/,
    ],
    [
      'an altered CA',
      () => [leaf(factory), altered(factory), root],
      /certificate 2 \(Factory\) was not issued by certificate 3 \(Root\)/,
    ],
    ['a gap', () => [device, factory, root], /certificate 1 .* was not issued by certificate 2 \(Factory\)/],
    [
      'the wrong order',
      () => [device, root, factory, line],
      /certificate 1 .* was not issued by certificate 2 \(Root\)/,
    ],
    ['root first', () => [root, factory, line, device], /common name 'Root'/],
    [
      'a stranger on top',
      () => [device, line, factory, openssl.root('Stranger')],
      /certificate 3 \(Factory\) was not issued by certificate 4 \(Stranger\)/,
    ],
    [
      'SHA-1',
      () => {
        const it = openssl.ca('Sha1', root, { key: 'rsa' });
        return [leaf(it, { digest: 'sha1' }), it, root];
      },
      /certificate 1 .* is signed by .*sha1.*not taken/i,
    ],
    [
      'RSA-PSS',
      () => {
        const it = openssl.ca('Pss', root, { key: 'rsa' });
        return [leaf(it, { signing: ['-sigopt', 'rsa_padding_mode:pss'] }), it, root];
      },
      /is signed by .*pss.*not taken/i,
    ],
    [
      'a 1024-bit key in the leaf',
      () => [leaf(factory, { key: 'rsa1024' }), factory],
      /certificate 1 .* RSA key of 1024 bits/,
    ],
    [
      'a 1024-bit key in a CA',
      () => {
        const it = openssl.ca('Weak', root, { key: 'rsa1024' });
        return [leaf(it), it, root];
      },
      /certificate 2 \(Weak\) .* 1024 bits/,
    ],
    ['an unusual curve', () => [leaf(factory, { key: 'secp256k1' }), factory], /key on secp256k1/],
  ];
  it.each(bad.map(([what, chain, reason, at = now]) => [what, chain, reason, at] as const))(
    'is refused: %s',
    (_what, chain, reason, at) => {
      expect(faultIn(chain(), at)).toMatch(reason);
    },
  );

  it('is refused for an id that no common name can hold', () => {
    expect(faultIn([device], now, 'x'.repeat(65))).toMatch(/at most 64 characters/);
  });

  it('gives the same answer whether its CAs were seen before or not', () => {
    expect(readIssuer(line.base64)).toBe(readIssuer(line.base64));
    expect(faultIn([device, line, factory, root])).toBeNull();
    expect(faultIn([device, line, factory, root])).toBeNull();
    expect(faultIn([device, line, factory, root], now + 201 * day)).toMatch(/certificate 1 .* expired/);
  });
});
