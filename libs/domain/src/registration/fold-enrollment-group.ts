import { type GroupAttestation, thumbprintsOf } from '../attestation/attestation.js';
import { type EnrollmentGroupEvent } from '../enrollment-group/enrollment-group.js';
import { type Configuration } from './configuration.js';
import { termsIn } from './fold-enrollment.js';
import { type OpenGroupAttestation } from './group-table.js';
import { openKeys } from './open-keys.js';
import { registrationKey } from './registration-id.js';

/** Folds an event of an enrollment group into the configuration, in place. */
export function foldEnrollmentGroup(configuration: Configuration, event: EnrollmentGroupEvent): void {
  const { groups } = configuration;
  const { name } = event.data;
  const key = registrationKey(name);
  const before = groups.get(key);
  if (event.type === 'EnrollmentGroupCreated') {
    groups.set(key, { name, attestation: opened(event.data.attestation, configuration), terms: termsIn(event.data) });
    return;
  }
  if (!before) return;
  switch (event.type) {
    case 'EnrollmentGroupTermsChanged':
      groups.set(key, { ...before, terms: termsIn({ ...before.terms, ...event.data.changed }) });
      return;
    case 'EnrollmentGroupAttestationReplaced':
      forget(configuration, before.attestation);
      groups.set(key, { ...before, attestation: opened(event.data.attestation, configuration) });
      return;
    case 'EnrollmentGroupEnabled':
    case 'EnrollmentGroupDisabled':
      groups.set(key, { ...before, terms: { ...before.terms, enabled: event.type === 'EnrollmentGroupEnabled' } });
      return;
    case 'EnrollmentGroupDeleted':
      forget(configuration, before.attestation);
      groups.delete(key);
  }
}

function opened(attestation: GroupAttestation, configuration: Configuration): OpenGroupAttestation {
  if (attestation.type === 'symmetricKey') return openKeys(attestation, configuration);
  if (attestation.type === 'x509') {
    for (const kept of [attestation.primary, attestation.secondary]) {
      if (kept) configuration.certificates.bring(kept.thumbprint, kept.certificate);
    }
  }
  return { type: 'x509', thumbprints: thumbprintsOf(attestation) };
}

/** Keys are overwritten, and certificates that nobody has any more complete no chains. */
function forget({ certificates }: Configuration, attestation: OpenGroupAttestation): void {
  if (attestation.type === 'x509') {
    for (const thumbprint of attestation.thumbprints) certificates.bring(thumbprint, null);
    return;
  }
  attestation.primary?.fill(0);
  attestation.secondary?.fill(0);
}
