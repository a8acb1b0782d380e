import { describe, expect, it } from '@jest/globals';
import { givenWhenThen } from '@berth/testing';
import fc from 'fast-check';
import {
  type CertificateHolder,
  type CertificateUse,
  type CertificateUseEvent,
  evolveCertificateUse,
  releaseCertificate,
  reserveCertificate,
  takeOverCertificate,
  unusedCertificate,
} from './certificate-use.js';

const given = givenWhenThen({ initial: unusedCertificate, evolve: evolveCertificateUse });
const thumbprint = 'aa';
const press: CertificateHolder = { type: 'enrollment', name: 'Press-01' };
const line: CertificateHolder = { type: 'enrollmentGroup', name: 'Line-7' };
const hall: CertificateHolder = { type: 'enrollmentGroup', name: 'Hall-2' };
const works: CertificateHolder = { type: 'caCertificate', name: 'Works' };
const reserved = (holder: CertificateHolder): CertificateUseEvent => ({
  type: 'CertificateReserved',
  v: 1,
  data: { thumbprint, holder },
});
const released = (holder: CertificateHolder): CertificateUseEvent => ({
  type: 'CertificateReleased',
  v: 1,
  data: { thumbprint, holder },
});
const reserve =
  (holder: CertificateHolder, caCertificate: string | null = null) =>
  (use: CertificateUse) =>
    reserveCertificate({ thumbprint, holder, caCertificate }, use);
const release = (holder: CertificateHolder) => (use: CertificateUse) => releaseCertificate({ thumbprint, holder }, use);

describe('a certificate', () => {
  it('belongs to one enrollment or group', () => {
    given().when(reserve(press)).then(reserved(press));
    given(reserved(press)).when(reserve(press)).thenNothing();
    given(reserved(press))
      .when(reserve({ ...press, name: 'PRESS-01' }))
      .thenNothing();
    for (const other of [line, { ...press, name: 'press-02' }, { ...line, name: 'Press-01' }]) {
      given(reserved(press)).when(reserve(other)).thenRejected({ kind: 'certificateInUse', thumbprint, holder: press });
    }
  });

  it('may be an uploaded CA certificate besides, under one name', () => {
    given(reserved(line)).when(reserve(works)).then(reserved(works));
    given(reserved(works))
      .when(reserve({ ...works, name: 'Other' }))
      .thenRejected({ kind: 'certificateInUse', thumbprint, holder: works });
  });

  it('is referred to only while it is uploaded under that name', () => {
    given(reserved(works)).when(reserve(line, 'WORKS')).then(reserved(line));
    given().when(reserve(line, 'Works')).thenRejected({ kind: 'caCertificateNotFound', name: 'Works' });
    given(reserved(works), released(works))
      .when(reserve(line, 'Works'))
      .thenRejected({ kind: 'caCertificateNotFound', name: 'Works' });
    given(reserved(works)).when(reserve(line, 'Other')).thenRejected({ kind: 'caCertificateNotFound', name: 'Other' });
  });

  it('is released by whoever has it, once', () => {
    given(reserved(press)).when(release(press)).then(released(press));
    given(reserved(press), released(press)).when(release(press)).thenNothing();
    given(reserved(press)).when(release(line)).thenNothing();
    given(reserved(press), released(press)).when(reserve(line)).then(reserved(line));
  });

  it('is not let go as a CA certificate while a group goes by it', () => {
    given(reserved(works), reserved(line))
      .when(release(works))
      .thenRejected({ kind: 'caCertificateReferenced', name: 'Works', holder: line });
    given(reserved(works), reserved(line), released(line)).when(release(works)).then(released(works));
  });

  it('is taken over from a holder that does not have it, and from nobody else', () => {
    const takeOver = (from: CertificateHolder) => (use: CertificateUse) =>
      takeOverCertificate({ thumbprint, holder: hall, caCertificate: null, from }, use);
    given(reserved(line)).when(takeOver(line)).then(released(line), reserved(hall));
    given(reserved(press)).when(takeOver(line)).thenRejected({ kind: 'certificateInUse', thumbprint, holder: press });
    given().when(takeOver(line)).then(reserved(hall));
    given(reserved(hall)).when(takeOver(line)).thenNothing();
  });

  it('has one holder of each kind whatever is asked, and the same wish twice is nothing', () => {
    const anyHolder = fc.constantFrom(press, line, hall, works, { ...works, name: 'Other' });
    const anyStep = fc.tuple(fc.boolean(), anyHolder, fc.constantFrom(null, 'Works', 'Other'));
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 20 }), (steps) => {
        let use = unusedCertificate;
        for (const [isReservation, holder, caCertificate] of steps) {
          const decide = () => (isReservation ? reserve(holder, caCertificate)(use) : release(holder)(use));
          const decision = decide();
          if (!decision.ok) continue;
          const before = use;
          use = decision.events.reduce(evolveCertificateUse, use);
          const field = holder.type === 'caCertificate' ? 'caCertificate' : 'entry';
          if (isReservation) expect([null, before[field]]).toContainEqual(before[field]);
          if (isReservation && before[field]) expect(use).toEqual(before);
          expect(decide()).toEqual({ ok: true, events: [] });
        }
      }),
    );
  });
});
