import { type Attestation } from '../attestation/attestation.js';
import { type EnrollmentEvent } from '../enrollment/enrollment.js';
import { type Configuration } from './configuration.js';
import { type EnrollmentTerms, type OpenAttestation } from './enrollment-table.js';
import { openKeys } from './open-keys.js';
import { registrationKey } from './registration-id.js';

/** Folds an event of an individual enrollment into the configuration, in place. */
export function foldEnrollment(configuration: Configuration, event: EnrollmentEvent): void {
  const { enrollments } = configuration;
  const key = registrationKey(event.data.registrationId);
  if (event.type === 'EnrollmentCreated') {
    const { registrationId, deviceId } = event.data;
    const attestation = opened(event.data.attestation, configuration);
    enrollments.set(key, { registrationId, deviceId, attestation, terms: termsIn(event.data) });
    return;
  }
  const before = enrollments.get(key);
  if (!before) return;
  switch (event.type) {
    case 'EnrollmentTermsChanged': {
      const { deviceId = before.deviceId, ...changed } = event.data.changed;
      enrollments.set(key, { ...before, deviceId, terms: termsIn({ ...before.terms, ...changed }) });
      return;
    }
    case 'EnrollmentAttestationReplaced':
      enrollments.set(key, { ...before, attestation: opened(event.data.attestation, configuration) });
      return;
    case 'EnrollmentEnabled':
    case 'EnrollmentDisabled':
      enrollments.set(key, { ...before, terms: { ...before.terms, enabled: event.type === 'EnrollmentEnabled' } });
      return;
    case 'EnrollmentDeleted':
      enrollments.delete(key);
  }
}

/** Of all that an enrollment or a group says, what decisions go by. */
export function termsIn(data: EnrollmentTerms): EnrollmentTerms {
  const { policy, hubs, require = [], reprovision, validity, singleUse, enabled, custom } = data;
  const required = require.length > 0 && { require };
  const terms = { policy, hubs, ...required, reprovision, validity, singleUse, enabled };
  return custom ? { ...terms, custom } : terms;
}

function opened(attestation: Attestation, configuration: Configuration): OpenAttestation {
  switch (attestation.type) {
    case 'symmetricKey':
      return openKeys(attestation, configuration);
    case 'x509': {
      const [primary, secondary] = [attestation.primary, attestation.secondary].map(
        (it) => it && Buffer.from(it.thumbprint, 'hex'),
      );
      return { type: 'x509', primary: primary ?? null, secondary: secondary ?? null };
    }
    case 'tpm':
      return { type: 'tpm' };
    case 'gateway':
      return attestation;
  }
}
