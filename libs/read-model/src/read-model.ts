import {
  type AllocationPolicy,
  type Attestation,
  type CaCertificateData,
  type EnrollmentData,
  type EnrollmentGroupData,
  type GroupAttestation,
  type ExplainedDecision,
  type HubReferences,
  type RegionLatency,
  type HubState,
  type Label,
  type ImportProgress,
  type ImportStatus,
} from '@berth/domain';

/**
 * A page of a list in the order of its key; `after` and `before` are keys given out as cursors, in any spelling. Without
 * a size it has 100 rows; it never has more than 1000, whatever is asked. With both sizes: the last of the first.
 * A size that is no whole number ≥ 0 is a RangeError.
 */
export interface PageRequest {
  first?: number;
  after?: string;
  last?: number;
  before?: string;
}

export interface Page<Row> {
  rows: readonly Row[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /**
   * All rows that match the filter, whatever the page. Exact, but for filters with a prefix: those are counted up to
   * 1000 (`countedMax`), where the figure means "at least".
   */
  totalCount: number;
}

export interface HubRow {
  name: string;
  state: HubState;
  weight: number;
  capacity: number | null;
  region: string | null;
  labels: readonly Label[];
  /** Revision of the hub's stream. */
  version: number;
}

export interface HubLoadRow {
  hub: string;
  devices: number;
  /** Part of all assigned devices, 0–1; 0 when there are none. */
  share: number;
  /** Weight's part of the weights of all linked hubs, 0–1. */
  targetShare: number;
  /** Part of the capacity in use, above 1 when the capacity was lowered; null without a capacity, 1 when it is 0. */
  utilization: number | null;
}

/** Keys, sealed or not, are not shown. */
export interface EnrollmentRow extends Omit<EnrollmentData, 'attestation' | 'idempotency'>, Recorded {
  attestation: { type: 'symmetricKey' } | Exclude<Attestation, { type: 'symmetricKey' }>;
}

/** Keys, sealed or not, are not shown. */
export interface EnrollmentGroupRow extends Omit<EnrollmentGroupData, 'attestation' | 'idempotency'>, Recorded {
  attestation: { type: 'symmetricKey' } | Exclude<GroupAttestation, { type: 'symmetricKey' }>;
}

export interface CaCertificateRow extends CaCertificateData, Recorded {
  /** The latest one; null before the first and once it is verified. */
  verificationCode: string | null;
}

/** How far hubs are from a region. */
export interface RegionRow extends Recorded {
  name: string;
  /** In the order of the hubs' keys, never empty. */
  latencies: readonly RegionLatency[];
}

/** An import, as far as it has come. */
export interface OperationRow extends Omit<ImportProgress, 'lastRow'>, Recorded {
  status: ImportStatus;
  /** Why it was interrupted; null when it isn't. */
  reason: string | null;
  /** Name of the API key that began it. */
  startedBy: string;
}

/** When and how often a record changed. */
interface Recorded {
  /** Revision of the record's stream. */
  version: number;
  createdAt: string;
  updatedAt: string;
}

export interface RegistrationRow {
  registrationId: string;
  /** `failed` and `disabled` tell of the latest authenticated attempt; a hub, once given, stays until the ledger says otherwise. */
  status: 'assigned' | 'failed' | 'disabled';
  substatus: string | null;
  deviceId: string | null;
  hub: string | null;
  /** Individual enrollment that it came through or failed at last. */
  enrollment: string | null;
  /** Group that it came through or failed at last; it may be gone. */
  enrollmentGroup: string | null;
  errorCode: number | null;
  reason: string | null;
  createdAt: string;
  updatedAt: string;
  decision: ExplainedDecision & { position: string; at: string };
  /** The latest refusal that did not touch the status, because nobody proved to be the device; null when none. */
  rejected: { position: string; at: string; errorCode: number | null; reason: string } | null;
}

export interface EnrollmentFilter {
  enabled?: boolean;
  registrationIdPrefix?: string;
}

export interface RegistrationFilter {
  status?: RegistrationRow['status'];
  hub?: string;
  enrollmentGroup?: string;
  registrationIdPrefix?: string;
}

/** What GraphQL reads: projections of the streams, trailing them by the projector's lag. Abstract class so that it can be an injection token. */
export abstract class ReadModel {
  /** Ids are matched without regard to case. Null when there is none. */
  abstract hub(name: string): Promise<HubRow | null>;
  abstract hubs(page: PageRequest): Promise<Page<HubRow>>;
  /** Linked hubs, and unlinked ones that still have devices (with a target share of 0), by name. */
  abstract hubLoads(): Promise<readonly HubLoadRow[]>;
  /** Who names a hub, linked or not: enrollments counted up to 1000 (`countedMax`), the first ten by id. */
  abstract hubReferences(name: string): Promise<HubReferences>;
  abstract enrollment(registrationId: string): Promise<EnrollmentRow | null>;
  abstract enrollments(page: PageRequest, filter?: EnrollmentFilter): Promise<Page<EnrollmentRow>>;
  abstract enrollmentGroup(name: string): Promise<EnrollmentGroupRow | null>;
  abstract enrollmentGroups(page: PageRequest): Promise<Page<EnrollmentGroupRow>>;
  /** @param withKeys those with symmetric keys, or the others. */
  abstract enrollmentGroupCount(withKeys: boolean): Promise<number>;
  abstract caCertificate(name: string): Promise<CaCertificateRow | null>;
  abstract caCertificates(page: PageRequest): Promise<Page<CaCertificateRow>>;
  abstract caCertificateCount(): Promise<number>;
  abstract region(name: string): Promise<RegionRow | null>;
  abstract regions(page: PageRequest): Promise<Page<RegionRow>>;
  abstract regionCount(): Promise<number>;
  abstract operation(name: string): Promise<OperationRow | null>;
  abstract operations(page: PageRequest): Promise<Page<OperationRow>>;
  abstract registration(registrationId: string): Promise<RegistrationRow | null>;
  abstract registrations(page: PageRequest, filter?: RegistrationFilter): Promise<Page<RegistrationRow>>;
  abstract allocationPolicy(): Promise<AllocationPolicy>;
  /** Position up to which the streams are shown; null before the first event. */
  abstract position(): bigint | null;
  /** Resolves true once the read model shows everything up to `position`, false when `deadlineMs` passed before. */
  abstract reached(position: bigint, deadlineMs: number): Promise<boolean>;
}
