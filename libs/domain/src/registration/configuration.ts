import { type Attestation, type EnrollmentData, type EnrollmentEvent } from '../enrollment/enrollment.js';
import { evolveHub, type HubEvent, type LinkedHub, noHub } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type AllocationPolicy, evolvePolicy, initialPolicy, type PolicyEvent } from '../policy/allocation-policy.js';
import { type DataKeyEvent, type OpenSecret } from '../secret/sealed-secret.js';
import { type EnrolledDevice, EnrollmentTable, type OpenAttestation } from './enrollment-table.js';
import { registrationKey } from './registration-id.js';

export type ConfigurationEvent = HubEvent | PolicyEvent | EnrollmentEvent | DataKeyEvent;

/** Where and when an event was recorded. */
export interface EventPlace {
  /** In the order of all events, a decimal string. */
  position: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface ConfiguredHub extends LinkedHub {
  /** When it was linked or last uncordoned, milliseconds since 1970. */
  openedAt: number;
  /** Position of the event that gave it the capacity it has. */
  capacitySince: string;
}

/** What decisions are made with: the fold of the enrollment, hub, policy and data-key streams, changed in place. */
export interface Configuration {
  /** Linked hubs by key. */
  hubs: Map<string, ConfiguredHub>;
  /** Counts changes of the hubs. */
  hubsVersion: number;
  policy: AllocationPolicy;
  /** By registration key. */
  enrollments: EnrollmentTable;
  /** Wrapped data keys that wait for the record made with them, by id, oldest first. */
  dataKeys: Map<string, DataKeyEvent['data']>;
  openSecret: OpenSecret;
}

/**
 * A data key is stored right before the record that is made with it, and forgotten once that is opened; so many records
 * may be in the making at once. Keys whose record never came are the ones that fall out.
 */
const dataKeysMax = 10_000;

/** @param hashKey for the enrollment table: two numbers of 32 bits that nobody outside knows. */
export function emptyConfiguration(
  openSecret: OpenSecret = () => null,
  hashKey?: readonly [number, number],
): Configuration {
  return {
    hubs: new Map(),
    hubsVersion: 0,
    policy: initialPolicy,
    enrollments: new EnrollmentTable(hashKey),
    dataKeys: new Map(),
    openSecret,
  };
}

/** All of a configuration but the enrollments, which come in parts of their own: plain JSON, for snapshots. */
export interface ConfigurationFacts {
  hubs: [string, ConfiguredHub][];
  policy: AllocationPolicy;
  dataKeys: DataKeyEvent['data'][];
}

export function factsOf({ hubs, policy, dataKeys }: Configuration): ConfigurationFacts {
  return { hubs: [...hubs], policy, dataKeys: [...dataKeys.values()] };
}

/** Into an empty configuration. */
export function restoreFacts(configuration: Configuration, { hubs, policy, dataKeys }: ConfigurationFacts): void {
  configuration.hubs = new Map(hubs);
  configuration.hubsVersion += 1;
  configuration.policy = policy;
  configuration.dataKeys = new Map(dataKeys.map((data) => [data.keyId, data]));
}

/** Folds one configuration event, in place. */
export function evolveConfiguration(configuration: Configuration, event: ConfigurationEvent, place: EventPlace): void {
  switch (event.type) {
    case 'AllocationPolicyChosen':
      configuration.policy = evolvePolicy(configuration.policy, event);
      return;
    case 'DataKeyCreated':
      keepDataKey(configuration.dataKeys, event.data);
      return;
    case 'EnrollmentCreated':
    case 'EnrollmentEnabled':
    case 'EnrollmentDisabled':
    case 'EnrollmentDeleted':
      foldEnrollment(configuration, event);
      return;
    default:
      foldHub(configuration, event, place);
  }
}

function keepDataKey(dataKeys: Configuration['dataKeys'], data: DataKeyEvent['data']): void {
  dataKeys.set(data.keyId, data);
  if (dataKeys.size <= dataKeysMax) return;
  for (const [oldest] of dataKeys) {
    dataKeys.delete(oldest);
    return;
  }
}

function foldEnrollment(configuration: Configuration, event: EnrollmentEvent): void {
  const { enrollments } = configuration;
  const key = registrationKey(event.data.registrationId);
  if (event.type === 'EnrollmentCreated') {
    enrollments.set(key, opened(event.data, configuration));
    return;
  }
  const before = enrollments.get(key);
  if (!before) return;
  if (event.type === 'EnrollmentDeleted') enrollments.delete(key);
  else enrollments.set(key, { ...before, terms: { ...before.terms, enabled: event.type === 'EnrollmentEnabled' } });
}

function opened(data: EnrollmentData, configuration: Configuration): EnrolledDevice {
  const { registrationId, deviceId, policy, hubs, reprovision, enabled } = data;
  const attestation = openedAttestation(data.attestation, configuration);
  return { registrationId, deviceId, attestation, terms: { policy, hubs, reprovision, enabled } };
}

function openedAttestation(attestation: Attestation, { dataKeys, openSecret }: Configuration): OpenAttestation {
  if (attestation.type !== 'symmetricKey') return attestation;
  const [primary, secondary] = [attestation.primary, attestation.secondary].map((sealed) => {
    const dataKey = dataKeys.get(sealed.keyId);
    return dataKey ? openSecret(sealed, dataKey) : null;
  }) as [Uint8Array | null, Uint8Array | null];
  dataKeys.delete(attestation.primary.keyId);
  dataKeys.delete(attestation.secondary.keyId);
  return { type: 'symmetricKey', primary, secondary };
}

function foldHub(configuration: Configuration, event: HubEvent, place: EventPlace): void {
  const { hubs } = configuration;
  const key = hubKey(event.data.name);
  const before = hubs.get(key);
  const after = evolveHub(before ?? noHub, event);
  configuration.hubsVersion += 1;
  if (after.status === 'unlinked') {
    hubs.delete(key);
    return;
  }
  const isOpened = event.type === 'HubLinked' || event.type === 'HubUncordoned';
  const hasNewCapacity = event.type === 'HubLinked' || event.type === 'HubCapacityChanged';
  hubs.set(key, {
    ...after,
    openedAt: before && !isOpened ? before.openedAt : place.at,
    capacitySince: before && !hasNewCapacity ? before.capacitySince : place.position,
  });
}
