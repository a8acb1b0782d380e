import {
  type AllocationRule,
  answerTo,
  type ConfigurationEvent,
  type DecisionsRecorded,
  emptyConfiguration,
  emptyLedger,
  evolveConfiguration,
  evolveLedger,
  type GatewayLatencies,
  hubKey,
  lackedOf,
  type Ledger,
  type LedgerEvent,
  type LinkedHub,
  type Outcome,
  registrationKey,
  type ReleaseEvent,
  releaseResult,
  type Result,
  resultOf,
  standingResultOf,
  type WebhookAnswer,
} from '@berth/domain';
import { type BerthEvent, type StoredEvent, streams } from '@berth/event-store';
import {
  assignmentRecord,
  type DeviceMessage,
  parseDeviceMessage,
  partitionOf,
  type ReceivedRecord,
  topics,
} from '@berth/registration-log';
import { type AllocatorProcess } from './allocator-process.js';
import { recordText } from './gateway.js';
import { LatencyAccount, type Whereabouts } from './latency-account.js';
import { type SimulatedProcess } from './scheduler.js';
import { type LogWatcher } from './simulated-broker.js';
import { type StoreWatcher } from './simulated-store.js';

/** The invariants of docs/architecture.md, and what the ledger protocol says besides. */
export type Invariant =
  | 'I1 one outcome'
  | 'I2 one hub'
  | 'I3 capacity'
  | 'I4 fold'
  | 'I5 told'
  | 'I6 bad message'
  | 'fence'
  | 'configuration in view'
  | 'webhooks'
  | 'reports'
  | 'latencies'
  | 'rules'
  | 'holds what it has'
  | 'goes on';

export interface Violation {
  invariant: Invariant;
  what: string;
}

interface Sent {
  record: ReceivedRecord;
  /** Null for a message that can't be read, or that isn't in its place; and for a report. */
  request: Request | null;
  /** Null for any other message. */
  report: GatewayLatencies | null;
  recorded: Recorded | null;
  isAnswered: boolean;
  isRejected: boolean;
}

/** A device's wish to be provisioned, or an operator's to release it. */
interface Request extends Whereabouts {
  registrationId: string;
  requestId: string;
  minPosition?: string | undefined;
  isRelease: boolean;
}

/** An outcome where it stands: the event that lists the message, and the page that holds the outcome. */
interface Recorded {
  /** As the message that the outcome came from spelled it. */
  registrationId: string;
  result: Result;
  position: bigint;
  at: string;
}

interface SeenConfiguration {
  position: bigint;
  hubs: ReadonlyMap<string, LinkedHub>;
}

interface WatchedLedger {
  fold: Ledger;
  /** The allocator of the newest claim. */
  claimedBy: string | null;
  /** The fold as text, by revision. */
  texts: string[];
  /** By revision. */
  decided: Map<number, { data: DecisionsRecorded | ReleaseEvent['data']; position: bigint }>;
}

/** Sees everything that the servers of a world do, keeps its own account of it, and finds what must not be. */
export class Invariants implements StoreWatcher, LogWatcher {
  readonly violations: Violation[] = [];
  readonly seen = {
    messages: 0,
    pages: 0,
    claims: 0,
    outcomes: 0,
    answers: 0,
    answeredAgain: 0,
    released: 0,
    rejected: 0,
    refused: 0,
    leases: 0,
    loadReports: 0,
    byLabels: 0,
  };
  private readonly sent = new Map<number, Map<number, Sent>>();
  private readonly ledgers = new Map<number, WatchedLedger>();
  private readonly devices = new Map<string, { partition: number; hub: string | null }>();
  private readonly loads = new Map<string, number>();
  private readonly configuration = emptyConfiguration();
  private readonly configurations: SeenConfiguration[] = [];
  /** Per process, positions that its view didn't reach in time. */
  private readonly waitedFor = new Map<SimulatedProcess, bigint[]>();
  private readonly committedTo = new Map<number, number>();
  private readonly checkedAt = new WeakMap<Ledger, number>();
  readonly latencies = new LatencyAccount((...finding) => this.check(...finding));

  constructor(
    private readonly partitions: number,
    private readonly isBad: (record: ReceivedRecord) => boolean,
    private readonly answeredTo: (call: string) => readonly WebhookAnswer[],
    private readonly only: Invariant | null,
  ) {
    for (let partition = 0; partition < partitions; partition += 1) {
      this.sent.set(partition, new Map());
      this.ledgers.set(partition, { fold: emptyLedger(partition), claimedBy: null, texts: [], decided: new Map() });
    }
  }

  // What the servers did.

  taken(_by: SimulatedProcess, topic: string, partition: number, record: ReceivedRecord): void {
    if (topic === topics.registrations) this.registration(partition, record);
    else if (topic === topics.assignments) this.answer(record);
    else this.rejection(record);
  }

  committed(_by: SimulatedProcess, topic: string, partition: number, next: number): void {
    if (topic !== topics.registrations) return;
    const from = this.committedTo.get(partition) ?? 0;
    this.committedTo.set(partition, next);
    const reports: GatewayLatencies[] = [];
    for (let offset = from; offset < next; offset += 1) {
      const sent = this.sent.get(partition)?.get(offset);
      if (!sent) continue;
      const where = `message ${partition}/${offset} is committed`;
      if (sent.report) reports.push(sent.report);
      else if (!sent.request) this.check(sent.isRejected, 'I6 bad message', `${where}, and was not rejected`);
      else {
        this.check(sent.recorded !== null, 'I1 one outcome', `${where}, and has no outcome`);
        this.check(sent.isAnswered, 'I5 told', `${where}, and was not answered`);
      }
    }
    this.latencies.committed(reports);
  }

  appended(by: SimulatedProcess, events: readonly StoredEvent[]): void {
    for (const stored of events) {
      if (stored.event.type === 'CapacityLeased') this.seen.leases += 1;
      else if (stored.event.type === 'LoadsReported') this.seen.loadReports += 1;
      else if (stored.stream.startsWith('ledger-')) this.ledgerEvent(by, stored as StoredEvent<LedgerEvent>);
      else this.configurationEvent(stored as StoredEvent<ConfigurationEvent>);
    }
  }

  refused(by: SimulatedProcess, stream: string, events: readonly BerthEvent[], expectedRevision: number): void {
    if (!stream.startsWith('ledger-')) return;
    this.seen.refused += 1;
    const page = this.watched(partitionIn(stream)).decided.get(expectedRevision + 1);
    const [event] = events;
    const isStored = page !== undefined && JSON.stringify(page.data) === JSON.stringify(event?.data);
    this.check(!isStored, 'I1 one outcome', `${by.name} was refused a page that is stored in ${stream}`);
  }

  waitedInVain(by: SimulatedProcess, position: bigint): void {
    this.waitedFor.set(by, [...(this.waitedFor.get(by) ?? []), position]);
  }

  // What is looked at after each step, and at the end.

  /** I4: what an allocator holds in memory, and isn't just adding to, is what the stream folds to. */
  lookInto({ process, store, allocator }: AllocatorProcess): void {
    for (const [partition, { ledger, isDoubtful }] of allocator['claimed']) {
      if (store.isAppendingTo(streams.ledger(partition)) || isDoubtful) continue;
      if (this.checkedAt.get(ledger) === ledger.revision) continue;
      this.checkedAt.set(ledger, ledger.revision);
      const folded = this.watched(partition).texts[ledger.revision];
      const text = ledgerText(ledger);
      const what = `${process.name} holds another ledger ${partition} at revision ${ledger.revision} than is stored`;
      this.check(text === folded, 'I4 fold', `${what}:\n  ${text}\n  ${folded}`);
    }
  }

  /** When everything has healed and nothing is left to happen. */
  lookBack(): void {
    for (const [partition, messages] of this.sent) {
      for (const [offset, { request, report, recorded, isAnswered, isRejected }] of messages) {
        const where = `message ${partition}/${offset}`;
        if (request) {
          this.check(recorded !== null, 'I1 one outcome', `${where} never got an outcome`);
          this.check(isAnswered, 'I5 told', `${where} was never answered`);
        } else if (!report) this.check(isRejected, 'I6 bad message', `${where} can't be read and was never rejected`);
      }
      const last = Math.max(-1, ...messages.keys());
      const next = this.committedTo.get(partition) ?? 0;
      this.check(last < next, 'goes on', `partition ${partition} stands at ${next}, its last message is ${last}`);
    }
  }

  /** A ledger too many is a load counted for a partition that others decide; one too few is a load left out. */
  lookAtRest({ process, allocator }: AllocatorProcess, partitions: readonly number[]): void {
    const held = [...allocator['claimed'].keys()].sort().join();
    const what = `${process.name} holds ledgers ${held || 'of nothing'}, and has partitions ${partitions.join()}`;
    this.check(held === [...partitions].sort().join(), 'holds what it has', what);
  }

  violate(invariant: Invariant, what: string): void {
    if (this.only === null || this.only === invariant) this.violations.push({ invariant, what });
  }

  private check(holds: boolean, invariant: Invariant, what: string): void {
    if (!holds) this.violate(invariant, what);
  }

  private watched(partition: number): WatchedLedger {
    return this.ledgers.get(partition) as WatchedLedger;
  }

  private registration(partition: number, record: ReceivedRecord): void {
    this.seen.messages += 1;
    const isReadable = !this.isBad(record) && partitionOf(record.key as string, this.partitions) === partition;
    const parsed = isReadable ? parseDeviceMessage(record) : null;
    if (parsed && !parsed.ok) this.violate('I6 bad message', `a good message is refused: ${parsed.reason}`);
    const request = parsed?.ok ? requestOf(parsed) : null;
    const { offset, timestamp } = record;
    const report = parsed?.ok && 'report' in parsed ? this.latencies.taken(parsed.report, offset, timestamp) : null;
    const sent = { record, request, report, recorded: null, isAnswered: false, isRejected: false };
    this.sent.get(partition)?.set(offset, sent);
  }

  private rejection(record: ReceivedRecord): void {
    this.seen.rejected += 1;
    const partition = Number(record.headers['berth-partition']);
    const offset = Number(record.headers['berth-offset']);
    const sent = this.sent.get(partition)?.get(offset);
    const where = `message ${partition}/${offset} was rejected (${record.headers['berth-reason']})`;
    if (!sent) return this.violate('I6 bad message', `${where}, and doesn't exist`);
    sent.isRejected = true;
    this.check(!sent.request && !sent.report, 'I6 bad message', `${where}, and can be read`);
    this.check(recordText(sent.record) === recordText(record), 'I6 bad message', `${where} with other bytes`);
  }

  private answer(record: ReceivedRecord): void {
    this.seen.answers += 1;
    const { id } = JSON.parse(record.value.toString()) as { id: string };
    const [topic, partition, offset] = [id.slice(0, id.indexOf('/')), ...id.split('/').slice(1).map(Number)];
    const sent = this.sent.get(partition as number)?.get(offset as number);
    if (!sent?.request) return this.violate('I5 told', `${id} is answered, and is no message that can be read`);
    if (!sent.recorded) return this.violate('I5 told', `${id} is answered before the ledger has its outcome`);
    const { result, position, at } = sent.recorded;
    const origin = { topic: topic as string, partition: partition as number, offset: offset as number };
    const expected = assignmentRecord(answerTo(sent.request, result, String(position)), at, origin);
    const isRight = expected.key === record.key && expected.value.equals(record.value);
    this.check(isRight, 'I5 told', `${id} is told\n  ${record.value.toString()}\n  ${expected.value.toString()}`);
    if (sent.isAnswered) this.seen.answeredAgain += 1;
    sent.isAnswered = true;
  }

  private configurationEvent(stored: StoredEvent<ConfigurationEvent>): void {
    const { event, position, recordedAt } = stored;
    this.latencies.configured(stored);
    evolveConfiguration(this.configuration, event, { position: String(position), at: recordedAt.getTime() });
    this.configurations.push({ position, hubs: new Map(this.configuration.hubs) });
  }

  private ledgerEvent(by: SimulatedProcess, { event, stream, revision, position }: StoredEvent<LedgerEvent>): void {
    const partition = partitionIn(stream);
    const ledger = this.watched(partition);
    if (event.type === 'PartitionClaimed') {
      this.seen.claims += 1;
      const { generation } = event.data;
      const expected = ledger.fold.generation + 1;
      this.check(generation === expected, 'fence', `${stream}: claim ${generation} by ${by.name}, not ${expected}`);
      ledger.claimedBy = by.name;
    } else {
      const { generation } = event.data;
      const isOwn = ledger.claimedBy === by.name && generation === ledger.fold.generation;
      const claim = `${ledger.claimedBy} has claim ${ledger.fold.generation}`;
      this.check(isOwn, 'fence', `${stream}@${revision}: ${by.name} decides in claim ${generation}, while ${claim}`);
      if (event.type !== 'ConfigurationNoted') ledger.decided.set(revision, { data: event.data, position });
      if (event.type === 'DecisionsRecorded') {
        this.seen.pages += 1;
        this.page(by, partition, event.data, position);
      } else if (event.type !== 'ConfigurationNoted') this.release(partition, event, position);
    }
    evolveLedger(ledger.fold, event, { revision, position: String(position) });
    ledger.texts[revision] = ledgerText(ledger.fold);
  }

  private release(partition: number, event: ReleaseEvent, position: bigint): void {
    const { offset, registrationId, at } = event.data;
    const where = `message ${partition}/${offset}`;
    const key = registrationKey(registrationId);
    const sent = this.decided(where, partition, offset, { registrationId, result: releaseResult(event), position, at });
    if (!sent) return;
    this.check(sent.isRelease, 'I1 one outcome', `${where} is no wish to release ${key}`);
    if (event.type === 'ReleaseRefused') {
      const isOn = this.devices.get(key)?.hub ?? null;
      this.check(isOn === null, 'I2 one hub', `${where}: ${key} is on ${isOn}, and is not released`);
      return;
    }
    this.seen.released += 1;
    const { hub, repeats } = event.data;
    if (repeats !== undefined) return;
    const device = this.devices.get(key);
    const was = hub && hubKey(hub);
    this.check(device?.hub === was, 'I2 one hub', `${where}: ${key} is taken from ${hub}, it was on ${device?.hub}`);
    if (was !== null) this.loads.set(was, this.loadOf(was) - 1);
    if (device) device.hub = null;
  }

  /** Notes what a message came to, and answers what it was; undefined when there is no such message. */
  private decided(where: string, partition: number, offset: number, recorded: Recorded | null): Request | undefined {
    this.seen.outcomes += 1;
    const sent = this.sent.get(partition)?.get(offset);
    if (!sent?.request) {
      this.violate('I1 one outcome', `${where} got an outcome, and is no message that can be read`);
      return undefined;
    }
    this.check(sent.recorded === null, 'I1 one outcome', `${where} was decided twice`);
    const device = registrationKey(sent.request.registrationId);
    const isIts = recorded === null || registrationKey(recorded.registrationId) === device;
    this.check(isIts, 'I1 one outcome', `${where} of ${device} got the outcome of another device`);
    sent.recorded = recorded;
    return sent.request;
  }

  private page(by: SimulatedProcess, partition: number, page: DecisionsRecorded, position: bigint): void {
    const configurations = this.configurationsFrom(page.configuration);
    const listed = [
      ...page.outcomes.map((outcome) => ({
        offset: outcome.offset,
        recorded: recordedOf(outcome, resultOf(outcome), position, page.at),
      })),
      ...page.unchanged.map(({ offset, revision, outcomeOffset }) => {
        const cited = this.watched(partition).decided.get(revision);
        const outcomes = cited && 'outcomes' in cited.data ? cited.data.outcomes : [];
        const outcome = outcomes.find((one) => one.offset === outcomeOffset);
        if (!outcome)
          this.violate('I1 one outcome', `${partition}/${offset} cites ${revision}/${outcomeOffset}: nothing`);
        return {
          offset,
          recorded: outcome && cited ? recordedOf(outcome, standingResultOf(outcome), cited.position, page.at) : null,
        };
      }),
    ];
    for (const { offset, recorded } of listed) {
      const where = `message ${partition}/${offset}`;
      const isInside = offset >= page.firstOffset && offset <= page.lastOffset;
      this.check(isInside, 'I1 one outcome', `${where} stands outside of its page`);
      const request = this.decided(where, partition, offset, recorded);
      if (!request) continue;
      this.check(!request.isRelease, 'I1 one outcome', `${where} wants a release, and is decided in a page`);
      this.checkView(by, where, request, page);
    }
    for (const outcome of page.outcomes) {
      this.place(partition, page, outcome, configurations);
      this.checkWebhook(partition, page, outcome);
      this.checkLatencies(partition, page, outcome);
    }
  }

  /** Where a webhook chooses, what it is said to have answered it has answered, about this message. */
  private checkWebhook(partition: number, { rules }: DecisionsRecorded, { rule, offset, webhook }: Outcome): void {
    const where = `message ${partition}/${offset}`;
    const isCustom = rule !== null && rules[rule]?.policy === 'custom';
    this.check(isCustom === (webhook !== undefined), 'webhooks', `${where}: custom ${isCustom}, and answer ${webhook}`);
    if (!webhook) return;
    const text = JSON.stringify(webhook);
    const wasNotAsked = 'fault' in webhook && webhook.fault.startsWith('was not asked');
    const answers = this.answeredTo(`${topics.registrations}/${partition}/${offset}`);
    const isTrue = wasNotAsked || answers.some((answer) => JSON.stringify(answer) === text);
    this.check(isTrue, 'webhooks', `${where}: the webhook is said to have answered ${text}, and has not`);
  }

  private checkLatencies(partition: number, page: DecisionsRecorded, outcome: Outcome): void {
    const sent = this.sent.get(partition)?.get(outcome.offset);
    if (outcome.type === 'RegistrationRejected' || !sent?.request) return;
    const { latencies = [], latencyTable = -1 } = outcome;
    const said = [...latencies, ...(page.latencyTables?.[latencyTable] ?? [])];
    this.latencies.decided(`message ${partition}/${outcome.offset}`, said, sent.request, {
      sentAt: sent.record.timestamp,
      at: Date.parse(page.at),
      configuration: BigInt(page.configuration ?? -1),
    });
  }

  /** What was acknowledged before the message was taken was in view, unless waiting for it was in vain. */
  private checkView(by: SimulatedProcess, where: string, { minPosition }: Request, page: DecisionsRecorded): void {
    if (minPosition === undefined) return;
    const wanted = BigInt(minPosition);
    if (page.configuration !== null && BigInt(page.configuration) >= wanted) return;
    const isExcused = this.waitedFor.get(by)?.some((position) => position >= wanted) ?? false;
    this.check(isExcused, 'configuration in view', `${where} wants ${wanted} in view, got ${page.configuration}`);
  }

  private place(
    partition: number,
    { rules }: DecisionsRecorded,
    outcome: Outcome,
    configurations: readonly SeenConfiguration[],
  ): void {
    const key = registrationKey(outcome.registrationId);
    const device = this.devices.get(key) ?? { partition, hub: null };
    this.devices.set(key, device);
    this.check(device.partition === partition, 'I2 one hub', `${key} has ledgers ${device.partition} and ${partition}`);
    if (outcome.type === 'RegistrationRejected') return;
    const where = `${partition}/${outcome.offset}: ${outcome.type} of ${key}`;
    const expected =
      outcome.type === 'DeviceAssigned'
        ? null
        : hubKey(outcome.type === 'DeviceReassigned' ? outcome.from : outcome.hub);
    this.check(device.hub === expected, 'I2 one hub', `${where} says it was on ${expected}, it was on ${device.hub}`);
    const to = hubKey(outcome.hub);
    if (device.hub === to) return;
    if (device.hub !== null) this.loads.set(device.hub, this.loadOf(device.hub) - 1);
    this.loads.set(to, this.loadOf(to) + 1);
    device.hub = to;
    const hub = configurations[0]?.hubs.get(to);
    this.check(hub?.state === 'open', 'I2 one hub', `${where} chose ${to}, which is ${hub?.state ?? 'not linked'}`);
    const { hubs, require = [] } = rules[outcome.rule] as AllocationRule;
    const isListed = !hubs || hubs.some((name) => hubKey(name) === to);
    const isAllowed = isListed && lackedOf(require, hub?.labels ?? []).length === 0;
    this.check(isAllowed, 'rules', `${where} chose ${to}, which its rule does not allow`);
    if (require.length > 0) this.seen.byLabels += 1;
    // Others may decide by a newer and more generous capacity already.
    const capacity = Math.max(...configurations.map(({ hubs }) => hubs.get(to)?.capacity ?? Infinity));
    const load = this.loadOf(to);
    this.check(load <= capacity, 'I3 capacity', `${where}: ${to} holds ${load} of ${capacity}`);
  }

  private loadOf(hub: string): number {
    return this.loads.get(hub) ?? 0;
  }

  /** The one that a page was decided by, and all that came after. */
  private configurationsFrom(position: string | null): readonly SeenConfiguration[] {
    if (position === null) return [{ position: -1n, hubs: new Map() }, ...this.configurations];
    const first = this.configurations.findIndex((configuration) => configuration.position === BigInt(position));
    if (first < 0) this.violate('configuration in view', `${position} is no position of the configuration`);
    return first < 0 ? [] : this.configurations.slice(first);
  }
}

/** Null for what asks nothing of a device. */
function requestOf(message: DeviceMessage): Request | null {
  if ('report' in message) return null;
  return 'release' in message ? { ...message.release, isRelease: true } : { ...message.request, isRelease: false };
}

function recordedOf({ registrationId }: Outcome, result: Result, position: bigint, at: string): Recorded {
  return { registrationId, result, position, at };
}

function partitionIn(ledgerStream: string): number {
  return Number(ledgerStream.slice('ledger-'.length));
}

function ledgerText({ generation, lastOffset, revision, configuration, devices, loads }: Ledger): string {
  const content = [[...devices].sort(byKey), [...loads].sort(byKey)];
  return JSON.stringify([generation, lastOffset, revision, configuration, ...content]);
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
