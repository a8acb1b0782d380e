import {
  type Attestation,
  type GroupAttestation,
  type KeptCertificate,
  type Slot,
  slots,
} from '../attestation/attestation.js';
import { type Proof } from '../attestation/verify.js';
import { certificateInfo, type CertificateInfo } from '../attestation/x509/kept-certificate.js';
import { type EnrollmentData } from '../enrollment/enrollment.js';
import { type EnrollmentGroupData } from '../enrollment-group/enrollment-group.js';
import { type Terms } from '../enrollment/terms.js';
import { type AllocationPolicyKind } from '../policy/allocation-policy.js';
import { maskedUrl } from '../policy/custom-allocation.js';
import { type Ask } from '../registration/asks.js';

/** What a webhook is asked, by the field names of the reference service's API: one of the first two. */
export interface AllocationRequest {
  individualEnrollment?: object;
  enrollmentGroup?: object;
  deviceRuntimeContext: DeviceRuntimeContext;
  /** Names of the hubs to choose from. */
  linkedHubs: readonly string[];
}

/** Besides how the device has proved who it is: by none of the two, a gateway vouched. */
interface DeviceRuntimeContext {
  registrationId: string;
  currentIotHubHostName?: string | undefined;
  currentDeviceId?: string | undefined;
  symmetricKey?: object | undefined;
  x509?: object | undefined;
  payload?: unknown;
}

/** A record as its stream has it. */
export interface AskedRecord<Data> {
  data: Data;
  /** Revision of its stream. */
  version: number;
  createdAt: string;
  updatedAt: string;
}

export type AskedEntrance =
  { enrollment: AskedRecord<EnrollmentData> } | { enrollmentGroup: AskedRecord<EnrollmentGroupData> };

/** Plain JSON, no keys in it. @param payload of the device; undefined: none. */
export function allocationRequest(ask: Ask, entrance: AskedEntrance, payload: unknown): AllocationRequest {
  const { wish, choices, present } = ask;
  return {
    ...('enrollment' in entrance
      ? { individualEnrollment: individual(entrance.enrollment) }
      : { enrollmentGroup: group(entrance.enrollmentGroup) }),
    deviceRuntimeContext: {
      registrationId: wish.registrationId,
      currentIotHubHostName: present?.hub,
      currentDeviceId: present?.deviceId ?? undefined,
      ...proofOf(wish.attestation),
      payload,
    },
    linkedHubs: choices,
  };
}

function individual(record: AskedRecord<EnrollmentData>): object {
  const { registrationId, deviceId, attestation, optionalDeviceInformation } = record.data;
  return {
    registrationId,
    deviceId: deviceId ?? undefined,
    attestation: attestationOf(attestation, 'clientCertificates'),
    optionalDeviceInformation: optionalDeviceInformation ?? undefined,
    ...common(record),
  };
}

function group(record: AskedRecord<EnrollmentGroupData>): object {
  const { name, attestation } = record.data;
  return { enrollmentGroupId: name, attestation: attestationOf(attestation, 'signingCertificates'), ...common(record) };
}

/** As the reference service calls them. */
const policies: Record<AllocationPolicyKind, string> = {
  evenlyWeighted: 'hashed',
  lowestLatency: 'geoLatency',
  static: 'static',
  custom: 'custom',
};

function common({ data, version, createdAt, updatedAt }: AskedRecord<Terms & { enabled: boolean }>): object {
  const { policy, custom, hubs, reprovision, initialTwin, capabilities, enabled } = data;
  return {
    capabilities,
    iotHubs: hubs.length > 0 ? hubs : undefined,
    allocationPolicy: policy === null ? undefined : policies[policy],
    customAllocationDefinition: custom
      ? { webhookUrl: maskedUrl(custom.webhookUrl), apiVersion: custom.apiVersion }
      : undefined,
    initialTwin: initialTwin ?? undefined,
    reprovisionPolicy: reprovision,
    provisioningStatus: enabled ? 'enabled' : 'disabled',
    etag: `"${version}"`,
    createdDateTimeUtc: createdAt,
    lastUpdatedDateTimeUtc: updatedAt,
  };
}

/** @param certificates what the reference service calls those of such a record. */
function attestationOf(attestation: Attestation | GroupAttestation, certificates: string): object {
  switch (attestation.type) {
    case 'symmetricKey':
      return { type: 'symmetricKey', symmetricKey: {} };
    case 'tpm':
      return { type: 'tpm', tpm: { endorsementKey: attestation.endorsementKey } };
    case 'gateway':
      return { type: 'none' };
    case 'x509':
      return { type: 'x509', x509: { [certificates]: certificatesOf(attestation) } };
    case 'caReference': {
      const { primary, secondary } = attestation;
      return { type: 'x509', x509: { caReferences: { primary: primary?.name, secondary: secondary?.name } } };
    }
  }
}

function certificatesOf(pair: Record<Slot, KeptCertificate | null>): Partial<Record<Slot, { info: CertificateInfo }>> {
  const certificates: Partial<Record<Slot, { info: CertificateInfo }>> = {};
  for (const slot of slots) {
    const kept = pair[slot];
    if (kept) certificates[slot] = { info: certificateInfo(kept) };
  }
  return certificates;
}

function proofOf(proof: Proof): Pick<DeviceRuntimeContext, 'symmetricKey' | 'x509'> {
  if (proof.type === 'symmetricKey') return { symmetricKey: {} };
  if (proof.type === 'gateway') return {};
  // It was read when the device was let in.
  const info = certificateInfo({ certificate: proof.chain[0] as string, thumbprint: '' });
  return { x509: { clientCertificates: { primary: { info } } } };
}
