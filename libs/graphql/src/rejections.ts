import {
  type ChangeGroupRejection,
  type ChangeRejection,
  type CreateGroupRejection,
  type CreateRejection,
  type IdempotencyRejection,
  type KeyRejection,
  type OtherKeyLost,
  type ReleaseRejection,
} from '@berth/control';
import {
  type AttestationTypeFixed,
  type CaCertificateRejection,
  type CertificateRejection,
  type CertificateUseRejection,
  type CustomAllocationRejection,
  gatewaySources,
  hubCapacityMax,
  type HubReferences,
  type HubRejection,
  hubWeight,
  labelPartLengthMax,
  type LabelRejection,
  type PolicyRejection,
  latencyMsMax,
  regionLengthMax,
  type MasterKeyRejection,
  type RegionRejection,
  type TermsRejection,
  unreachable,
  webhookApiVersion,
  webhookDeadlineMs,
} from '@berth/domain';
import { type VersionConflict } from '@berth/event-store';
import { countedMax } from '@berth/read-model';
import { type UserError, type UserErrorCode } from './user-error.js';

/** Every refusal of the domain as a user error: code, path into the input, words. Exhaustive, so a new one fails the build. */
export function hubError(rejection: HubRejection | VersionConflict): UserError {
  switch (rejection.kind) {
    case 'invalidHubName':
      return userError(
        'INVALID_HUB_NAME',
        ['name'],
        'A hub name has 1–253 characters: letters, digits, and between them - . _',
      );
    case 'invalidWeight':
      return userError(
        'INVALID_WEIGHT',
        ['weight'],
        `A weight is ${hubWeight.min}–${hubWeight.max}, not ${rejection.weight}.`,
      );
    case 'invalidCapacity':
      return userError(
        'INVALID_CAPACITY',
        ['capacity'],
        `A capacity is 0–${hubCapacityMax}, not ${rejection.capacity}; null is unbounded.`,
      );
    case 'invalidRegion':
      return userError('INVALID_REGION', ['region'], `A region has 1–${regionLengthMax} characters; null is none.`);
    case 'hubAlreadyLinked':
      return userError('HUB_ALREADY_LINKED', ['name'], `Hub '${rejection.name}' is linked already.`);
    case 'hubNotLinked':
      return userError('HUB_NOT_LINKED', ['name'], `No hub '${clipped(rejection.name)}' is linked.`);
    case 'tooManyLabels':
    case 'invalidLabel':
    case 'labelNamedTwice':
      return labelError(rejection, 'labels');
    case 'hubReferenced':
      return userError(
        'HUB_REFERENCED',
        ['name'],
        `Hub '${rejection.name}' is named by ${referrers(rejection.references)}.`,
      );
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return unreachable(rejection);
  }
}

export function policyError(rejection: PolicyRejection | VersionConflict): UserError {
  switch (rejection.kind) {
    case 'staticNeedsHubs':
    case 'tooManyHubs':
    case 'hubNotLinked':
    case 'hubNamedTwice':
      return hubListError(rejection);
    case 'hubsOnlyForStatic':
      return userError('HUBS_ONLY_FOR_STATIC', ['hubs'], 'Only STATIC takes a list of hubs: leave `hubs` out.');
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return customError(rejection);
  }
}

export function masterKeyError(rejection: MasterKeyRejection | VersionConflict): UserError {
  if (rejection.kind === 'versionConflict') return versionConflict(rejection);
  const { wanted, current } = rejection;
  return userError(
    'OTHER_MASTER_KEY',
    [],
    `Secrets are wrapped by master key ${wanted}, which this process doesn't have: it has ${current}.`,
  );
}

export function regionError(rejection: RegionRejection | VersionConflict): UserError {
  switch (rejection.kind) {
    case 'invalidRegion':
      return userError(
        'INVALID_REGION',
        ['region'],
        'A region has 1–128 characters: letters, digits, and between them - . _ : / and spaces.',
      );
    case 'tooManyRegions':
      return userError('TOO_MANY_REGIONS', ['region'], `At most ${rejection.max} regions.`);
    case 'tooManyHubs':
      return userError('TOO_MANY_HUBS', ['latencies'], `At most ${rejection.max} hubs.`);
    case 'invalidLatency':
      return userError(
        'INVALID_LATENCY',
        ['latencies', String(rejection.index), 'ms'],
        `A latency is 0–${latencyMsMax} ms, not ${rejection.ms}.`,
      );
    case 'hubNotLinked':
      return userError(
        'HUB_NOT_LINKED',
        ['latencies', String(rejection.index), 'hub'],
        `No hub '${clipped(rejection.name)}' is linked.`,
      );
    case 'hubNamedTwice':
      return userError(
        'HUB_NAMED_TWICE',
        ['latencies', String(rejection.index), 'hub'],
        `Hub '${rejection.name}' stands in the list twice.`,
      );
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return unreachable(rejection);
  }
}

/** Where in the input a key or certificate stands, when that isn't under `attestation`. */
export interface ErrorPaths {
  key?: readonly string[];
  certificate?: readonly string[];
  caReference?: readonly string[];
}

export function enrollmentError(
  rejection: CreateRejection | ChangeRejection | CertificateUseRejection | VersionConflict,
  paths: ErrorPaths = {},
): UserError {
  switch (rejection.kind) {
    case 'invalidRegistrationId':
      return userError('INVALID_REGISTRATION_ID', ['registrationId'], `A registration id ${idShape}`);
    case 'invalidDeviceId':
      return userError('INVALID_DEVICE_ID', ['deviceId'], `A device id ${idShape}`);
    case 'deviceInformationTooLarge':
      return userError(
        'DEVICE_INFORMATION_TOO_LARGE',
        ['optionalDeviceInformation'],
        `The information has ${rejection.bytes} bytes, ${rejection.max} at most.`,
      );
    case 'gatewayNeedsSources':
      return userError('GATEWAY_NEEDS_SOURCES', [...sourcesPath], 'Name the gateways that may vouch for the device.');
    case 'invalidSource':
      return userError(
        'INVALID_SOURCE',
        [...sourcesPath, String(rejection.index)],
        `A source has 1–${gatewaySources.lengthMax} characters.`,
      );
    case 'tooManySources':
      return userError('TOO_MANY_SOURCES', [...sourcesPath], `At most ${rejection.max} sources.`);
    case 'invalidTpmKey':
      return userError(
        'INVALID_TPM_KEY',
        ['attestation', 'tpm', rejection.key],
        `A key of a TPM is base64 of at most ${rejection.max} characters.`,
      );
    case 'enrollmentExists':
      return userError(
        'ENROLLMENT_EXISTS',
        ['registrationId'],
        `There is an enrollment '${rejection.registrationId}' already.`,
      );
    case 'enrollmentNotFound':
      return userError(
        'ENROLLMENT_NOT_FOUND',
        ['registrationId'],
        `No enrollment '${clipped(rejection.registrationId)}'.`,
      );
    default:
      return entryError(rejection, paths);
  }
}

export function groupError(
  rejection: CreateGroupRejection | ChangeGroupRejection | VersionConflict,
  paths: ErrorPaths = {},
): UserError {
  switch (rejection.kind) {
    case 'invalidGroupName':
      return userError('INVALID_GROUP_NAME', ['name'], `A group's name ${idShape}`);
    case 'tooManyGroups':
      return userError('TOO_MANY_GROUPS', ['attestation'], `At most ${rejection.max} groups with such an attestation.`);
    case 'groupExists':
      return userError('GROUP_EXISTS', ['name'], `There is an enrollment group '${rejection.name}' already.`);
    case 'groupNotFound':
      return userError('GROUP_NOT_FOUND', ['name'], `No enrollment group '${clipped(rejection.name)}'.`);
    default:
      return entryError(rejection, paths);
  }
}

export function caCertificateError(
  rejection: CaCertificateRejection | CertificateUseRejection | VersionConflict,
): UserError {
  switch (rejection.kind) {
    case 'invalidCaCertificateName':
      return userError('INVALID_CA_CERTIFICATE_NAME', ['name'], `A CA certificate's name ${idShape}`);
    case 'invalidCertificate':
      return userError('INVALID_CERTIFICATE', ['certificate'], `Not such a certificate: ${rejection.reason}.`);
    case 'caCertificateExists':
      return userError('CA_CERTIFICATE_EXISTS', ['name'], `There is a CA certificate '${rejection.name}' already.`);
    case 'caCertificateNotFound':
      return userError('CA_CERTIFICATE_NOT_FOUND', ['name'], `No CA certificate '${clipped(rejection.name)}'.`);
    case 'tooManyCaCertificates':
      return userError('TOO_MANY_CA_CERTIFICATES', ['name'], `At most ${rejection.max} CA certificates.`);
    case 'verificationNotBegun':
      return userError(
        'VERIFICATION_NOT_BEGUN',
        ['verificationCertificate'],
        'There is no verification code yet: caCertificateVerificationBegin makes one.',
      );
    case 'verificationFailed':
      return userError(
        'VERIFICATION_FAILED',
        ['verificationCertificate'],
        `The verification certificate does not do: ${rejection.reason}.`,
      );
    case 'certificateInUse':
      return certificateInUse(rejection, ['certificate']);
    case 'caCertificateReferenced':
      return caCertificateReferenced(rejection);
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return unreachable(rejection);
  }
}

/** Refusals that enrollments and groups have alike. */
type EntryRejection =
  | TermsRejection
  | CertificateRejection
  | CertificateUseRejection
  | AttestationTypeFixed
  | KeyRejection
  | OtherKeyLost
  | IdempotencyRejection
  | Extract<CreateRejection, { kind: 'idempotencyKeyReused' }>
  | VersionConflict;

function entryError(rejection: EntryRejection, paths: ErrorPaths): UserError {
  const certificatePath = paths.certificate ?? ['attestation', 'x509'];
  switch (rejection.kind) {
    case 'initialTwinTooLarge':
      return userError(
        'INITIAL_TWIN_TOO_LARGE',
        ['initialTwin'],
        `The twin has ${rejection.bytes} bytes, ${rejection.max} at most.`,
      );
    case 'invalidValidity':
      return userError('INVALID_VALIDITY', ['validity'], 'It ends before it begins.');
    case 'staticNeedsHubs':
    case 'tooManyHubs':
    case 'hubNotLinked':
    case 'hubNamedTwice':
      return hubListError(rejection);
    case 'tooManyLabels':
    case 'invalidLabel':
    case 'labelNamedTwice':
      return labelError(rejection, 'require');
    case 'idempotencyKeyReused':
      return userError('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey'], 'This key was used with another input.');
    case 'invalidIdempotencyKey':
      return userError(
        'INVALID_IDEMPOTENCY_KEY',
        ['idempotencyKey'],
        `An idempotency key has 1–${rejection.max} characters.`,
      );
    case 'invalidSymmetricKey':
      return userError(
        'INVALID_SYMMETRIC_KEY',
        paths.key ?? ['attestation', 'symmetricKey', rejection.key],
        `A symmetric key is base64 of ${rejection.min}–${rejection.max} bytes; leave it out to have one generated.`,
      );
    case 'otherKeyLost':
      return userError(
        'OTHER_KEY_LOST',
        ['slot'],
        `The ${rejection.slot} key can't be opened: replace both by an update.`,
      );
    case 'certificateMissing':
      return userError('CERTIFICATE_MISSING', certificatePath, 'One certificate is wanted at least.');
    case 'certificateNamedTwice':
      return userError('CERTIFICATE_NAMED_TWICE', certificatePath, 'Both slots hold the same certificate.');
    case 'invalidCertificate':
      return userError(
        'INVALID_CERTIFICATE',
        paths.certificate ?? [...certificatePath, rejection.slot],
        `The ${rejection.slot} certificate does not do: ${rejection.reason}.`,
      );
    case 'certificateInUse':
      return certificateInUse(rejection, certificatePath);
    case 'caCertificateNotFound':
      return userError(
        'CA_CERTIFICATE_NOT_FOUND',
        paths.caReference ?? ['attestation', 'caReferences'],
        `No CA certificate '${clipped(rejection.name)}'.`,
      );
    case 'caCertificateReferenced':
      return caCertificateReferenced(rejection);
    case 'attestationTypeFixed':
      return userError(
        'ATTESTATION_TYPE_FIXED',
        ['attestation'],
        `Its attestation is ${rejection.type}, and stays so.`,
      );
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return customError(rejection);
  }
}

export function releaseError(rejection: ReleaseRejection): UserError {
  switch (rejection.kind) {
    case 'invalidRegistrationId':
      return userError('INVALID_REGISTRATION_ID', ['registrationId'], `A registration id ${idShape}`);
    case 'registrationNotFound':
      return userError('REGISTRATION_NOT_FOUND', ['registrationId'], `No registration '${rejection.registrationId}'.`);
    default:
      return unreachable(rejection);
  }
}

const holders = {
  enrollment: 'enrollment',
  enrollmentGroup: 'enrollment group',
  caCertificate: 'CA certificate',
} as const;

function certificateInUse(
  { holder }: Extract<CertificateUseRejection, { kind: 'certificateInUse' }>,
  path: readonly string[],
): UserError {
  return userError('CERTIFICATE_IN_USE', path, `The certificate belongs to ${holders[holder.type]} '${holder.name}'.`);
}

function caCertificateReferenced({
  holder,
}: Extract<CertificateUseRejection, { kind: 'caCertificateReferenced' }>): UserError {
  return userError('CA_CERTIFICATE_REFERENCED', ['name'], `Enrollment group '${holder.name}' goes by it.`);
}

/** @param path within the input. */
export function userError(code: UserErrorCode, path: readonly string[], message: string): UserError {
  return { code, field: ['input', ...path], message };
}

const idShape = 'has 1–128 characters: letters, digits and - . _ : with a letter, digit or - at the end.';
const sourcesPath = ['attestation', 'gateway', 'sources'] as const;

type CustomRejection =
  CustomAllocationRejection | Extract<PolicyRejection, { kind: 'customNeedsWebhook' | 'customOnlyForCustom' }>;

function customError(rejection: CustomRejection): UserError {
  switch (rejection.kind) {
    case 'customNeedsWebhook':
      return userError('CUSTOM_NEEDS_WEBHOOK', ['custom'], 'CUSTOM needs `custom`: whom to ask.');
    case 'customOnlyForCustom':
      return userError('WEBHOOK_ONLY_FOR_CUSTOM', ['custom'], 'Only CUSTOM asks a webhook: send `custom` as null.');
    case 'invalidWebhookUrl':
      return userError('INVALID_WEBHOOK_URL', ['custom', 'webhookUrl'], `The URL ${rejection.reason}.`);
    case 'webhookHostNotAllowed':
      return userError(
        'WEBHOOK_HOST_NOT_ALLOWED',
        ['custom', 'webhookUrl'],
        `BERTH_WEBHOOK_HOSTS does not name ${clipped(rejection.host)}.`,
      );
    case 'invalidApiVersion':
      return userError(
        'INVALID_API_VERSION',
        ['custom', 'apiVersion'],
        `A version is a day, ${webhookApiVersion.oldest} at the earliest, such as ${webhookApiVersion.byDefault}.`,
      );
    case 'invalidDeadline':
      return userError(
        'INVALID_DEADLINE',
        ['custom', 'deadlineMs'],
        `A deadline is ${webhookDeadlineMs.min}–${webhookDeadlineMs.max} ms, not ${rejection.deadlineMs}.`,
      );
    default:
      return unreachable(rejection);
  }
}

type HubListRejection = Extract<
  PolicyRejection,
  { kind: 'staticNeedsHubs' | 'tooManyHubs' | 'hubNotLinked' | 'hubNamedTwice' }
>;

function hubListError(rejection: HubListRejection): UserError {
  switch (rejection.kind) {
    case 'staticNeedsHubs':
      return userError('STATIC_NEEDS_HUBS', ['hubs'], 'STATIC needs hubs, in order of preference.');
    case 'tooManyHubs':
      return userError('TOO_MANY_HUBS', ['hubs'], `At most ${rejection.max} hubs.`);
    case 'hubNotLinked':
      return userError(
        'HUB_NOT_LINKED',
        ['hubs', String(rejection.index)],
        `No hub '${clipped(rejection.name)}' is linked.`,
      );
    case 'hubNamedTwice':
      return userError(
        'HUB_NAMED_TWICE',
        ['hubs', String(rejection.index)],
        `Hub '${rejection.name}' stands in the list twice.`,
      );
    default:
      return unreachable(rejection);
  }
}

function labelError(rejection: LabelRejection, field: 'labels' | 'require'): UserError {
  switch (rejection.kind) {
    case 'tooManyLabels':
      return userError('TOO_MANY_LABELS', [field], `At most ${rejection.max} labels.`);
    case 'invalidLabel':
      return userError(
        'INVALID_LABEL',
        [field, String(rejection.index)],
        `A label's key and value have 1–${labelPartLengthMax} characters each: letters, digits, and between them - . _ /`,
      );
    case 'labelNamedTwice':
      return userError(
        'LABEL_NAMED_TWICE',
        [field, String(rejection.index)],
        `The key '${rejection.key}' stands in the list twice.`,
      );
    default:
      return unreachable(rejection);
  }
}

function versionConflict({ currentVersion }: VersionConflict): UserError {
  return {
    ...userError('VERSION_CONFLICT', ['expectedVersion'], `Someone was faster: the version is ${currentVersion} now.`),
    currentVersion,
  };
}

function referrers({ policy, enrollmentGroups, enrollments, enrollmentCount }: HubReferences): string {
  const more = enrollmentCount - enrollments.length;
  const count = `${enrollmentCount >= countedMax ? 'at least ' : ''}${enrollmentCount}`;
  const named = `${enrollments.join(', ')}${more > 0 ? `, … (${count})` : ''}`;
  return [
    ...(policy ? ['the default policy'] : []),
    ...(enrollmentGroups.length > 0 ? [`enrollment groups ${enrollmentGroups.join(', ')}`] : []),
    ...(enrollmentCount > 0 ? [`enrollments ${named}`] : []),
  ].join(' and ');
}

/** Names come from the caller and may be as long as a request. */
function clipped(name: string): string {
  return name.length <= 300 ? name : `${name.slice(0, 300)}…`;
}
