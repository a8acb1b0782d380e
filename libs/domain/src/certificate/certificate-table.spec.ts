import { expect, it } from '@jest/globals';
import { describeWithOpenSsl, type IssuedCertificate } from '@berth/testing';
import { readCertificate, readIssuer } from '../attestation/x509/certificate.js';
import { keepCertificate } from '../attestation/x509/kept-certificate.js';
import { CertificateTable } from './certificate-table.js';
import { type CertificateHolder, type CertificateUseEvent } from './certificate-use.js';

describeWithOpenSsl('the certificates that decisions go by', (openssl) => {
  const root = openssl.root('Root');
  const line = openssl.ca('Line 7', root);
  const device = openssl.leaf('press-01', line);
  const kept = ({ base64 }: IssuedCertificate) => keepCertificate(base64)!;
  const { thumbprint } = kept(root);
  const use = (type: CertificateUseEvent['type'], holder: CertificateHolder): CertificateUseEvent => {
    return { type, v: 1, data: { thumbprint, holder } };
  };
  const group = { type: 'enrollmentGroup', name: 'Line-7' } as const;
  const works = { type: 'caCertificate', name: 'Works' } as const;
  const upload = (table: CertificateTable, certificate: IssuedCertificate, verified = true) =>
    table.foldCaCertificate({
      type: 'CaCertificateUploaded',
      v: 1,
      data: { name: 'Works', ...kept(certificate), verified },
    });
  const bring = (table: CertificateTable, ...certificates: IssuedCertificate[]) => {
    for (const certificate of certificates) table.bring(kept(certificate).thumbprint, certificate.base64);
  };
  const completed = (table: CertificateTable, ...chain: IssuedCertificate[]) =>
    table.completed(chain.map(({ base64 }) => readIssuer(base64)!)).map((it) => it.x509.raw.toString('base64'));
  const base64 = (...certificates: IssuedCertificate[]) => certificates.map((it) => it.base64);

  it("are those of groups and CA certificates: the devices' own, of which there may be millions, are in no table", () => {
    const table = new CertificateTable();
    table.foldUse(use('CertificateReserved', { type: 'enrollment', name: 'press-01' }));
    expect(table.facts().uses).toEqual([]);
    expect(table.groupOf(thumbprint)).toBeNull();
    table.foldUse(use('CertificateReserved', group));
    table.foldUse(use('CertificateReserved', works));
    expect(table.groupOf(thumbprint)).toBe('Line-7');
    table.foldUse(use('CertificateReleased', group));
    expect(table.groupOf(thumbprint)).toBeNull();
    expect(table.facts().uses).toHaveLength(1);
    table.foldUse(use('CertificateReleased', works));
    expect(table.facts().uses).toEqual([]);
  });

  it('vouch for chains once they are uploaded, verified, and still the ones that were reserved under that name', () => {
    const table = new CertificateTable();
    upload(table, root);
    expect(table.isVerifiedCa(thumbprint)).toBe(false);
    table.foldUse(use('CertificateReserved', group));
    expect(table.isVerifiedCa(thumbprint)).toBe(false);
    table.foldUse(use('CertificateReserved', works));
    expect(table.isVerifiedCa(thumbprint)).toBe(true);
    table.foldCaCertificate({ type: 'CaCertificateDeleted', v: 1, data: { name: 'WORKS' } });
    expect(table.isVerifiedCa(thumbprint)).toBe(false);
    expect(table.facts().caCertificates).toEqual([]);
    upload(table, root, false);
    expect(table.isVerifiedCa(thumbprint)).toBe(false);
    table.foldCaCertificate({ type: 'CaCertificateVerified', v: 1, data: { name: 'works', by: 'operator' } });
    expect(table.isVerifiedCa(thumbprint)).toBe(true);
    // Another certificate under the name, before its reservation was recorded.
    upload(table, line);
    expect(table.isVerifiedCa(thumbprint)).toBe(false);
  });

  it('complete a chain with the issuers that are there at the time', () => {
    const table = new CertificateTable();
    expect(completed(table, device)).toEqual(base64(device));
    upload(table, root, false);
    expect(completed(table, device)).toEqual(base64(device));
    bring(table, line);
    expect(completed(table, device)).toEqual(base64(device, line, root));
    expect(completed(table, device, line)).toEqual(base64(device, line, root));
    expect(completed(table, device, line, root)).toEqual(base64(device, line, root));
    table.bring(kept(line).thumbprint, null);
    expect(completed(table, device)).toEqual(base64(device));
    // However often it was read.
    expect(table.completed([readCertificate(root.base64)!])).toHaveLength(1);
  });

  it('complete it with the one that signed, of several by one name, and not by another that says it did', () => {
    const table = new CertificateTable();
    const [twin, third] = [openssl.ca('Line 7', root), openssl.ca('Line 7', root)];
    bring(table, twin, line, third);
    expect(completed(table, device)).toEqual(base64(device, line));
    table.bring(kept(line).thumbprint, null);
    expect(completed(table, device)).toEqual(base64(device));
  });

  it('do not lead a chain in a circle, nor beyond what a path may have', () => {
    const table = new CertificateTable();
    const [east, west] = [openssl.root('East'), openssl.root('West')];
    const eastByWest = openssl.ca('East', west, { keyOf: east });
    const westByEast = openssl.ca('West', east, { keyOf: west });
    bring(table, eastByWest, westByEast);
    const eastern = openssl.leaf('press-01', east);
    expect(completed(table, eastern)).toEqual(base64(eastern, eastByWest, westByEast));

    const cas = [root];
    while (cas.length < 12) cas.unshift(openssl.ca(`Level ${cas.length}`, cas[0]!));
    bring(table, ...cas);
    const deep = openssl.leaf('press-01', cas[0]!);
    expect(completed(table, deep)).toEqual(base64(deep, ...cas.slice(0, 9)));
  });

  it('come back from their facts', () => {
    const table = new CertificateTable();
    upload(table, root);
    bring(table, line);
    table.foldUse(use('CertificateReserved', works));
    const restored = new CertificateTable();
    expect(completed(restored, device)).toEqual(base64(device));
    restored.restore(JSON.parse(JSON.stringify(table.facts())) as ReturnType<CertificateTable['facts']>);
    expect(restored.facts()).toEqual(table.facts());
    expect(restored.isVerifiedCa(thumbprint)).toBe(true);
    expect(completed(restored, device)).toEqual(base64(device, line, root));
  });
});
