import {
  type Answer,
  type AnswerOf,
  answerTo,
  asksAmong,
  type DecidedPage,
  decidePage,
  type DecidedWish,
  type GatewayLatencies,
  decideRelease,
  hubKey,
  measurementsOf,
  hubLeft,
  releaseResult,
  type ReleaseWish,
  settlePage,
  type Wish,
} from '@berth/domain';
import { type Appended, type EventStreams, RevisionConflict } from '@berth/event-store';
import { metrics } from '@berth/platform';
import {
  assignmentRecord,
  type Batch,
  type BatchConsumer,
  type Consumption,
  type LogRecord,
  parseDeviceMessage,
  partitionOf,
  publishRejected,
  type ReceivedRecord,
  type RegistrationLog,
  rejectedRecord,
  topics,
} from '@berth/registration-log';
import { ClaimedPartition } from './claimed-partition.js';
import { type ConfigurationView } from './configuration-view.js';
import { answersFromLedger, appendNote, appendPage, appendRelease, claimLedger } from './ledger-store.js';
import { recordReports } from './gateway-reports.js';
import { Peers } from './peers/peers.js';
import { type LedgerSnapshots } from './snapshots/ledger-snapshots.js';
import { type AskedWish, Consultation } from './webhooks/consultation.js';
import { noWebhooks, type Webhooks } from './webhooks/webhooks.js';

/** Consumer group of all allocators of a deployment. */
const group = 'berth.allocator';
/** Each claim under way holds some MiB of what it reads. */
const claimsAtOnce = 4;
/** How long a batch waits for the configuration that a message was stamped with. */
const configurationWaitMs = 2_000;
/** How often devices of a batch wait, 2 s each time, for places that nobody gives back. */
const vainWaitsMax = 2;

export interface AllocatorOptions {
  log: RegistrationLog;
  store: EventStreams;
  view: ConfigurationView;
  /** Absent: a ledger is read from its beginning at every claim. */
  snapshots?: LedgerSnapshots;
  /** Absent: nobody is asked. */
  webhooks?: Webhooks;
  idScope: string;
  /** Names this process in its claims. */
  name: string;
  /** Milliseconds since 1970. */
  now(): number;
  wait(ms: number): Promise<void>;
}

/** Another allocator has taken the partition. The batch is given up and, if the partition is still ours, claimed anew. */
export class Fenced extends Error {
  readonly code = 'FENCED';
  readonly retriable = true;
}

/** The partition was decided by commands that this process hasn't heard of yet. */
export class ConfigurationBehind extends Error {
  readonly code = 'CONFIGURATION_BEHIND';
  readonly retriable = true;
}

/** The allocator stops, and what it waited for is not waited for any more. */
export class AllocatorStopped extends Error {
  readonly code = 'ALLOCATOR_STOPPED';
  readonly retriable = true;
}

/**
 * Decides the registrations of the partitions it is given: claim, decide, append, answer, commit (the ledger protocol).
 * Decisions of all its partitions see each other's loads, so that they spread evenly together.
 */
export class Allocator implements BatchConsumer {
  /** Rejects when what other allocators say can't be read; pending otherwise. */
  readonly failed: Promise<never>;
  /** The partitions that are ours, by number. */
  private readonly claimed = new Map<number, ClaimedPartition>();
  /** Met before the first claim. */
  private peers: Peers | null = null;
  private consuming: Promise<Consumption> | null = null;
  private hasClaimed = false;
  private readonly stopping = new AbortController();

  private fail!: (error: unknown) => void;

  constructor(private readonly options: AllocatorOptions) {
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
  }

  /** Resolves with the consumption once it has begun; null when `stop` came first. */
  async start(): Promise<Consumption | null> {
    await this.options.view.caughtUp;
    if (this.stopping.signal.aborted) return null;
    this.consuming = this.options.log.consume({ topic: topics.registrations, group }, this);
    return this.consuming;
  }

  /** Whether it has claimed what it was given. */
  get ready(): boolean {
    return this.hasClaimed;
  }

  /** Lets the batches in hand finish, unless they wait for webhooks. */
  async stop(): Promise<void> {
    this.stopping.abort(new AllocatorStopped('The allocator stops'));
    const consumption = await this.consuming?.catch(() => null);
    await consumption?.stop();
    await this.peers?.stop();
    await this.options.snapshots?.stop();
  }

  /**
   * Claims all of them before any is decided, so that the first decision sees every load. Says that it failed only when none
   * is being claimed any more: a claim that came through afterwards would take the partition from its next owner.
   */
  async assigned(partitions: readonly number[]): Promise<void> {
    const claims = await this.claimAll(partitions);
    for (const claim of claims) {
      if (claim.status === 'rejected') throw claim.reason;
      this.hold(claim.value);
    }
    this.hasClaimed = true;
  }

  revoked(partitions: readonly number[]): void {
    for (const partition of partitions) this.giveUp(partition);
  }

  async batch(batch: Batch): Promise<void> {
    const end = metrics.decisionBatch.startTimer();
    const held = this.claimed.get(batch.partition);
    const claimed = held && !held.isDoubtful ? held : await this.claimAgain(batch);
    const { lastOffset } = claimed.ledger;
    const { requests, reports, unreadable } = readBatch(batch, await this.options.log.partitionCount(batch.topic));
    await this.awaitConfiguration(requests, await recordReports(reports, { ...this.options, known: claimed.reports }));
    const isDecided = ({ offset }: Request) => offset <= lastOffset;
    const answers = await this.answerAgain(batch, requests.filter(isDecided), unreadable);
    let undecided = requests.filter((request) => !isDecided(request));
    let vainWaits = 0;
    const consultation = new Consultation({ webhooks: noWebhooks, ...this.options }, batch);
    while (undecided.length > 0) {
      const mayWait = vainWaits < vainWaitsMax;
      const decided = await this.decideInTurn(claimed, batch, undecided, { mayWait, answerOf: consultation.answerOf });
      answers.push(...decided.answers);
      undecided = undecided.slice(decided.answers.length);
      if (decided.isUnasked) {
        // Nobody waits for the webhooks of others.
        await this.options.log.publish(topics.assignments, answers.splice(0));
        await this.consult(claimed, batch, undecided, consultation);
        continue;
      }
      const [first, ...others] = decided.short;
      if (first === undefined) continue;
      if (!(await (this.peers as Peers).leases.lease(claimed, [first, ...others]))) vainWaits += 1;
    }
    await this.options.log.publish(topics.assignments, answers);
    await publishRejected(this.options.log, unreadable);
    metrics.registrations.inc({ outcome: 'unreadable' }, unreadable.length);
    await batch.commit();
    end();
  }

  private async claimAll(partitions: readonly number[]): Promise<PromiseSettledResult<ClaimedPartition>[]> {
    const waiting = partitions.values();
    const claims: PromiseSettledResult<ClaimedPartition>[] = [];
    const worker = async () => {
      for (const partition of waiting) claims.push(...(await Promise.allSettled([this.claim(partition)])));
    };
    await Promise.all(Array.from({ length: claimsAtOnce }, worker));
    return claims;
  }

  private async claim(partition: number): Promise<ClaimedPartition> {
    const { store, log, view, snapshots, name, now } = this.options;
    const partitions = await log.partitionCount(topics.registrations);
    this.peers ??= this.meetPeers(partitions);
    const claim = await claimLedger(store, partition, name, now, snapshots && ((it) => snapshots.load(it)));
    // Nobody goes back behind the configuration that the partition was decided by.
    const { configuration } = claim.ledger;
    if (configuration !== null && !(await view.reached(BigInt(configuration), configurationWaitMs))) {
      throw new ConfigurationBehind(`Partition ${partition} was decided by a newer configuration than is known here`);
    }
    return new ClaimedPartition(claim.ledger, claim.position);
  }

  private meetPeers(partitions: number): Peers {
    const { claimed, options } = this;
    const noteConfiguration = (partition: ClaimedPartition) => this.noteConfiguration(partition);
    return new Peers({ ...options, partitions, claimed, noteConfiguration }, this.fail);
  }

  /**
   * For a ledger in doubt. The log is asked first whether the partition is still ours, or a zombie would take it back from
   * its heir; and if it was taken away meanwhile, the claim is not ours to use.
   */
  private async claimAgain(batch: Batch): Promise<ClaimedPartition> {
    const { partition } = batch;
    await batch.heartbeat();
    const claimed = await this.claim(partition);
    if (batch.isStale()) throw new Fenced(`Partition ${partition} was taken away while it was claimed`);
    this.hold(claimed);
    return claimed;
  }

  private hold(claimed: ClaimedPartition): void {
    this.giveUp(claimed.number);
    this.claimed.set(claimed.number, claimed);
    this.peers?.claimed(claimed);
    metrics.partitions.set(this.claimed.size);
  }

  private giveUp(partition: number): void {
    const claimed = this.claimed.get(partition);
    if (!claimed) return;
    claimed.giveUp(new Fenced(`Partition ${partition} was taken away meanwhile`));
    this.claimed.delete(partition);
    this.peers?.givenUp(claimed);
    metrics.partitions.set(this.claimed.size);
  }

  /**
   * Devices are decided with every command in view that was acknowledged before their message was taken.
   * @param reported place of what their own batch has just told of latencies.
   */
  private async awaitConfiguration(requests: readonly Request[], reported: bigint | null): Promise<void> {
    let wanted = reported;
    for (const { minPosition } of requests) {
      if (minPosition === undefined) continue;
      const position = BigInt(minPosition);
      if (wanted === null || position > wanted) wanted = position;
    }
    if (wanted !== null) await this.options.view.reached(wanted, configurationWaitMs);
  }

  /** Asks the webhooks about the next of these, while the ledger is free for others. */
  private async consult(
    claimed: ClaimedPartition,
    batch: Batch,
    requests: readonly Request[],
    consultation: Consultation,
  ): Promise<void> {
    await batch.heartbeat();
    const { view, idScope, now } = this.options;
    const { ledger, lost } = claimed;
    const { configuration } = view;
    const board = (this.peers as Peers).loads.boardOf(configuration);
    const { answerOf } = consultation;
    const asks = asksAmong(registrationsAhead(requests), {
      ledger,
      configuration,
      board,
      idScope,
      at: now(),
      answerOf,
    });
    await consultation.ask(asks, AbortSignal.any([lost, this.stopping.signal]));
  }

  /** As `decideNext`, while nothing else changes the ledger; tells those who wait for that. */
  private async decideInTurn(
    claimed: ClaimedPartition,
    batch: Batch,
    requests: readonly Request[],
    inputs: DecidingInputs,
  ): Promise<Decided> {
    const decided = await claimed.inTurn(() => this.decideNext(claimed, batch, requests, inputs));
    this.peers?.settled(decided.left);
    this.options.snapshots?.considered(claimed);
    return decided;
  }

  /** Decides and stores the first of these, and as many after it as go with it. */
  private async decideNext(
    claimed: ClaimedPartition,
    batch: Batch,
    requests: readonly Request[],
    inputs: DecidingInputs,
  ): Promise<Decided> {
    // A batch may outlive the hand-over of its partition, and what it decided then would be counted for ever.
    claimed.lost.throwIfAborted();
    // A note may have failed since its last page: the revision in memory is then another's, perhaps that of an heir's claim.
    if (claimed.isDoubtful) throw new Fenced(`The ledger of partition ${claimed.number} has to be read again`);
    const [first, ...others] = registrationsAhead(requests);
    if (first) return this.decide(claimed, batch, [first, ...others], inputs);
    return this.release(claimed, batch, requests[0] as Release);
  }

  private async release(claimed: ClaimedPartition, { topic, partition }: Batch, wish: Release): Promise<Decided> {
    const { view, now } = this.options;
    const { ledger } = claimed;
    const board = (this.peers as Peers).loads.boardOf(view.configuration);
    const event = decideRelease(wish, { ledger, board, at: now() });
    const { position } = await this.appending(claimed, (store, name) =>
      appendRelease(store, ledger, event, { topic, name }),
    );
    ledger.devices.settle(String(position));
    const answer = answerTo(wish, releaseResult(event), String(position));
    countAnswers([answer]);
    const left = hubLeft(event);
    return {
      answers: [assignmentRecord(answer, event.data.at, { topic, partition, offset: wish.offset })],
      short: [],
      isUnasked: false,
      left: left === null ? [] : [hubKey(left)],
    };
  }

  /** Decides and stores one page, if the first wish isn't short of places. */
  private async decide(
    claimed: ClaimedPartition,
    { topic, partition }: Batch,
    wishes: readonly [Wish, ...Wish[]],
    { mayWait, answerOf }: DecidingInputs,
  ): Promise<Decided> {
    const { view, idScope, now } = this.options;
    const { ledger } = claimed;
    const { loads, leases } = this.peers as Peers;
    const { page, short, isUnasked } = decidePage(wishes, {
      ledger,
      configuration: view.configuration,
      configurationPosition: view.newest === null ? null : String(view.newest),
      board: loads.boardOf(view.configuration),
      leases: leases.of(claimed, mayWait),
      idScope,
      at: now(),
      answerOf,
    });
    if (!page) return { answers: [], short, isUnasked, left: [] };
    const { position } = await this.appending(claimed, (store, name) =>
      appendPage(store, ledger, page.data, { topic, name }),
    );
    const answers = settlePage(ledger, page, String(position));
    countAnswers(answers);
    countPage(page);
    const records = answers.map((answer, index) => {
      const { offset } = (page.decided[index] as DecidedWish).wish;
      return assignmentRecord(answer, page.data.at, { topic, partition, offset });
    });
    return { answers: records, short, isUnasked, left: hubsLeft(page) };
  }

  /** Records in a partition's ledger that it decides by the configuration in view, or a newer one, from now on. */
  private noteConfiguration(claimed: ClaimedPartition): Promise<void> {
    return claimed.inTurn(async () => {
      const { view, now } = this.options;
      if (claimed.isGivenUp || claimed.isDoubtful || view.newest === null) return;
      const note = { configuration: String(view.newest), at: new Date(now()).toISOString() };
      await this.appending(claimed, (store, name) => appendNote(store, claimed.ledger, note, name));
    });
  }

  /** @throws Fenced when the partition was claimed by another. */
  private async appending(
    claimed: ClaimedPartition,
    append: (store: EventStreams, name: string) => Promise<Appended>,
  ): Promise<Appended> {
    try {
      return await append(this.options.store, this.options.name);
    } catch (error) {
      // The ledger in memory has the event already: whatever went wrong, it must be read back before it decides again.
      claimed.isDoubtful = true;
      if (!(error instanceof RevisionConflict)) throw error;
      metrics.fenced.inc();
      throw new Fenced(`Partition ${claimed.number} was claimed by another allocator`, { cause: error });
    }
  }

  /** Answers what was decided before; a message without an outcome in the ledger joins the unreadable ones. */
  private async answerAgain(
    { topic, partition }: Batch,
    requests: readonly Request[],
    unreadable: LogRecord[],
  ): Promise<LogRecord[]> {
    const recorded = await answersFromLedger(this.options.store, partition, requests);
    return requests.flatMap(({ offset, record }) => {
      const origin = { topic, partition, offset };
      const found = recorded.get(offset);
      if (found) return [assignmentRecord(found.answer, found.at, origin)];
      unreadable.push(rejectedRecord(record, origin, 'the ledger is past this message, and has no outcome for it', []));
      return [];
    });
  }
}

/** What came of some requests, of as many as have answers. */
interface Decided {
  answers: readonly LogRecord[];
  /** Hubs, by key, on which places must be had before the next one can be decided. */
  short: readonly string[];
  /** A webhook has to be asked before the next one can be decided. */
  isUnasked: boolean;
  /** Hubs, by key, that devices have left. */
  left: readonly string[];
}

/** What deciding may go by besides the ledger, the configuration and the loads. */
interface DecidingInputs {
  /** For places. */
  mayWait: boolean;
  answerOf: AnswerOf;
}

/** A readable message, and what the answering needs besides. */
type Request = Registration | Release;

interface Registration extends AskedWish {
  /** Configuration that must be in view before it is decided; absent when the sender named none. */
  minPosition?: string | undefined;
  record: ReceivedRecord;
}

interface Release extends ReleaseWish {
  /** As of a registration. */
  minPosition?: string | undefined;
  record: ReceivedRecord;
}

export function isRelease(request: Request): request is Release {
  return 'actor' in request;
}

/** Up to the next release. */
function registrationsAhead(requests: readonly Request[]): readonly Registration[] {
  const until = requests.findIndex(isRelease);
  return (until < 0 ? requests : requests.slice(0, until)) as readonly Registration[];
}

/** @param partitions of the topic: where a key belongs hangs on it. */
export function readBatch(
  { topic, partition, records }: Pick<Batch, 'topic' | 'partition' | 'records'>,
  partitions: number,
): { requests: Request[]; reports: GatewayLatencies[]; unreadable: LogRecord[] } {
  const requests: Request[] = [];
  const reports: GatewayLatencies[] = [];
  const unreadable: LogRecord[] = [];
  for (const record of records) {
    const { offset } = record;
    const parsed = parseDeviceMessage(record);
    if (!parsed.ok) {
      unreadable.push(rejectedRecord(record, { topic, partition, offset }, parsed.reason, parsed.path));
      continue;
    }
    const home = partitionOf(record.key as string, partitions);
    if (home !== partition) {
      // Decided here, the device would have two ledgers, and perhaps two hubs.
      const reason = `belongs to partition ${home} of ${partitions} by murmur2, as Kafka's clients place it by default`;
      unreadable.push(rejectedRecord(record, { topic, partition, offset }, reason, ['key']));
      continue;
    }
    if ('release' in parsed) {
      requests.push({ offset, ...parsed.release, record });
      continue;
    }
    if ('report' in parsed) {
      const { source, hubLatencies } = parsed.report;
      reports.push({ source, offset, latencies: measurementsOf(hubLatencies, record.timestamp) });
      continue;
    }
    const { registrationId, requestId, source, attestation, hubLatencies, region, minPosition, payload } =
      parsed.request;
    const latencies = hubLatencies && measurementsOf(hubLatencies, record.timestamp);
    requests.push({
      offset,
      registrationId,
      requestId,
      source,
      attestation,
      latencies,
      region,
      minPosition,
      payload,
      record,
    });
  }
  return { requests, reports, unreadable };
}

function hubsLeft({ data: { outcomes } }: DecidedPage): string[] {
  const left = new Set<string>();
  for (const outcome of outcomes) if (outcome.type === 'DeviceReassigned') left.add(hubKey(outcome.from));
  return [...left];
}

function countAnswers(answers: readonly Answer[]): void {
  const counts = new Map<string, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [outcome, count] of counts) metrics.registrations.inc({ outcome }, count);
}

/** In the reference service's figures. */
function countPage({ data: { outcomes }, decided }: DecidedPage): void {
  for (const { wish, result, authenticated } of decided) {
    metrics.attestationAttempts.add(wish.attestation.type, authenticated ? 'success' : 'failed');
    metrics.registrationAttempts.add(result.hub ?? '', result.status);
  }
  for (const outcome of outcomes) {
    const { type } = outcome;
    if (type === 'DeviceAssigned' || type === 'DeviceReassigned') metrics.deviceAssignments.add(outcome.hub);
  }
}
