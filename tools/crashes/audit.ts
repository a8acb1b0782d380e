import {
  type DecisionsRecorded,
  type LedgerEvent,
  type Outcome,
  releaseResult,
  type Result,
  resultOf,
  standingResultOf,
} from '@berth/domain';
import { EventStore, type StoredEvent, streams } from '@berth/event-store';
import {
  parseAssignment,
  partitionOf,
  type ReceivedRecord,
  type RegistrationLog,
  topics,
} from '@berth/registration-log';
import { type Place } from './answer-watch.ts';
import { capacity, type Load, rubbish } from './load.ts';
import { partitions, type SetUp } from './set-up.ts';

/** What the outside sees at the end, counted. */
export interface Figures {
  /** Messages acknowledged to their publishers, and those on the topic: some publishes were repeated. */
  sent: number;
  onTopic: number;
  /** Messages with an outcome in a ledger, of which so many changed nothing. */
  decided: number;
  unchanged: number;
  released: number;
  rejected: number;
  /** Messages answered, and answers given again. */
  answered: number;
  answeredAgain: number;
  claims: number;
  /** Devices that the hub with a capacity had at most. */
  fullest: number;
}

export interface Audit {
  figures: Figures;
  /** What must not be; empty when every invariant holds. */
  problems: string[];
}

const readMax = 5_000;
/** Problems told of. */
const problemsMax = 50;

interface Message {
  /** Null: nobody can read it. */
  wish: { registrationId: string; requestId: string } | null;
  value: string;
}

interface Decided {
  registrationId: string;
  result: Result;
  /** Of the event that states the outcome. */
  position: bigint;
}

interface Device {
  partition: number;
  hub: string | null;
  status: string;
}

/** Reads topics, ledgers and GraphQL from the outside and keeps its own account, in plain maps. */
export class Auditor {
  private readonly problems: string[] = [];
  private readonly messages = new Map<Place, Message>();
  private readonly decided = new Map<Place, Decided>();
  private readonly devices = new Map<string, Device>();
  private readonly loads = new Map<string, number>();
  private readonly figures: Figures = {
    sent: 0,
    onTopic: 0,
    decided: 0,
    unchanged: 0,
    released: 0,
    rejected: 0,
    answered: 0,
    answeredAgain: 0,
    claims: 0,
    fullest: 0,
  };

  /** To be called when the load has stopped and everything sent has been answered. */
  async audit(setUp: SetUp, load: Load): Promise<Audit> {
    await this.readMessages(load.log);
    this.checkSent(load);
    await this.readLedgers(setUp);
    this.checkDecided();
    await this.checkRejected(load.log);
    await this.checkAnswers(load.log);
    await this.checkReadModel(setUp);
    return { figures: this.figures, problems: this.problems };
  }

  private problem(invariant: string, what: string): void {
    if (this.problems.length < problemsMax) this.problems.push(`${invariant}: ${what}`);
  }

  private async readMessages(log: RegistrationLog): Promise<void> {
    for await (const [partition, record] of recordsOf(log, topics.registrations)) {
      this.figures.onTopic += 1;
      const value = record.value.toString();
      const wish = value.startsWith(rubbish) ? null : wishIn(value);
      this.messages.set(`${partition}/${record.offset}`, { wish, value });
    }
  }

  private checkSent({ sent }: Load): void {
    this.figures.sent = sent.length;
    for (const { partition, offset, value } of sent) {
      const place: Place = `${partition}/${offset}`;
      if (this.messages.get(place)?.value !== value)
        this.problem('I1', `message ${place} was taken and is not on the topic`);
    }
  }

  private async readLedgers({ eventStoreUrl }: SetUp): Promise<void> {
    const store = new EventStore(eventStoreUrl);
    const all: (StoredEvent<LedgerEvent> & { partition: number })[] = [];
    try {
      for (let partition = 0; partition < partitions; partition += 1) {
        for await (const stored of store.read<LedgerEvent>(streams.ledger(partition)))
          all.push({ ...stored, partition });
      }
    } finally {
      await store.close();
    }
    const pages = new Map<string, { page: DecisionsRecorded; position: bigint }>();
    const generations = new Map<number, number>();
    // In the order in which they were stored, for the loads of hubs are those of all partitions.
    for (const { event, partition, revision, position } of all.sort((a, b) => (a.position < b.position ? -1 : 1))) {
      const generation = generations.get(partition) ?? 0;
      const where = `event ${revision} of ledger-${partition}`;
      const isClaim = event.type === 'PartitionClaimed';
      if (event.data.generation !== generation + (isClaim ? 1 : 0)) {
        this.problem('fence', `${where} is of generation ${event.data.generation}, the last claim is ${generation}`);
      }
      switch (event.type) {
        case 'PartitionClaimed':
          this.figures.claims += 1;
          generations.set(partition, event.data.generation);
          break;
        case 'DecisionsRecorded':
          pages.set(`${partition}@${revision}`, { page: event.data, position });
          this.page(partition, revision, event.data, position, pages);
          break;
        case 'RegistrationReleased':
        case 'ReleaseRefused':
          this.release(partition, event, position);
          break;
        default:
      }
    }
  }

  private page(
    partition: number,
    revision: number,
    page: DecisionsRecorded,
    position: bigint,
    pages: ReadonlyMap<string, { page: DecisionsRecorded; position: bigint }>,
  ): void {
    for (const outcome of page.outcomes) {
      const { registrationId } = outcome;
      this.decide(`${partition}/${outcome.offset}`, { registrationId, result: resultOf(outcome), position });
      this.place(partition, outcome);
    }
    for (const { offset, revision: cited, outcomeOffset } of page.unchanged) {
      this.figures.unchanged += 1;
      const earlier = pages.get(`${partition}@${cited}`);
      const outcome = earlier?.page.outcomes.find((one) => one.offset === outcomeOffset);
      if (!earlier || !outcome) {
        this.problem(
          'I1',
          `event ${revision} of ledger-${partition} cites outcome ${outcomeOffset} of ${cited}: nothing`,
        );
        continue;
      }
      const { registrationId } = outcome;
      this.decide(`${partition}/${offset}`, {
        registrationId,
        result: standingResultOf(outcome),
        position: earlier.position,
      });
    }
  }

  private release(
    partition: number,
    event: Extract<LedgerEvent, { type: 'RegistrationReleased' | 'ReleaseRefused' }>,
    position: bigint,
  ): void {
    const { offset, registrationId } = event.data;
    const place: Place = `${partition}/${offset}`;
    this.figures.released += 1;
    this.decide(place, { registrationId, result: releaseResult(event), position });
    if (event.type === 'ReleaseRefused' || event.data.repeats !== undefined) return;
    const device = this.devices.get(keyOf(registrationId));
    const hub = device?.hub ?? null;
    if (hub !== event.data.hub)
      this.problem('I2', `${place} releases ${registrationId} from ${event.data.hub}, it is on ${hub}`);
    if (hub !== null) this.addLoad(hub, -1);
    this.devices.delete(keyOf(registrationId));
  }

  private decide(place: Place, decided: Decided): void {
    this.figures.decided += 1;
    const wish = this.messages.get(place)?.wish;
    if (!wish) this.problem('I1', `message ${place} has an outcome, and is none that can be read`);
    if (this.decided.has(place)) this.problem('I1', `message ${place} was decided twice`);
    if (wish && keyOf(wish.registrationId) !== keyOf(decided.registrationId)) {
      this.problem('I1', `message ${place} of ${wish.registrationId} has the outcome of ${decided.registrationId}`);
    }
    this.decided.set(place, decided);
  }

  private place(partition: number, outcome: Outcome): void {
    const key = keyOf(outcome.registrationId);
    const place = `${partition}/${outcome.offset}`;
    const device = this.devices.get(key);
    if (device && device.partition !== partition)
      this.problem('I2', `${key} has two ledgers, ${device.partition} and ${partition}`);
    const before = device?.hub ?? null;
    if (outcome.type === 'RegistrationRejected') {
      // A refusal of somebody who didn't prove to be the device leaves a device that has a hub as it is.
      if (!outcome.authenticated && before !== null) return;
      this.devices.set(key, { partition, hub: before, status: outcome.status });
      return;
    }
    const from =
      outcome.type === 'DeviceAssigned' ? null : outcome.type === 'DeviceReassigned' ? outcome.from : outcome.hub;
    if (before !== from) this.problem('I2', `${place} takes ${key} from ${from} to ${outcome.hub}, it is on ${before}`);
    if (before !== null) this.addLoad(before, -1);
    this.addLoad(outcome.hub, 1);
    this.devices.set(key, { partition, hub: outcome.hub, status: 'assigned' });
  }

  private addLoad(hub: string, change: number): void {
    const load = (this.loads.get(hub) ?? 0) + change;
    this.loads.set(hub, load);
    if (hub !== 'hub-d') return;
    this.figures.fullest = Math.max(this.figures.fullest, load);
    if (load > capacity && change > 0) this.problem('I3', `${hub} holds ${load} of ${capacity}`);
  }

  private checkDecided(): void {
    for (const [place, { wish }] of this.messages) {
      if (wish && !this.decided.has(place)) this.problem('I1', `message ${place} has no outcome`);
      const home = wish && partitionOf(keyOf(wish.registrationId), partitions);
      if (wish && home !== Number(place.split('/')[0]))
        this.problem('I2', `message ${place} stands in another partition than ${home}`);
    }
  }

  private async checkRejected(log: RegistrationLog): Promise<void> {
    const rejected = new Set<string>();
    for await (const [, { headers, value }] of recordsOf(log, topics.rejected)) {
      const place: Place = `${Number(headers['berth-partition'])}/${Number(headers['berth-offset'])}`;
      rejected.add(place);
      const message = this.messages.get(place);
      if (message?.wish !== null)
        this.problem('I6', `message ${place} is rejected, and can be read: ${headers['berth-reason']}`);
      if (message?.value !== value.toString()) this.problem('I6', `message ${place} is rejected with other bytes`);
    }
    this.figures.rejected = rejected.size;
    for (const [place, { wish }] of this.messages) {
      if (wish === null && !rejected.has(place))
        this.problem('I6', `message ${place} can't be read, and is not rejected`);
    }
  }

  /** Every message was told what its ledger says, once or more, and nothing else. */
  private async checkAnswers(log: RegistrationLog): Promise<void> {
    const answered = new Set<string>();
    for await (const [, record] of recordsOf(log, topics.assignments)) {
      const parsed = parseAssignment(record);
      if (!parsed.ok) {
        this.problem('I5', `an answer can't be read: ${parsed.reason}`);
        continue;
      }
      const { id, answer } = parsed.assignment;
      const place = id.slice(topics.registrations.length + 1) as Place;
      if (answered.has(place)) this.figures.answeredAgain += 1;
      answered.add(place);
      const wish = this.messages.get(place)?.wish;
      const decided = this.decided.get(place);
      const { registrationId, requestId } = wish ?? {};
      const told = sorted(answer);
      const due =
        decided && sorted({ registrationId, requestId, ...decided.result, position: String(decided.position) });
      if (told !== due) this.problem('I5', `message ${place} is told\n  ${told}\n  ${due ?? 'and has no outcome'}`);
    }
    this.figures.answered = answered.size;
    for (const place of this.decided.keys()) {
      if (!answered.has(place)) this.problem('I5', `message ${place} was decided and never answered`);
    }
  }

  private async checkReadModel({ berth }: SetUp): Promise<void> {
    const shown = new Map<string, Pick<Device, 'hub' | 'status'>>();
    for (let after: string | null = null; ;) {
      const { registrations }: { registrations: RegistrationsPage } = await berth.graphql(registrationsQuery, {
        after,
      });
      for (const { registrationId, hub, status } of registrations.nodes) {
        shown.set(keyOf(registrationId), { hub, status: status.toLowerCase() });
      }
      if (!registrations.pageInfo.hasNextPage) break;
      after = registrations.pageInfo.endCursor;
    }
    for (const key of new Set([...this.devices.keys(), ...shown.keys()])) {
      const [is, due] = [shown.get(key), this.devices.get(key)];
      if (is?.hub !== due?.hub || is?.status !== due?.status) {
        this.problem('I4', `GraphQL shows ${key} as ${JSON.stringify(is)}, its ledger has ${JSON.stringify(due)}`);
      }
    }
    const { hubLoads } = await berth.graphql<{ hubLoads: { hub: string; devices: number }[] }>(
      '{ hubLoads { hub devices } }',
    );
    for (const { hub, devices } of hubLoads) {
      const due = this.loads.get(hub) ?? 0;
      if (devices !== due) this.problem('I4', `GraphQL shows ${devices} devices on ${hub}, the ledgers have ${due}`);
    }
  }
}

interface RegistrationsPage {
  nodes: { registrationId: string; hub: string | null; status: string }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}
const registrationsQuery = `query ($after: String) { registrations(first: 100, after: $after) {
  nodes { registrationId hub status } pageInfo { hasNextPage endCursor } } }`;

async function* recordsOf(log: RegistrationLog, topic: string): AsyncIterable<[number, ReceivedRecord]> {
  const count = await log.partitionCount(topic);
  for (let partition = 0; partition < count; partition += 1) {
    for (let next = 0; ;) {
      const records = await log.read(topic, partition, next, readMax);
      for (const record of records) yield [partition, record];
      const last = records.at(-1);
      if (!last) break;
      next = last.offset + 1;
    }
  }
}

/** As the suite's own gateways and operators write them. */
function wishIn(value: string): { registrationId: string; requestId: string } {
  const { id, data } = JSON.parse(value) as { id: string; data: { registrationId: string } };
  return { registrationId: data.registrationId, requestId: id };
}

function keyOf(registrationId: string): string {
  return registrationId.toLowerCase();
}

function sorted(fields: object): string {
  return JSON.stringify(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .sort(),
  );
}
