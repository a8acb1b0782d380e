import { type CreateRejection, type ReleaseRejection } from '@berth/control';
import {
  gatewaySources,
  hubCapacityMax,
  type HubReferences,
  type HubRejection,
  hubWeight,
  type PolicyRejection,
  regionLengthMax,
  unreachable,
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
      return unreachable(rejection);
  }
}

export function enrollmentError(rejection: CreateRejection | VersionConflict): UserError {
  switch (rejection.kind) {
    case 'invalidRegistrationId':
      return userError('INVALID_REGISTRATION_ID', ['registrationId'], `A registration id ${idShape}`);
    case 'invalidDeviceId':
      return userError('INVALID_DEVICE_ID', ['deviceId'], `A device id ${idShape}`);
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
    case 'initialTwinTooLarge':
      return userError(
        'INITIAL_TWIN_TOO_LARGE',
        ['initialTwin'],
        `The twin has ${rejection.bytes} bytes, ${rejection.max} at most.`,
      );
    case 'staticNeedsHubs':
    case 'tooManyHubs':
    case 'hubNotLinked':
    case 'hubNamedTwice':
      return hubListError(rejection);
    case 'enrollmentExists':
      return userError(
        'ENROLLMENT_EXISTS',
        ['registrationId'],
        `There is an enrollment '${rejection.registrationId}' already.`,
      );
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
        ['attestation', 'symmetricKey', rejection.key],
        `A symmetric key is base64 of ${rejection.min}–${rejection.max} bytes; leave it out to have one generated.`,
      );
    case 'enrollmentNotFound':
      return userError(
        'ENROLLMENT_NOT_FOUND',
        ['registrationId'],
        `No enrollment '${clipped(rejection.registrationId)}'.`,
      );
    case 'versionConflict':
      return versionConflict(rejection);
    default:
      return unreachable(rejection);
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

/** @param path within the input. */
export function userError(code: UserErrorCode, path: readonly string[], message: string): UserError {
  return { code, field: ['input', ...path], message };
}

const idShape = 'has 1–128 characters: letters, digits and - . _ : with a letter, digit or - at the end.';
const sourcesPath = ['attestation', 'gateway', 'sources'] as const;

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

function versionConflict({ currentVersion }: VersionConflict): UserError {
  return {
    ...userError('VERSION_CONFLICT', ['expectedVersion'], `Someone was faster: the version is ${currentVersion} now.`),
    currentVersion,
  };
}

function referrers({ policy, enrollments, enrollmentCount }: HubReferences): string {
  const more = enrollmentCount - enrollments.length;
  const count = `${enrollmentCount >= countedMax ? 'at least ' : ''}${enrollmentCount}`;
  const named = `${enrollments.join(', ')}${more > 0 ? `, … (${count})` : ''}`;
  return [...(policy ? ['the default policy'] : []), ...(enrollmentCount > 0 ? [`enrollments ${named}`] : [])].join(
    ' and ',
  );
}

/** Names come from the caller and may be as long as a request. */
function clipped(name: string): string {
  return name.length <= 300 ? name : `${name.slice(0, 300)}…`;
}
