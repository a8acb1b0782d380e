import {
  type Answer,
  answerTo,
  decidePage,
  type DecidedWish,
  decideRelease,
  type Ledger,
  LoadView,
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
import { type ConfigurationView } from './configuration-view.js';
import { answersFromLedger, appendPage, appendRelease, claimLedger } from './ledger-store.js';
import { type LedgerSnapshots } from './snapshots/ledger-snapshots.js';

/** Consumer group of all allocators of a deployment. */
const group = 'berth.allocator';
/** Each claim under way holds some MiB of what it reads. */
const claimsAtOnce = 4;
/** How long a batch waits for the configuration that a message was stamped with. */
const configurationWaitMs = 2_000;

export interface AllocatorOptions {
  log: RegistrationLog;
  store: EventStreams;
  view: ConfigurationView;
  /** Absent: a ledger is read from its beginning at every claim. */
  snapshots?: LedgerSnapshots;
  idScope: string;
  /** Names this process in its claims. */
  name: string;
  now(): number;
}

/** Another allocator has taken the partition. The batch is given up and, if the partition is still ours, claimed anew. */
export class Fenced extends Error {
  readonly code = 'FENCED';
  readonly retriable = true;
}

/**
 * Decides the registrations of the partitions it is given: claim, decide, append, answer, commit (the ledger protocol).
 * Decisions of all its partitions see each other's loads, so that they spread evenly together.
 */
export class Allocator implements BatchConsumer {
  /** Ledgers of the partitions that are ours, by partition. */
  private readonly ledgers = new Map<number, Ledger>();
  /**
   * Ledgers whose last append failed: they hold a page that may not be stored, so nothing is decided with them. Until they are
   * read again they still tell the loads, better than nothing would.
   */
  private readonly doubtful = new WeakSet<Ledger>();
  /** What is being decided and stored with a ledger. */
  private readonly underWay = new WeakMap<Ledger, Promise<void>>();
  /** Made before the first claim. */
  private loads: LoadView | null = null;
  private consuming: Promise<Consumption> | null = null;
  private hasClaimed = false;
  private isStopped = false;

  constructor(private readonly options: AllocatorOptions) {}

  /** Resolves with the consumption once it has begun; null when `stop` came first. */
  async start(): Promise<Consumption | null> {
    await this.options.view.caughtUp;
    if (this.isStopped) return null;
    this.consuming = this.options.log.consume({ topic: topics.registrations, group }, this);
    return this.consuming;
  }

  /** Whether it has claimed what it was given. */
  get ready(): boolean {
    return this.hasClaimed;
  }

  /** Lets the batches in hand finish. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const consumption = await this.consuming?.catch(() => null);
    await consumption?.stop();
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
    const held = this.ledgers.get(batch.partition);
    const ledger = held && !this.doubtful.has(held) ? held : await this.claimAgain(batch);
    const { requests, unreadable } = readBatch(batch, await this.options.log.partitionCount(batch.topic));
    await this.awaitConfiguration(requests);
    const isDecided = ({ offset }: Request) => offset <= ledger.lastOffset;
    const answers = await this.answerAgain(batch, requests.filter(isDecided), unreadable);
    let undecided = requests.filter((request) => !isDecided(request));
    while (undecided.length > 0) {
      const decided = await this.decideInTurn(ledger, batch, undecided);
      answers.push(...decided);
      undecided = undecided.slice(decided.length);
    }
    await this.options.log.publish(topics.assignments, answers);
    await publishRejected(this.options.log, unreadable);
    metrics.registrations.inc({ outcome: 'unreadable' }, unreadable.length);
    await batch.commit();
    end();
  }

  private async claimAll(partitions: readonly number[]): Promise<PromiseSettledResult<Ledger>[]> {
    const waiting = partitions.values();
    const claims: PromiseSettledResult<Ledger>[] = [];
    const worker = async () => {
      for (const partition of waiting) claims.push(...(await Promise.allSettled([this.claim(partition)])));
    };
    await Promise.all(Array.from({ length: claimsAtOnce }, worker));
    return claims;
  }

  private async claim(partition: number): Promise<Ledger> {
    const { store, log, snapshots, name, now } = this.options;
    const partitions = await log.partitionCount(topics.registrations);
    this.loads ??= new LoadView(partitions);
    return claimLedger(store, partition, name, now, snapshots && ((it) => snapshots.load(it)));
  }

  /**
   * For a ledger in doubt. The log is asked first whether the partition is still ours, or a zombie would take it back from
   * its heir; and if it was taken away meanwhile, the claim is not ours to use.
   */
  private async claimAgain(batch: Batch): Promise<Ledger> {
    const { partition } = batch;
    await batch.heartbeat();
    const ledger = await this.claim(partition);
    if (batch.isStale()) throw new Fenced(`Partition ${partition} was taken away while it was claimed`);
    this.hold(ledger);
    return ledger;
  }

  private hold(ledger: Ledger): void {
    this.giveUp(ledger.partition);
    this.ledgers.set(ledger.partition, ledger);
    this.loads?.claimed(ledger);
    metrics.partitions.set(this.ledgers.size);
  }

  private giveUp(partition: number): void {
    const ledger = this.ledgers.get(partition);
    if (ledger) this.loads?.givenUp(ledger);
    this.ledgers.delete(partition);
    metrics.partitions.set(this.ledgers.size);
  }

  /** Devices are decided with every command in view that was acknowledged before their message was taken. */
  private async awaitConfiguration(requests: readonly Request[]): Promise<void> {
    let wanted: bigint | null = null;
    for (const { minPosition } of requests) {
      if (minPosition === undefined) continue;
      const position = BigInt(minPosition);
      if (wanted === null || position > wanted) wanted = position;
    }
    if (wanted !== null) await this.options.view.reached(wanted, configurationWaitMs);
  }

  /** As `decideNext`, and lets a snapshot of the ledger know when all that is in it is stored. */
  private async decideInTurn(ledger: Ledger, batch: Batch, requests: readonly Request[]): Promise<LogRecord[]> {
    let through!: () => void;
    this.underWay.set(ledger, new Promise((resolve) => (through = resolve)));
    try {
      return await this.decideNext(ledger, batch, requests);
    } finally {
      this.underWay.delete(ledger);
      through();
      this.options.snapshots?.considered({
        ledger,
        underWay: () => this.underWay.get(ledger) ?? null,
        isKept: () => this.ledgers.get(ledger.partition) === ledger && !this.doubtful.has(ledger),
      });
    }
  }

  /** Decides and stores the first of these, and as many after it as go with it. @returns their answers. */
  private async decideNext(ledger: Ledger, batch: Batch, requests: readonly Request[]): Promise<LogRecord[]> {
    const { partition } = batch;
    // A batch may outlive the hand-over of its partition, and what it decided then would be counted for ever.
    if (this.ledgers.get(partition) !== ledger) throw new Fenced(`Partition ${partition} was taken away meanwhile`);
    const until = requests.findIndex(isRelease);
    const [first, ...others] = (until < 0 ? requests : requests.slice(0, until)) as Registration[];
    if (first) return this.decide(ledger, batch, [first, ...others]);
    return [await this.release(ledger, batch, requests[0] as Release)];
  }

  private async release(ledger: Ledger, { topic, partition }: Batch, wish: Release): Promise<LogRecord> {
    const { view, now } = this.options;
    const board = (this.loads as LoadView).boardOf(view.configuration);
    const event = decideRelease(wish, { ledger, board, at: now() });
    const position = await this.appending(ledger, (store, name) =>
      appendRelease(store, ledger, event, { topic, name }),
    );
    ledger.devices.settle(position);
    const answer = answerTo(wish, releaseResult(event), position);
    countAnswers([answer]);
    return assignmentRecord(answer, event.data.at, { topic, partition, offset: wish.offset });
  }

  /** Decides and stores one page. @returns its answers, as many as it has taken wishes. */
  private async decide(
    ledger: Ledger,
    { topic, partition }: Batch,
    wishes: readonly [Wish, ...Wish[]],
  ): Promise<LogRecord[]> {
    const { view, idScope, now } = this.options;
    const { page } = decidePage(wishes, {
      ledger,
      configuration: view.configuration,
      configurationPosition: view.newest === null ? null : String(view.newest),
      board: (this.loads as LoadView).boardOf(view.configuration),
      leases: { places: ({ capacity, load }) => Math.max(0, (capacity as number) - load), filled: () => undefined },
      idScope,
      at: now(),
    });
    if (!page) throw new Error('No page, though no place was to be had');
    const answers = settlePage(
      ledger,
      page,
      await this.appending(ledger, (store, name) => appendPage(store, ledger, page.data, { topic, name })),
    );
    countAnswers(answers);
    return answers.map((answer, index) => {
      const { offset } = (page.decided[index] as DecidedWish).wish;
      return assignmentRecord(answer, page.data.at, { topic, partition, offset });
    });
  }

  /** @returns the position of what was appended. @throws Fenced when the partition was claimed by another. */
  private async appending(
    ledger: Ledger,
    append: (store: EventStreams, name: string) => Promise<Appended>,
  ): Promise<string> {
    try {
      const { position } = await append(this.options.store, this.options.name);
      return String(position);
    } catch (error) {
      // The ledger in memory has the page already: whatever went wrong, it must be read back before it decides again.
      this.doubtful.add(ledger);
      if (!(error instanceof RevisionConflict)) throw error;
      metrics.fenced.inc();
      throw new Fenced(`Partition ${ledger.partition} was claimed by another allocator`, { cause: error });
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

/** A readable message, and what the answering needs besides. */
type Request = Registration | Release;

interface Registration extends Wish {
  /** Configuration that must be in view before it is decided; absent when the sender named none. */
  minPosition?: string | undefined;
  record: ReceivedRecord;
}

interface Release extends ReleaseWish {
  minPosition?: undefined;
  record: ReceivedRecord;
}

export function isRelease(request: Request): request is Release {
  return 'actor' in request;
}

/** @param partitions of the topic: where a key belongs hangs on it. */
export function readBatch(
  { topic, partition, records }: Pick<Batch, 'topic' | 'partition' | 'records'>,
  partitions: number,
): { requests: Request[]; unreadable: LogRecord[] } {
  const requests: Request[] = [];
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
    const { registrationId, requestId, source, attestation, minPosition } = parsed.request;
    requests.push({ offset, registrationId, requestId, source, attestation, minPosition, record });
  }
  return { requests, unreadable };
}

function countAnswers(answers: readonly Answer[]): void {
  const counts = new Map<string, number>();
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [outcome, count] of counts) metrics.registrations.inc({ outcome }, count);
}
