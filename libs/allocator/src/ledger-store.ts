import {
  answerTo,
  type Answer,
  type DecisionsRecorded,
  emptyLedger,
  evolveLedger,
  type Ledger,
  type LedgerEvent,
  type ReleaseEvent,
  releaseResult,
  type Result,
  resultOf,
  standingResultOf,
} from '@berth/domain';
import { randomHashKey } from './hash-key.js';
import { type Appended, type EventStreams, RevisionConflict, type StoredEvent, streams } from '@berth/event-store';

/** Tries to claim a partition while another writes to its ledger. */
const claimTriesMax = 5;

/** Whoever has the partition was faster each time. It is taken from him in the end, for he stops once he hears that he lost it. */
export class ClaimLost extends Error {
  readonly code = 'CLAIM_LOST';
  readonly retriable = true;
}

/**
 * Reads a partition's ledger and appends a claim at the exact revision: from then on whoever claimed before fails at its
 * next append. That is the fence; the consumer group's own generation is not relied on.
 * @returns the ledger, and the claim's place in the order of all events.
 * @param begin the ledger as some snapshot has it, or an empty one; changed in place.
 * @throws ClaimLost, StoreUnavailable (both retriable).
 */
export async function claimLedger(
  store: EventStreams,
  partition: number,
  allocator: string,
  now: () => number,
  begin: (partition: number) => Promise<Ledger> = async () => emptyLedger(partition, randomHashKey()),
): Promise<{ ledger: Ledger; position: bigint }> {
  const ledger = await begin(partition);
  for (let attempt = 1; ; attempt += 1) {
    // After a conflict only what has come since: who reads it all again is behind again, when the ledger is long.
    const from = ledger.revision + 1;
    for await (const { event, revision, position } of store.read<LedgerEvent>(streams.ledger(partition), { from })) {
      evolveLedger(ledger, event, { revision, position: String(position) });
    }
    const at = new Date(now()).toISOString();
    const claim: LedgerEvent = {
      type: 'PartitionClaimed',
      v: 1,
      data: { partition, generation: ledger.generation + 1, allocator, at },
    };
    try {
      const metadata = { correlationId: `${allocator}/claim/${partition}`, actor: allocator, at };
      const { revision, position } = await store.append(streams.ledger(partition), [claim], ledger.revision, metadata);
      evolveLedger(ledger, claim, { revision, position: String(position) });
      return { ledger, position };
    } catch (error) {
      if (!(error instanceof RevisionConflict)) throw error;
      if (attempt >= claimTriesMax) throw new ClaimLost(`Partition ${partition} is written to`, { cause: error });
    }
  }
}

/** Where decided messages came from, and who decided them. */
export interface LedgerOrigin {
  topic: string;
  /** The allocator's. */
  name: string;
}

/** Stores a page at the revision that the ledger had before it. @throws RevisionConflict when the partition was claimed by another. */
export function appendPage(
  store: EventStreams,
  ledger: Ledger,
  data: DecisionsRecorded,
  origin: LedgerOrigin,
): Promise<Appended> {
  const { firstOffset, lastOffset } = data;
  return append(store, ledger, { type: 'DecisionsRecorded', v: 1, data }, `${firstOffset}-${lastOffset}`, origin);
}

/** Stores a release alike. */
export function appendRelease(
  store: EventStreams,
  ledger: Ledger,
  event: ReleaseEvent,
  origin: LedgerOrigin,
): Promise<Appended> {
  return append(store, ledger, event, String(event.data.offset), origin);
}

/** Records the configuration that the partition decides by from now on. */
export function appendNote(
  store: EventStreams,
  ledger: Ledger,
  { configuration, at }: { configuration: string; at: string },
  name: string,
): Promise<Appended> {
  const { partition, generation, revision } = ledger;
  const note: LedgerEvent = { type: 'ConfigurationNoted', v: 1, data: { generation, configuration, at } };
  evolveLedger(ledger, note, { revision: revision + 1, position: '' });
  const metadata = { correlationId: `${name}/configuration/${partition}`, actor: name, at };
  return store.append(streams.ledger(partition), [note], revision, metadata);
}

/** @param event that the ledger has folded already. */
function append(
  store: EventStreams,
  { partition, revision }: Ledger,
  event: Exclude<LedgerEvent, { type: 'PartitionClaimed' | 'ConfigurationNoted' }>,
  offsets: string,
  { topic, name }: LedgerOrigin,
): Promise<Appended> {
  const { at } = event.data;
  const metadata = { correlationId: `${topic}/${partition}/${offsets}`, actor: name, at, topic, partition };
  return store.append(streams.ledger(partition), [event], revision - 1, metadata);
}

/** A message that the ledger has decided already. */
export interface DecidedMessage {
  offset: number;
  registrationId: string;
  requestId: string;
}

/** An answer as it was given first, with the time of its page. */
export interface RecordedAnswer {
  answer: Answer;
  at: string;
}

type StoredPage = StoredEvent<Extract<LedgerEvent, { type: 'DecisionsRecorded' }>>;

/**
 * Answers redelivered messages from the ledger, by offset: the answers may have been lost, the decisions weren't.
 * @param messages in offset order, all at or below the ledger's last offset.
 */
export async function answersFromLedger(
  store: EventStreams,
  partition: number,
  messages: readonly DecidedMessage[],
): Promise<Map<number, RecordedAnswer>> {
  const answers = new Map<number, RecordedAnswer>();
  const [first] = messages;
  if (!first) return answers;
  const byOffset = new Map(messages.map((message) => [message.offset, message]));
  const pages = new Map<number, StoredPage>();
  const answer = (message: DecidedMessage, result: Result, page: StoredPage, at: string) =>
    answers.set(message.offset, { answer: answerTo(message, result, String(page.position)), at });
  const stream = streams.ledger(partition);
  for await (const stored of store.read<LedgerEvent>(stream, { backwards: true })) {
    const { event } = stored;
    if (event.type === 'RegistrationReleased' || event.type === 'ReleaseRefused') {
      const message = byOffset.get(event.data.offset);
      if (message) {
        const released = answerTo(message, releaseResult(event), String(stored.position));
        answers.set(message.offset, { answer: released, at: event.data.at });
      }
      if (event.data.offset < first.offset) break;
    }
    if (!isPage(stored)) continue;
    const { data } = stored.event;
    if (data.lastOffset < first.offset) break;
    pages.set(stored.revision, stored);
    for (const outcome of data.outcomes) {
      const message = byOffset.get(outcome.offset);
      if (message) answer(message, resultOf(outcome), stored, data.at);
    }
    for (const { offset, revision, outcomeOffset } of data.unchanged) {
      const message = byOffset.get(offset);
      if (!message) continue;
      const page = pages.get(revision) ?? (await readPage(store, stream, revision));
      pages.set(revision, page);
      const outcome = page.event.data.outcomes.find((it) => it.offset === outcomeOffset);
      if (outcome) answer(message, standingResultOf(outcome), page, data.at);
    }
  }
  return answers;
}

async function readPage(store: EventStreams, stream: string, revision: number): Promise<StoredPage> {
  for await (const stored of store.read<LedgerEvent>(stream, { from: revision, maxCount: 1 })) {
    if (isPage(stored)) return stored;
  }
  throw new Error(`Event ${revision} of ${stream} is cited as a page of decisions, and is none`);
}

function isPage(stored: StoredEvent<LedgerEvent>): stored is StoredPage {
  return stored.event.type === 'DecisionsRecorded';
}
