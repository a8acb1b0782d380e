import { type EnrollmentData, type EnrollmentGroupData, type Terms } from '@berth/domain';

const terms: Terms = {
  policy: null,
  hubs: [],
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  initialTwin: null,
  capabilities: { iotEdge: false },
  validity: { notBefore: null, notAfter: null },
  singleUse: false,
};

/** An individual enrollment that trusts the gateway `source`, enabled, with everything else left at its default. */
export function enrollmentData(
  registrationId: string,
  source: string,
  change: Partial<EnrollmentData> = {},
): EnrollmentData {
  return {
    registrationId,
    deviceId: null,
    attestation: { type: 'gateway', sources: [source] },
    ...terms,
    optionalDeviceInformation: null,
    enabled: true,
    idempotency: null,
    ...change,
  };
}

/** A group without anything special; its keys are sealed with data keys that nobody has. */
export function enrollmentGroupData(name: string, change: Partial<EnrollmentGroupData> = {}): EnrollmentGroupData {
  const lost = { keyId: 'lost', nonce: '', ciphertext: '' };
  return {
    name,
    attestation: { type: 'symmetricKey', primary: lost, secondary: lost },
    ...terms,
    enabled: true,
    idempotency: null,
    ...change,
  };
}
