import { jsonEvent, type JSONEventType, type RecordedEvent } from '@eventstore/db-client';
import {
  type CapacityEvent,
  type ConfigurationEvent,
  type ImportEvent,
  type LedgerEvent,
  type LoadEvent,
  type MasterKeyEvent,
} from '@berth/domain';
import { EventUnreadable } from './faults.js';
import { upcast } from './upcasts.js';

/** Once per deployment: what identifies it towards devices. Stream `deployment-default`. */
export type DeploymentEvent = { type: 'DeploymentFounded'; v: 1; data: { idScope: string } };

export type BerthEvent =
  ConfigurationEvent | LedgerEvent | CapacityEvent | LoadEvent | ImportEvent | MasterKeyEvent | DeploymentEvent;

/** Who and what led to an event; kept beside it, not in it. */
export interface EventMetadata {
  /** The wish or request that started it all. */
  correlationId: string;
  /** What directly caused this event. */
  causationId?: string;
  /** Name of the API key, or of the service, that acted. */
  actor: string;
  /** When it was decided, ISO 8601. */
  at: string;
  /** W3C trace context, when the request carried one. */
  traceparent?: string;
  /** Ledger pages: where the messages they decide came from. */
  topic?: string;
  partition?: number;
}

export interface StoredEvent<E extends BerthEvent = BerthEvent> {
  event: E;
  id: string;
  stream: string;
  revision: number;
  /** Commit position: the event's place in the order of all events. Never dense; only positions the store gave out are valid. */
  position: bigint;
  recordedAt: Date;
  metadata: EventMetadata | null;
}

/** The newest shape of every event type that was ever stored. A type that isn't here can't be read. */
export const newestShape: Readonly<Record<BerthEvent['type'], number>> = {
  HubLinked: 1,
  HubWeightChanged: 1,
  HubCapacityChanged: 1,
  HubRegionChanged: 1,
  HubLabelsChanged: 1,
  HubCordoned: 1,
  HubDrainBegun: 1,
  HubUncordoned: 1,
  HubUnlinked: 1,
  AllocationPolicyChosen: 1,
  EnrollmentCreated: 2,
  EnrollmentTermsChanged: 1,
  EnrollmentAttestationReplaced: 1,
  EnrollmentEnabled: 1,
  EnrollmentDisabled: 1,
  EnrollmentDeleted: 1,
  EnrollmentGroupCreated: 1,
  EnrollmentGroupTermsChanged: 1,
  EnrollmentGroupAttestationReplaced: 1,
  EnrollmentGroupEnabled: 1,
  EnrollmentGroupDisabled: 1,
  EnrollmentGroupDeleted: 1,
  CaCertificateUploaded: 1,
  CaCertificateVerificationBegun: 1,
  CaCertificateVerified: 1,
  CaCertificateDeleted: 1,
  CertificateReserved: 1,
  CertificateReleased: 1,
  DataKeyCreated: 1,
  DataKeyRewrapped: 1,
  GatewayLatenciesReported: 1,
  RegionLatenciesSet: 1,
  PartitionClaimed: 1,
  DecisionsRecorded: 1,
  RegistrationReleased: 1,
  ReleaseRefused: 1,
  ConfigurationNoted: 1,
  CapacityLeased: 1,
  LoadsReported: 1,
  ImportBegun: 1,
  ImportResumed: 1,
  ImportAdvanced: 1,
  ImportInterrupted: 1,
  ImportCompleted: 1,
  MasterKeyAdopted: 1,
  MasterKeyRotationBegun: 1,
  MasterKeyRotationAdvanced: 1,
  MasterKeyRotated: 1,
  DeploymentFounded: 1,
};

/** Data as stored: the event's own, with its shape beside it. */
type StoredData = { v: number } & Record<string, unknown>;

export function encode(event: BerthEvent, id: string, metadata: EventMetadata) {
  const data: StoredData = { v: event.v, ...event.data };
  return jsonEvent<JSONEventType<string, StoredData, EventMetadata>>({ id, type: event.type, data, metadata });
}

/** @throws EventUnreadable (a defect, not retriable) for an unknown type or shape. */
export function decode<E extends BerthEvent>(record: RecordedEvent, position: bigint): StoredEvent<E> {
  const { type, streamId: stream, revision } = record;
  const stored: unknown = record.data;
  const newest = Object.hasOwn(newestShape, type) ? newestShape[type as BerthEvent['type']] : undefined;
  if (newest === undefined || !isStoredData(stored) || stored.v > newest) {
    throw new EventUnreadable(stream, Number(revision), type);
  }
  const { v, ...data } = stored;
  return {
    event: { type, v: newest, data: upcast(type as BerthEvent['type'], v, data) } as unknown as E,
    id: record.id,
    stream,
    revision: Number(revision),
    position,
    recordedAt: record.created,
    metadata: isMetadata(record.metadata) ? record.metadata : null,
  };
}

function isStoredData(data: unknown): data is StoredData {
  return typeof data === 'object' && data !== null && 'v' in data && Number.isInteger(data.v);
}

function isMetadata(metadata: unknown): metadata is EventMetadata {
  return typeof metadata === 'object' && metadata !== null && 'correlationId' in metadata;
}
