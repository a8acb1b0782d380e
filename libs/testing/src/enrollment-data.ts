import { type EnrollmentData } from '@berth/domain';

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
    policy: null,
    hubs: [],
    reprovision: { updateHubAssignment: true, migrateDeviceData: true },
    initialTwin: null,
    enabled: true,
    idempotency: null,
    ...change,
  };
}
