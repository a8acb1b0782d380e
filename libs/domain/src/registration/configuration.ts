import { evolveEnrollment, type EnrollmentData, type EnrollmentEvent, noEnrollment } from '../enrollment/enrollment.js';
import { evolveHub, type HubEvent, type LinkedHub, noHub } from '../hub/hub.js';
import { hubKey } from '../hub/hub-name.js';
import { type AllocationPolicy, evolvePolicy, initialPolicy, type PolicyEvent } from '../policy/allocation-policy.js';
import { type DataKeyEvent } from '../secret/sealed-secret.js';
import { registrationKey } from './registration-id.js';

export type ConfigurationEvent = HubEvent | PolicyEvent | EnrollmentEvent | DataKeyEvent;

/** What decisions are made with: the fold of the enrollment, hub, policy and data-key streams, changed in place. */
export interface Configuration {
  /** Linked hubs by key, in key order. */
  hubs: ReadonlyMap<string, LinkedHub>;
  policy: AllocationPolicy;
  /** By registration key. */
  enrollments: Map<string, EnrollmentData>;
  /** Wrapped data keys by id. */
  dataKeys: Map<string, DataKeyEvent['data']>;
}

export function emptyConfiguration(): Configuration {
  return { hubs: new Map(), policy: initialPolicy, enrollments: new Map(), dataKeys: new Map() };
}

/** Folds one configuration event, in place. */
export function evolveConfiguration(configuration: Configuration, event: ConfigurationEvent): void {
  switch (event.type) {
    case 'AllocationPolicyChosen':
      configuration.policy = evolvePolicy(configuration.policy, event);
      return;
    case 'DataKeyCreated':
      configuration.dataKeys.set(event.data.keyId, event.data);
      return;
    case 'EnrollmentCreated':
    case 'EnrollmentEnabled':
    case 'EnrollmentDisabled':
    case 'EnrollmentDeleted':
      foldEnrollment(configuration, event);
      return;
    default:
      foldHub(configuration, event);
  }
}

function foldEnrollment({ enrollments, dataKeys }: Configuration, event: EnrollmentEvent): void {
  const key = registrationKey(event.data.registrationId);
  const before = enrollments.get(key);
  const after = evolveEnrollment(before ? { status: 'enrolled', ...before } : noEnrollment, event);
  if (after.status === 'enrolled') {
    enrollments.set(key, after);
    return;
  }
  enrollments.delete(key);
  if (before?.attestation.type === 'symmetricKey') {
    dataKeys.delete(before.attestation.primary.keyId);
    dataKeys.delete(before.attestation.secondary.keyId);
  }
}

function foldHub(configuration: Configuration, event: HubEvent): void {
  const key = hubKey(event.data.name);
  const after = evolveHub(configuration.hubs.get(key) ?? noHub, event);
  const hubs = new Map(configuration.hubs);
  if (after.status === 'linked') hubs.set(key, after);
  else hubs.delete(key);
  configuration.hubs = new Map([...hubs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
