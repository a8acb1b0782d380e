import {
  type AllocationPolicy,
  hubKey,
  type HubReferences,
  initialPolicy,
  regionKey,
  registrationKey,
} from '@berth/domain';
import { countUpTo, type Narrowing, pageQuery } from './pages.js';
import { type Progress } from './progress.js';
import { caCertificatesTable } from './projections/ca-certificates.js';
import { enrollmentGroupsTable } from './projections/enrollment-groups.js';
import { enrollmentCountsTable, enrollmentsTable } from './projections/enrollments.js';
import { explainGrounds, type HubSet, type PageOfHubs, type RuleContent } from './projections/grounds.js';
import { hubDevicesTable } from './projections/hub-loads.js';
import { hubReferencesTable, referencePrefix } from './projections/hub-references.js';
import { hubNumber } from './projections/hub-number.js';
import { hubsTable } from './projections/hubs.js';
import { operationsTable } from './projections/operations.js';
import { policyKey, policyTable } from './projections/policy.js';
import { regionsTable } from './projections/regions.js';
import { type RegistrationDoc, statuses } from './projections/registration-doc.js';
import {
  groupNumber,
  hubSetsTable,
  registrationCountsTable,
  registrationsTable,
  rulesTable,
} from './projections/registrations.js';
import {
  type CaCertificateRow,
  type EnrollmentFilter,
  type EnrollmentGroupRow,
  type EnrollmentRow,
  type HubLoadRow,
  type HubRow,
  type OperationRow,
  type Page,
  type PageRequest,
  ReadModel,
  type RegionRow,
  type RegistrationFilter,
  type RegistrationRow,
} from './read-model.js';
import { type Database, DatabaseUnavailable, type SqlRow, type Statement } from './sql/database.js';
import { type AnyTable, readDoc, type SqlValue, type Table } from './sql/table.js';

/** Hub sets and rules kept parsed, and hubs in all the sets: some 40 MB. What a content id stands for never changes. */
const contentsMax = 2000;
const hubsKeptMax = 200_000;

/** Enrollments that a hub's references name: enough to act on. */
const referencesNamedMax = 10;

/**
 * What a decision was made on was there when the registration was written: the device has been decided anew since it was read, or
 * another process rebuilds the tables.
 */
class GroundsMissing extends DatabaseUnavailable {
  constructor(registrationId: string) {
    super(`The grounds of the decision on ${registrationId} are missing`, { retriable: true });
  }
}

/** How often registrations are read when their grounds are gone by the time that these are. */
const readsMax = 5;

async function withGrounds<T>(read: () => Promise<T>): Promise<T> {
  for (let reads = 1; ; reads += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof GroundsMissing) || reads === readsMax) throw error;
    }
  }
}

/** The read model over SQL. Every method answers from one state of the tables. */
export class SqlReadModel extends ReadModel {
  private readonly hubSets = new Map<string, HubSet | PageOfHubs>();
  private readonly rules = new Map<string, RuleContent>();

  constructor(
    private readonly database: Pick<Database, 'read'>,
    private readonly progress: Progress,
  ) {
    super();
  }

  hub(name: string): Promise<HubRow | null> {
    return this.one(hubsTable, hubKey(name));
  }

  hubs(page: PageRequest): Promise<Page<HubRow>> {
    return this.page(hubsTable, page, { equal: [], prefix: '' }, count(hubsTable));
  }

  async hubLoads(): Promise<readonly HubLoadRow[]> {
    const [linked = [], loaded = []] = await this.database.read([all(hubsTable), all(hubDevicesTable)]);
    const hubs = docsIn(hubsTable, linked);
    const devices = docsIn(hubDevicesTable, loaded);
    const assigned = sum([...devices.values()].map(({ n }) => n));
    const weights = sum([...hubs.values()].map(({ weight }) => weight));
    const keys = [...new Set([...hubs.keys(), ...devices.keys()])].sort((a, b) => (a < b ? -1 : 1));
    return keys.map((key) => {
      const hub = hubs.get(key);
      const n = devices.get(key)?.n ?? 0;
      return {
        hub: hub?.name ?? devices.get(key)?.hub ?? key,
        devices: n,
        share: assigned === 0 ? 0 : n / assigned,
        targetShare: hub ? hub.weight / weights : 0,
        utilization: utilization(n, hub?.capacity ?? null),
      };
    });
  }

  async hubReferences(name: string): Promise<HubReferences> {
    const narrowing = { equal: [], prefix: referencePrefix(name) };
    const total = countUpTo(hubReferencesTable, narrowing);
    const [{ rows, totalCount }, policy, [groups = []]] = await Promise.all([
      this.page(hubReferencesTable, { first: referencesNamedMax }, narrowing, total),
      this.allocationPolicy(),
      this.database.read([all(enrollmentGroupsTable)]),
    ]);
    const names = (hubs: readonly string[]) => hubs.some((hub) => hubKey(hub) === hubKey(name));
    return {
      policy: policy.kind === 'static' && names(policy.hubs),
      enrollmentGroups: [...docsIn(enrollmentGroupsTable, groups).values()].flatMap((group) =>
        names(group.hubs) ? [group.name] : [],
      ),
      enrollments: rows.map(({ registrationId }) => registrationId),
      enrollmentCount: totalCount,
    };
  }

  enrollment(registrationId: string): Promise<EnrollmentRow | null> {
    return this.one(enrollmentsTable, registrationKey(registrationId));
  }

  enrollments(page: PageRequest, filter: EnrollmentFilter = {}): Promise<Page<EnrollmentRow>> {
    const equal = filter.enabled === undefined ? [] : [{ column: 'enabled', anyOf: [Number(filter.enabled)] }];
    const prefix = registrationKey(filter.registrationIdPrefix ?? '');
    const total = totalOf(enrollmentsTable, { equal, prefix }, enrollmentCountsTable);
    return this.page(enrollmentsTable, page, { equal, prefix }, total);
  }

  enrollmentGroup(name: string): Promise<EnrollmentGroupRow | null> {
    return this.one(enrollmentGroupsTable, registrationKey(name));
  }

  enrollmentGroups(page: PageRequest): Promise<Page<EnrollmentGroupRow>> {
    return this.page(enrollmentGroupsTable, page, { equal: [], prefix: '' }, count(enrollmentGroupsTable));
  }

  async enrollmentGroupCount(withKeys: boolean): Promise<number> {
    const { text } = count(enrollmentGroupsTable);
    return this.counted({ text: `${text} WHERE has_keys = ?`, parameters: [Number(withKeys)] });
  }

  caCertificate(name: string): Promise<CaCertificateRow | null> {
    return this.one(caCertificatesTable, registrationKey(name));
  }

  caCertificates(page: PageRequest): Promise<Page<CaCertificateRow>> {
    return this.page(caCertificatesTable, page, { equal: [], prefix: '' }, count(caCertificatesTable));
  }

  caCertificateCount(): Promise<number> {
    return this.counted(count(caCertificatesTable));
  }

  region(name: string): Promise<RegionRow | null> {
    return this.one(regionsTable, regionKey(name));
  }

  regions(page: PageRequest): Promise<Page<RegionRow>> {
    return this.page(regionsTable, page, { equal: [], prefix: '' }, count(regionsTable));
  }

  regionCount(): Promise<number> {
    return this.counted(count(regionsTable));
  }

  operation(name: string): Promise<OperationRow | null> {
    return this.one(operationsTable, registrationKey(name));
  }

  operations(page: PageRequest): Promise<Page<OperationRow>> {
    return this.page(operationsTable, page, { equal: [], prefix: '' }, count(operationsTable));
  }

  async registration(registrationId: string): Promise<RegistrationRow | null> {
    return withGrounds(async () => {
      const doc = await this.one(registrationsTable, registrationKey(registrationId));
      const [row] = doc ? await this.explained([doc]) : [];
      return row ?? null;
    });
  }

  async registrations(page: PageRequest, filter: RegistrationFilter = {}): Promise<Page<RegistrationRow>> {
    const { status, hub, enrollmentGroup } = filter;
    const equal: { column: string; anyOf: readonly SqlValue[] }[] = [];
    if (enrollmentGroup !== undefined)
      equal.push({ column: 'enrollment_group', anyOf: [groupNumber(enrollmentGroup)] });
    if (hub !== undefined) equal.push({ column: 'hub', anyOf: [hubNumber(hubKey(hub))] });
    if (status !== undefined) equal.push({ column: 'status', anyOf: [statuses.indexOf(status)] });
    else if (hub !== undefined || enrollmentGroup !== undefined)
      equal.push({ column: 'status', anyOf: [...statuses.keys()] });
    const prefix = registrationKey(filter.registrationIdPrefix ?? '');
    // Only hub and status are counted as registrations come.
    const total =
      enrollmentGroup === undefined
        ? totalOf(registrationsTable, { equal, prefix }, registrationCountsTable)
        : countUpTo(registrationsTable, { equal, prefix });
    return withGrounds(async () => {
      const { rows, ...rest } = await this.page(registrationsTable, page, { equal, prefix }, total);
      return { ...rest, rows: await this.explained(rows) };
    });
  }

  async allocationPolicy(): Promise<AllocationPolicy> {
    return (await this.one(policyTable, policyKey)) ?? initialPolicy;
  }

  position(): bigint | null {
    return this.progress.position;
  }

  reached(position: bigint, deadlineMs: number): Promise<boolean> {
    return this.progress.reached(position, deadlineMs);
  }

  private async one<Doc>(table: Table<Doc>, key: string): Promise<Doc | null> {
    const [rows = []] = await this.database.read([
      { text: `SELECT doc FROM ${table.name} WHERE key = ?`, parameters: [key] },
    ]);
    return rows[0] ? readDoc(table, key, String(rows[0]['doc'])) : null;
  }

  private async counted(statement: Statement): Promise<number> {
    const [rows = []] = await this.database.read([statement]);
    return Number(rows[0]?.['n'] ?? 0);
  }

  private async page<Row>(
    table: Table<Row>,
    request: PageRequest,
    narrowing: Narrowing,
    total: Statement,
  ): Promise<Page<Row>> {
    const { statements, pageOf } = pageQuery(table, request, narrowing, total);
    return pageOf(await this.database.read(statements));
  }

  private async explained(docs: readonly RegistrationDoc[]): Promise<RegistrationRow[]> {
    const hubSetIds = docs.flatMap(({ decision }) => (decision.hubSet === undefined ? [] : [decision.hubSet]));
    const hubsKept = sum([...this.hubSets.values()].map((set) => ('moves' in set ? set.hubs : set).length));
    if (hubsKept > hubsKeptMax) this.hubSets.clear();
    await this.fetch(hubSetsTable, hubSetIds, this.hubSets);
    const ruleIds = docs.map(({ decision }) => decision.rule);
    await this.fetch(rulesTable, ruleIds, this.rules);
    return docs.map((doc) => this.rowOf(doc));
  }

  private rowOf(doc: RegistrationDoc): RegistrationRow {
    const { registrationId, status, createdAt, updatedAt, decision: grounds } = doc;
    const rule = this.rules.get(grounds.rule);
    const hubSet = grounds.hubSet === undefined ? [] : this.hubSets.get(grounds.hubSet);
    if (!rule || !hubSet) throw new GroundsMissing(registrationId);
    const hub = doc.hub ?? null;
    const reason = doc.reason ?? null;
    const told = { device: registrationKey(registrationId), chosen: status === 'assigned' ? hub : null, reason };
    const decision = explainGrounds(grounds, { rule, hubSet }, told);
    return {
      registrationId,
      status,
      substatus: doc.substatus ?? null,
      deviceId: doc.deviceId ?? null,
      hub,
      enrollment: doc.enrollment ?? null,
      enrollmentGroup: doc.enrollmentGroup ?? null,
      errorCode: doc.errorCode ?? null,
      reason,
      createdAt,
      updatedAt,
      decision: { ...decision, position: grounds.position, at: updatedAt },
      rejected: doc.rejected ? { ...doc.rejected, errorCode: doc.rejected.errorCode ?? null } : null,
    };
  }

  private async fetch<Doc>(table: Table<Doc>, ids: readonly string[], known: Map<string, Doc>): Promise<void> {
    if (known.size > contentsMax) known.clear();
    const wanted = [...new Set(ids)].filter((id) => !known.has(id));
    if (wanted.length === 0) return;
    const text = `SELECT key, doc FROM ${table.name} WHERE key IN (${wanted.map(() => '?').join(', ')})`;
    const [rows = []] = await this.database.read([{ text, parameters: wanted }]);
    for (const [id, doc] of docsIn(table, rows)) known.set(id, doc);
  }
}

/** A sum of maintained counts; with a prefix the matching rows are counted, `countedMax` at most. */
function totalOf(table: AnyTable, narrowing: Narrowing, counts: AnyTable): Statement {
  if (narrowing.prefix !== '') return countUpTo(table, narrowing);
  const conditions = narrowing.equal.map(({ column, anyOf }) => `${column} IN (${anyOf.map(() => '?').join(', ')})`);
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  const parameters = narrowing.equal.flatMap(({ anyOf }) => anyOf);
  return { text: `SELECT COALESCE(SUM(n), 0) AS n FROM ${counts.name}${where}`, parameters };
}

/** For tables that are small whatever the number of devices. */
function count(table: AnyTable): Statement {
  return { text: `SELECT COUNT(*) AS n FROM ${table.name}`, parameters: [] };
}

function all(table: AnyTable): Statement {
  return { text: `SELECT key, doc FROM ${table.name}`, parameters: [] };
}

function docsIn<Doc>(table: Table<Doc>, rows: readonly SqlRow[]): Map<string, Doc> {
  return new Map(rows.map(({ key, doc }) => [String(key), readDoc(table, String(key), String(doc))]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A hub that may take nothing is full, whatever is on it. */
function utilization(devices: number, capacity: number | null): number | null {
  if (capacity === null) return null;
  return capacity === 0 ? 1 : devices / capacity;
}
