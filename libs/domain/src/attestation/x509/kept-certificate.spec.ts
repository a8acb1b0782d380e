import { expect, it } from '@jest/globals';
import { describeWithOpenSsl } from '@berth/testing';
import { certificateInfo, faultInKeptCa, faultInKeptLeaf, keepCertificate } from './kept-certificate.js';

const day = 24 * 3600 * 1000;
const now = Date.now() + 60_000;

describeWithOpenSsl('a certificate that an operator hands in', (openssl) => {
  const root = openssl.root('Root');
  const device = openssl.leaf('Press-01', root);
  const kept = keepCertificate(device.base64)!;
  const pem = openssl.pem(device);

  it('is one PEM block or base64 DER, with blanks around and in between', () => {
    expect(kept).toEqual({ certificate: device.base64, thumbprint: openssl.thumbprint(device.base64) });
    expect(pem.trim().split('\n').length).toBeGreaterThan(3);
    for (const text of [pem, `\n  ${pem}\r\n \n`, pem.replaceAll('\n', '\r\n'), ` ${device.base64}\n\n`]) {
      expect(keepCertificate(text)).toEqual(kept);
    }
  });

  it('is nothing else, and nothing with something beside it', () => {
    for (const text of [
      ...['', 'hello', `${pem}${openssl.pem(root)}`, `Press: ${pem}`, `${pem}.`],
      ...[pem.replace('BEGIN', 'BEGUN'), pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), pem.replace('\n', '\n*')],
    ]) {
      expect(keepCertificate(text)).toBeNull();
    }
  });

  it('may be wrapped, but a text is not looked at that is twice as long as any certificate', () => {
    const padded = (length: number) => device.base64 + ' '.repeat(length - device.base64.length);
    expect(keepCertificate(padded(24 * 1024))).toEqual(kept);
    expect(keepCertificate(padded(24 * 1024 + 1))).toBeNull();
  });

  it("as a device's own names it and holds, now or later", () => {
    expect(faultInKeptLeaf(kept, 'press-01', now)).toBeNull();
    expect(faultInKeptLeaf(kept, 'press-01', now - 2 * day)).toBeNull();
    expect(faultInKeptLeaf(kept, 'press-02', now)).toMatch(/common name 'Press-01'/);
    expect(faultInKeptLeaf(kept, 'press-01', now + 31 * day)).toMatch(/^the certificate expired/);
    expect(faultInKeptLeaf(kept, 'press-02', now + 31 * day)).toMatch(/common name/);
  });

  it('as a CA may issue certificates, now or later', () => {
    const ca = keepCertificate(root.base64)!;
    expect(faultInKeptCa(ca, now)).toBeNull();
    expect(faultInKeptCa(ca, now - 2 * day)).toBeNull();
    expect(faultInKeptCa(ca, now + 31 * day)).toMatch(/^the certificate expired/);
    expect(faultInKeptCa(kept, now)).toBe('the certificate is no CA (basic constraints)');
  });

  it('is shown with what is in it, also without a name', () => {
    const nameless = keepCertificate(openssl.issue('', { issuer: root, subject: '/' }).base64)!;
    expect(certificateInfo(nameless)).toMatchObject({ subjectName: '', issuerName: 'CN=Root' });
    const two = keepCertificate(openssl.issue('', { issuer: root, subject: '/O=Works/CN=Press' }).base64)!;
    const info = certificateInfo(two);
    expect(info).toMatchObject({ subjectName: 'O=Works, CN=Press', sha256Thumbprint: two.thumbprint.toUpperCase() });
    expect(info.sha1Thumbprint).toMatch(/^[0-9A-F]{40}$/);
    expect(Date.parse(info.notAfter) - Date.parse(info.notBefore)).toBe(30 * day);
  });

  it('that was never kept can not be read back', () => {
    const broken = { certificate: 'AAAA', thumbprint: 'aa' };
    expect(() => certificateInfo(broken)).toThrow('A kept certificate can not be read');
  });
});
