import { expect, it } from '@jest/globals';
import { describeWithOpenSsl, type IssuedCertificate } from '@berth/testing';
import { readCertificate, readIssuer } from './certificate.js';
import { faultInLeaf, readChain } from './leaf.js';
import { faultInCertificate, nameOf } from './path.js';

const id = 'press-01';

describeWithOpenSsl('a certificate made by openssl', (openssl) => {
  const selfSigned = (...extensions: string[]) => openssl.issue(id, { issuer: null, extensions });
  /** One object identifier instead of another of the same length, both as DER in hex. */
  const patched = ({ base64 }: IssuedCertificate, from: string, to: string) => {
    const hex = Buffer.from(base64, 'base64').toString('hex');
    return readCertificate(Buffer.from(hex.replaceAll(from, to), 'hex').toString('base64'))!;
  };

  it('goes by the SHA-256 of its DER, in lower-case hex', () => {
    const { base64 } = selfSigned();
    expect(readCertificate(base64)!.thumbprint).toBe(openssl.thumbprint(base64));
  });

  it('is read up to 12 KB, and not beyond', () => {
    // Of a length that hangs on its comment alone.
    const even = { issuer: null, key: 'ed25519', signing: ['-set_serial', '1'] } as const;
    const commented = (characters: number) =>
      openssl.issue(id, { ...even, extensions: [`nsComment=${'x'.repeat(characters)}`] }).base64;
    const frame = Buffer.from(commented(12_000), 'base64').length - 12_000;
    expect(readCertificate(commented(12 * 1024 - frame))).toMatchObject({ commonNames: [id] });
    expect(readCertificate(commented(12 * 1024 - frame + 1))).toBeNull();
  });

  it('is not one when it says nothing, or has another shape than RFC 5280 gives it', () => {
    expect(readCertificate('')).toBeNull();
    expect(readCertificate('AAAA')).toBeNull();
    expect(readCertificate(selfSigned('keyUsage=DER:03020780').base64)).toMatchObject({
      keyUsage: { digitalSignature: true, keyCertSign: false },
    });
    for (const malformed of [
      // A key usage with something behind it, and one that is no bit string.
      'keyUsage=DER:030207800500',
      'keyUsage=DER:040180',
      // Purposes in another frame than a sequence, and one that is a text.
      'extendedKeyUsage=DER:A00A06082B06010505070302',
      'extendedKeyUsage=DER:30130C11312E332E362E312E352E352E372E332E32',
      'basicConstraints=DER:0500',
    ]) {
      expect(readCertificate(selfSigned(malformed).base64)).toBeNull();
    }
  });

  it('is refused when it has an extension twice, for readers differ in which of the two they see', () => {
    const two = selfSigned('1.2.3.4.5=ASN1:NULL', '1.2.3.4.6=ASN1:NULL');
    const at = Date.now() + 60_000;
    expect(faultInCertificate(readCertificate(two.base64)!, at)).toBeNull();
    expect(faultInCertificate(patched(two, '06042a030406', '06042a030405'), at)).toBe('has extension 1.2.3.4.5 twice');
  });

  it('is spoken of by no more of its name than a name may have', () => {
    expect(faultInLeaf(readCertificate(openssl.leaf('p'.repeat(64), null).base64)!, 'P'.repeat(64))).toBeNull();
    expect(nameOf(readCertificate(openssl.leaf('p'.repeat(64), null).base64)!, 0)).toBe(
      `certificate 1 (${'p'.repeat(64)})`,
    );
    // Openssl makes no such common name, but a description may be as long.
    const long = openssl.issue('', { issuer: null, subject: `/description=${'x'.repeat(900)}` });
    const certificate = patched(long, '060355040d', '0603550403');
    expect(nameOf(certificate, 0)).toBe(`certificate 1 (${'x'.repeat(64)}…)`);
    expect(faultInLeaf(certificate, id)).toBe(
      `the device's certificate has the common name '${'x'.repeat(64)}', which is not the registration id`,
    );
  });

  it('is remembered as an issuer, not as a device, and only so many are', () => {
    const chain = [openssl.leaf(id, null).base64, selfSigned().base64];
    const [[device, issuer], [again, same]] = [readChain(chain), readChain(chain)];
    expect(again).not.toBe(device);
    expect(same).toBe(issuer);
    expect(readIssuer(chain[0]!)).not.toBe(issuer);
    expect(readIssuer(chain[1]!)).toBe(issuer);
    for (let number = 0; number < 256; number += 1) expect(readIssuer(`rubbish ${number}`)).toBeNull();
    expect(readIssuer(chain[1]!)).not.toBe(issuer);
  });
});
