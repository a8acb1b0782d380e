import { expect, it } from '@jest/globals';
import { describeWithOpenSsl, givenWhenThen } from '@berth/testing';
import { certificateInfo, keepCertificate } from '../attestation/x509/kept-certificate.js';
import {
  beginVerification,
  type CaCertificate,
  type CaCertificateEvent,
  deleteCaCertificate,
  evolveCaCertificate,
  noCaCertificate,
  uploadCaCertificate,
  verifyCaCertificate,
} from './ca-certificate.js';

const given = givenWhenThen({ initial: noCaCertificate, evolve: evolveCaCertificate });
const at = Date.now() + 60_000;

describeWithOpenSsl('a CA certificate', (openssl) => {
  const root = openssl.root('Works Root');
  const kept = keepCertificate(root.base64)!;
  const room = { count: 24, max: 25 };
  const uploaded = (verified = false): CaCertificateEvent => ({
    type: 'CaCertificateUploaded',
    v: 1,
    data: { name: 'Works', ...kept, verified },
  });
  const upload =
    (change: { name?: string; verified?: boolean; limit?: typeof room } = {}, certificate = kept) =>
    (ca: CaCertificate) =>
      uploadCaCertificate({ name: 'Works', ...certificate, verified: false, at, limit: room, ...change }, ca);
  const begun: CaCertificateEvent = {
    type: 'CaCertificateVerificationBegun',
    v: 1,
    data: { name: 'Works', code: 'the-code' },
  };
  const begin = (code: string) => (ca: CaCertificate) => beginVerification({ name: 'works', code }, ca);
  const verify = (proof: string | null) => (ca: CaCertificate) => verifyCaCertificate({ name: 'works', proof, at }, ca);
  const verified = (by: 'operator' | 'proofOfPossession'): CaCertificateEvent => ({
    type: 'CaCertificateVerified',
    v: 1,
    data: { name: 'Works', by },
  });

  it('is uploaded, verified at once or not, and no more than there may be', () => {
    given().when(upload()).then(uploaded());
    given()
      .when(upload({ verified: true }))
      .then(uploaded(true));
    given(uploaded()).when(upload()).thenNothing();
    given(uploaded())
      .when(upload({ verified: true }))
      .thenRejected({ kind: 'caCertificateExists', name: 'Works' });
    const other = keepCertificate(openssl.root('Works Root').base64)!;
    given(uploaded()).when(upload({}, other)).thenRejected({ kind: 'caCertificateExists', name: 'Works' });
    given()
      .when(upload({ limit: { count: 25, max: 25 } }))
      .thenRejected({ kind: 'tooManyCaCertificates', max: 25 });
    given()
      .when(upload({ name: 'a b' }))
      .thenRejected({ kind: 'invalidCaCertificateName', name: 'a b' });
  });

  it('is not there before it is uploaded, whatever else is said of it', () => {
    expect(evolveCaCertificate(noCaCertificate, verified('operator'))).toBe(noCaCertificate);
    given().when(begin('the-code')).thenRejected({ kind: 'caCertificateNotFound', name: 'works' });
  });

  it('issues certificates', () => {
    const leaf = keepCertificate(openssl.leaf('press-01', root).base64)!;
    given()
      .when(upload({}, leaf))
      .thenRejected({ kind: 'invalidCertificate', slot: null, reason: 'the certificate is no CA (basic constraints)' });
  });

  it('is verified by word of the operator', () => {
    given(uploaded()).when(verify(null)).then(verified('operator'));
    given(uploaded(true)).when(verify(null)).thenNothing();
    given(uploaded(), verified('operator')).when(verify(null)).thenNothing();
    given().when(verify(null)).thenRejected({ kind: 'caCertificateNotFound', name: 'works' });
  });

  it('is verified by a certificate that has the latest code as its name and that it issued', () => {
    const proof = (subject: string, issuer = root) => openssl.leaf(subject, issuer).base64;
    given(uploaded()).when(begin('the-code')).then(begun);
    given(uploaded(), begun).when(begin('the-code')).thenNothing();
    given(uploaded(), begun)
      .when(verify(proof('the-code')))
      .then(verified('proofOfPossession'));
    given(uploaded())
      .when(verify(proof('the-code')))
      .thenRejected({ kind: 'verificationNotBegun', name: 'Works' });
    const refused = (reason: string) => ({ kind: 'verificationFailed' as const, reason });
    given(uploaded(), begun).when(verify('rubbish')).thenRejected(refused('it is no X.509 certificate'));
    given(uploaded(), begun)
      .when(verify(proof('another-code')))
      .thenRejected(refused('its common name is not the code'));
    given(uploaded(), begun)
      .when(verify(proof('the-code', openssl.root('Works Root'))))
      .thenRejected(refused('it was not issued by the CA'));
    given(uploaded(), begun)
      .when(verify(openssl.leaf('', root, { subject: '/CN=the-code/CN=press-01' }).base64))
      .thenRejected(refused('its common name is not the code'));
    given(uploaded(), begun)
      .when((ca) =>
        verifyCaCertificate({ name: 'works', proof: proof('the-code'), at: at + 31 * 24 * 3600 * 1000 }, ca),
      )
      .thenRejected(refused(expect.stringMatching(/^it expired at/) as unknown as string));
    const renewed: CaCertificateEvent = { ...begun, data: { name: 'Works', code: 'newer' } };
    given(uploaded(), begun, renewed)
      .when(verify(proof('the-code')))
      .thenRejected(refused('its common name is not the code'));
    given(uploaded(), begun, verified('operator')).when(begin('x')).thenNothing();
  });

  it('is deleted once', () => {
    const deleted: CaCertificateEvent = { type: 'CaCertificateDeleted', v: 1, data: { name: 'Works' } };
    given(uploaded())
      .when((ca) => deleteCaCertificate({ name: 'works' }, ca))
      .then(deleted);
    given(uploaded(), deleted)
      .when((ca) => deleteCaCertificate({ name: 'works' }, ca))
      .thenRejected({ kind: 'caCertificateNotFound', name: 'works' });
    given(uploaded(true), deleted).when(upload()).then(uploaded());
  });

  it('can be described', () => {
    const two = keepCertificate(openssl.root('', { subject: '/O=Works/CN=Works Root' }).base64)!;
    expect(certificateInfo(two)).toMatchObject({
      subjectName: 'O=Works, CN=Works Root',
      issuerName: 'O=Works, CN=Works Root',
      sha256Thumbprint: two.thumbprint.toUpperCase(),
      sha1Thumbprint: expect.stringMatching(/^[0-9A-F]{40}$/),
      serialNumber: expect.stringMatching(/^[0-9A-F]+$/),
      notBefore: expect.stringMatching(/Z$/),
    });
  });
});
