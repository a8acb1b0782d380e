import { type Certificate, readIssuer } from '../attestation/x509/certificate.js';
import { isIssuedBy, pathLengthMax } from '../attestation/x509/path.js';
import { registrationKey } from '../registration/registration-id.js';
import { type CaCertificate, type CaCertificateEvent, evolveCaCertificate, noCaCertificate } from './ca-certificate.js';
import {
  type CertificateUse,
  type CertificateUseEvent,
  evolveCertificateUse,
  unusedCertificate,
} from './certificate-use.js';

/** A certificate table as snapshots keep it. */
export interface CertificateFacts {
  uses: [string, CertificateUse][];
  caCertificates: [string, CaCertificate][];
  brought: [string, string][];
}

/**
 * The certificates that decisions go by: uploaded CA certificates, those that groups brought, and whom each belongs to. A few
 * hundred at most; the devices' own are in no table, for they name their enrollment by their common name.
 */
export class CertificateTable {
  /** By thumbprint. */
  private readonly uses = new Map<string, CertificateUse>();
  private readonly caCertificates = new Map<string, CaCertificate>();
  /** Certificates that groups brought, base64 DER by thumbprint. */
  private readonly brought = new Map<string, string>();
  /** Kept certificates by subject, to complete chains with; null after a change, until somebody asks. */
  private bySubject: Map<string, Certificate[]> | null = null;

  foldUse(event: CertificateUseEvent): void {
    const { thumbprint, holder } = event.data;
    if (holder.type === 'enrollment') return;
    const use = evolveCertificateUse(this.uses.get(thumbprint) ?? unusedCertificate, event);
    if (use.entry || use.caCertificate) this.uses.set(thumbprint, use);
    else this.uses.delete(thumbprint);
    this.bySubject = null;
  }

  foldCaCertificate(event: CaCertificateEvent): void {
    const key = registrationKey(event.data.name);
    const ca = evolveCaCertificate(this.caCertificates.get(key) ?? noCaCertificate, event);
    if (ca.status === 'uploaded') this.caCertificates.set(key, ca);
    else this.caCertificates.delete(key);
    this.bySubject = null;
  }

  /** A group brought this certificate, or (null) no longer has it. */
  bring(thumbprint: string, certificate: string | null): void {
    if (certificate === null) this.brought.delete(thumbprint);
    else this.brought.set(thumbprint, certificate);
    this.bySubject = null;
  }

  /** The group that a certificate belongs to, by name; null when it belongs to none. */
  groupOf(thumbprint: string): string | null {
    const entry = this.uses.get(thumbprint)?.entry;
    return entry?.type === 'enrollmentGroup' ? entry.name : null;
  }

  /** Whether it was uploaded and somebody has shown, or vouched for, having its key. */
  isVerifiedCa(thumbprint: string): boolean {
    const name = this.uses.get(thumbprint)?.caCertificate?.name;
    const ca = name === undefined ? undefined : this.caCertificates.get(registrationKey(name));
    return ca?.status === 'uploaded' && ca.verified && ca.thumbprint === thumbprint;
  }

  /** The chain with the issuers that are kept here and that the device didn't send, as far as they reach. */
  completed(chain: readonly Certificate[]): readonly Certificate[] {
    const path = [...chain];
    while (path.length < pathLengthMax) {
      const last = path.at(-1) as Certificate;
      const issuer = this.issuersNamed(last.issuer).find(
        (it) => !path.some(({ thumbprint }) => thumbprint === it.thumbprint) && isIssuedBy(last, it),
      );
      if (!issuer) break;
      path.push(issuer);
    }
    return path;
  }

  /** All of it as plain JSON, for snapshots. */
  facts(): CertificateFacts {
    const { uses, caCertificates, brought } = this;
    return { uses: [...uses], caCertificates: [...caCertificates], brought: [...brought] };
  }

  /** Into an empty table. */
  restore({ uses, caCertificates, brought }: CertificateFacts): void {
    for (const [thumbprint, use] of uses) this.uses.set(thumbprint, use);
    for (const [key, ca] of caCertificates) this.caCertificates.set(key, ca);
    for (const [thumbprint, certificate] of brought) this.brought.set(thumbprint, certificate);
    this.bySubject = null;
  }

  private issuersNamed(subject: string): readonly Certificate[] {
    if (!this.bySubject) {
      this.bySubject = new Map();
      const uploaded = [...this.caCertificates.values()].flatMap((ca) =>
        ca.status === 'uploaded' ? [ca.certificate] : [],
      );
      for (const base64 of new Set([...uploaded, ...this.brought.values()])) {
        const certificate = readIssuer(base64);
        if (!certificate) continue;
        const others = this.bySubject.get(certificate.subject);
        if (others) others.push(certificate);
        else this.bySubject.set(certificate.subject, [certificate]);
      }
    }
    return this.bySubject.get(subject) ?? [];
  }
}
