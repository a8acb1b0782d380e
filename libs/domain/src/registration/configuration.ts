import { type CaCertificateEvent } from '../certificate/ca-certificate.js';
import { type CertificateFacts, CertificateTable } from '../certificate/certificate-table.js';
import { type CertificateUseEvent } from '../certificate/certificate-use.js';
import { type EnrollmentEvent } from '../enrollment/enrollment.js';
import { type EnrollmentGroupEvent } from '../enrollment-group/enrollment-group.js';
import { evolveHub, type HubEvent, type LinkedHub, noHub } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type GatewayLatencies, type GatewayLatenciesReported, GatewayTable } from '../latency/gateway-latencies.js';
import { regionKey, type RegionLatencies, type RegionLatenciesSet } from '../latency/region-latencies.js';
import { type AllocationPolicy, evolvePolicy, initialPolicy, type PolicyEvent } from '../policy/allocation-policy.js';
import { type DataKeyEvent, type OpenSecret, type WrappedDataKey } from '../secret/sealed-secret.js';
import { foldEnrollment } from './fold-enrollment.js';
import { foldEnrollmentGroup } from './fold-enrollment-group.js';
import { EnrollmentTable } from './enrollment-table.js';
import { type GroupFacts, GroupTable } from './group-table.js';

export type ConfigurationEvent =
  | HubEvent
  | PolicyEvent
  | EnrollmentEvent
  | EnrollmentGroupEvent
  | CaCertificateEvent
  | CertificateUseEvent
  | DataKeyEvent
  | GatewayLatenciesReported
  | RegionLatenciesSet;

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

/** What decisions are made with: the fold of every stream but the ledgers, changed in place. */
export interface Configuration {
  /** Linked hubs by key. */
  hubs: Map<string, ConfiguredHub>;
  /** Counts changes of the hubs. */
  hubsVersion: number;
  policy: AllocationPolicy;
  /** By registration key. */
  enrollments: EnrollmentTable;
  groups: GroupTable;
  certificates: CertificateTable;
  /** What gateways reported of latencies. */
  gateways: GatewayTable;
  /** How far hubs are from regions, by region key. */
  regions: Map<string, RegionLatencies>;
  /** Wrapped data keys that wait for the record made with them, by id, oldest first. */
  dataKeys: Map<string, WrappedDataKey>;
  /**
   * Data keys by id as they were wrapped last, of records that are still to be read: who reads the past after the master key was
   * rotated meets records before the only wrap of their keys that opens. Empty once that is over.
   */
  rewrapped: Map<string, WrappedDataKey>;
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
    groups: new GroupTable(),
    certificates: new CertificateTable(),
    gateways: new GatewayTable(),
    regions: new Map(),
    dataKeys: new Map(),
    rewrapped: new Map(),
    openSecret,
  };
}

/** All of a configuration but the enrollments, which come in parts of their own: plain JSON, for snapshots. */
export interface ConfigurationFacts {
  hubs: [string, ConfiguredHub][];
  policy: AllocationPolicy;
  groups: GroupFacts[];
  certificates: CertificateFacts;
  dataKeys: WrappedDataKey[];
  gateways: GatewayLatencies[];
  regions: RegionLatencies[];
}

export function factsOf(configuration: Configuration): ConfigurationFacts {
  const { hubs, policy, groups, certificates, dataKeys, gateways, regions } = configuration;
  return {
    hubs: [...hubs],
    policy,
    groups: groups.facts(),
    certificates: certificates.facts(),
    dataKeys: [...dataKeys.values()],
    gateways: gateways.facts(),
    regions: [...regions.values()],
  };
}

/** Into an empty configuration. */
export function restoreFacts(configuration: Configuration, facts: ConfigurationFacts): void {
  configuration.hubs = new Map(facts.hubs);
  configuration.hubsVersion += 1;
  configuration.policy = facts.policy;
  configuration.groups.restore(facts.groups);
  configuration.certificates.restore(facts.certificates);
  for (const report of facts.gateways) configuration.gateways.set(report);
  for (const table of facts.regions) configuration.regions.set(regionKey(table.region), table);
  configuration.dataKeys = new Map(facts.dataKeys.map((data) => [data.keyId, data]));
}

/** Folds one configuration event, in place. */
export function evolveConfiguration(configuration: Configuration, event: ConfigurationEvent, place: EventPlace): void {
  switch (event.type) {
    case 'AllocationPolicyChosen':
      configuration.policy = evolvePolicy(configuration.policy, event);
      return;
    case 'DataKeyCreated':
      keepDataKey(configuration.dataKeys, configuration.rewrapped.get(event.data.keyId) ?? event.data);
      configuration.rewrapped.delete(event.data.keyId);
      return;
    case 'DataKeyRewrapped':
      // Whoever has read the record has opened its keys already.
      if (configuration.dataKeys.has(event.data.keyId)) keepDataKey(configuration.dataKeys, event.data);
      return;
    case 'EnrollmentCreated':
    case 'EnrollmentTermsChanged':
    case 'EnrollmentAttestationReplaced':
    case 'EnrollmentEnabled':
    case 'EnrollmentDisabled':
    case 'EnrollmentDeleted':
      foldEnrollment(configuration, event);
      return;
    case 'EnrollmentGroupCreated':
    case 'EnrollmentGroupTermsChanged':
    case 'EnrollmentGroupAttestationReplaced':
    case 'EnrollmentGroupEnabled':
    case 'EnrollmentGroupDisabled':
    case 'EnrollmentGroupDeleted':
      foldEnrollmentGroup(configuration, event);
      return;
    case 'CertificateReserved':
    case 'CertificateReleased':
      configuration.certificates.foldUse(event);
      return;
    case 'CaCertificateUploaded':
    case 'CaCertificateVerificationBegun':
    case 'CaCertificateVerified':
    case 'CaCertificateDeleted':
      configuration.certificates.foldCaCertificate(event);
      return;
    case 'GatewayLatenciesReported':
      configuration.gateways.set(event.data);
      return;
    case 'RegionLatenciesSet':
      foldRegion(configuration.regions, event.data);
      return;
    default:
      foldHub(configuration, event, place);
  }
}

/** Takes note of a wrap ahead of its record: see `rewrapped`. Before the first event is folded. */
export function foreknowDataKey(configuration: Configuration, event: DataKeyEvent): void {
  if (event.type === 'DataKeyRewrapped') configuration.rewrapped.set(event.data.keyId, event.data);
}

function keepDataKey(dataKeys: Configuration['dataKeys'], data: WrappedDataKey): void {
  dataKeys.set(data.keyId, data);
  if (dataKeys.size <= dataKeysMax) return;
  for (const [oldest] of dataKeys) {
    dataKeys.delete(oldest);
    return;
  }
}

function foldRegion(regions: Configuration['regions'], table: RegionLatencies): void {
  const key = regionKey(table.region);
  if (table.latencies.length > 0) regions.set(key, table);
  else regions.delete(key);
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
  hubs.set(key, {
    ...after,
    openedAt: before && event.type !== 'HubUncordoned' ? before.openedAt : place.at,
    capacitySince: before && event.type !== 'HubCapacityChanged' ? before.capacitySince : place.position,
  });
}
