import {
  algorithmBuild,
  areKeysGone,
  type Configuration,
  coveredBy,
  type CoveredMessage,
  decideRelease,
  type DecisionsRecorded,
  emptyLedger,
  evolveLedger,
  HubBoard,
  type LedgerEvent,
  type Outcome,
  recordedWish,
  type ReleaseEvent,
  replayPage,
  type AttestationVerdict,
  verdictOn,
  type Wish,
} from '@berth/domain';
import { type StoredEvent } from '@berth/event-store';
import { topics } from '@berth/registration-log';
import { isRelease, readBatch } from '../allocator.js';
import { ConfigurationThen } from './configuration-then.js';
import { type RecordedLedger } from './recorded-ledger.js';

/** Where a ledger and its replay part. */
export interface Difference {
  revision: number;
  position: string;
  /** When it was decided, ISO 8601. */
  at: string;
  /** Whether the messages themselves were decided again, or what the ledger says of them. */
  from: 'messages' | 'ledger';
  /** The event's data as stored, JSON. */
  stored: string;
  /** What the replay decided, JSON; null when it could decide nothing. */
  decided: string | null;
}

export interface Replayed {
  events: number;
  /** Decided again from the messages of the topic. */
  pagesFromMessages: number;
  /** Decided again from what the ledger says of the messages, which are gone. */
  pagesFromLedger: number;
  releases: number;
  /** Verdicts on attestations that were taken from the ledger, because the message or the keys are gone. */
  takenOnTrust: number;
  /** Pages that only a Berth with that build can decide again, by build; they are folded. */
  otherBuilds: Map<number, number>;
  /** The first one, where the replay ends; null: everything is the same, byte for byte. */
  difference: Difference | null;
}

interface DecidedAgain extends Pick<Difference, 'from'> {
  /** Null when nothing could be decided. */
  decided: DecisionsRecorded | ReleaseEvent['data'] | null;
}

/** Pages kept that later ones may cite. */
const pagesKeptMax = 64;

/** Decides a ledger again, event by event, and compares. @param openSecret opens the keys that tokens are checked with. */
export async function replayLedger(
  recorded: RecordedLedger,
  openSecret: Configuration['openSecret'],
): Promise<Replayed> {
  const replay = new Replay(recorded, openSecret);
  try {
    for await (const stored of recorded.ledger()) if (!(await replay.next(stored))) break;
  } finally {
    await replay.close();
  }
  return replay.result;
}

class Replay {
  readonly result: Replayed = {
    events: 0,
    pagesFromMessages: 0,
    pagesFromLedger: 0,
    releases: 0,
    takenOnTrust: 0,
    otherBuilds: new Map(),
    difference: null,
  };
  private readonly ledger;
  private readonly configuration;
  /** Pages by revision, the one used longest ago first. */
  private readonly pages = new Map<number, DecisionsRecorded>();

  constructor(
    private readonly recorded: RecordedLedger,
    openSecret: Configuration['openSecret'],
  ) {
    this.ledger = emptyLedger(recorded.partition);
    this.configuration = new ConfigurationThen(recorded, openSecret);
  }

  /** False when the event is another than the replay's. */
  async next(stored: StoredEvent<LedgerEvent>): Promise<boolean> {
    const { event, revision } = stored;
    const position = String(stored.position);
    this.result.events += 1;
    const again = await this.decideAgain(event, revision);
    if (!again) {
      evolveLedger(this.ledger, event, { revision, position });
      return true;
    }
    const text = JSON.stringify(event.data);
    const decided = again.decided && JSON.stringify(again.decided);
    if (decided !== text) {
      const { from } = again;
      this.result.difference = { revision, position, at: event.data.at, from, stored: text, decided };
      return false;
    }
    this.ledger.devices.settle(position);
    return true;
  }

  close(): Promise<void> {
    return this.configuration.close();
  }

  /** Null for what isn't decided, or not by this build: it is folded as it is. */
  private async decideAgain(event: LedgerEvent, revision: number): Promise<DecidedAgain | null> {
    switch (event.type) {
      case 'RegistrationReleased':
      case 'ReleaseRefused':
        return this.release(event);
      case 'DecisionsRecorded':
        if (event.data.build === algorithmBuild) return this.page(event.data, revision);
        this.countOther(event.data.build);
        return null;
      default:
        return null;
    }
  }

  private countOther(build: number): void {
    const { otherBuilds } = this.result;
    otherBuilds.set(build, (otherBuilds.get(build) ?? 0) + 1);
  }

  private async page(stored: DecisionsRecorded, revision: number): Promise<DecidedAgain> {
    const { recorded, ledger, result } = this;
    const configuration = await this.configuration.asOf(stored.configuration);
    const covered = await this.covered(stored, revision);
    const read = await this.wishes(stored);
    const wishes = read ?? covered.map(recordedWish);
    if (read) result.pagesFromMessages += 1;
    else result.pagesFromLedger += 1;
    const verdicts = new Map<number, AttestationVerdict>();
    for (const message of covered) {
      if (!read || areKeysGone(configuration, message)) verdicts.set(message.offset, verdictOn(message));
    }
    result.takenOnTrust += verdicts.size;
    const { idScope } = recorded;
    const decided =
      wishes.length === 0
        ? null
        : replayPage(stored, wishes as [Wish, ...Wish[]], { ledger, configuration, idScope, verdicts });
    return { decided, from: read ? 'messages' : 'ledger' };
  }

  private async release({ data }: ReleaseEvent): Promise<DecidedAgain> {
    const { recorded, ledger, result } = this;
    result.releases += 1;
    const { offset } = data;
    const records = await recorded.messages(offset, offset);
    const { requests } = readBatch(this.batchOf(records), recorded.partitions);
    const [read] = requests;
    // A release needs no proof: the ledger has all of it.
    const wish = read && isRelease(read) ? read : data;
    const { data: decided } = decideRelease(wish, { ledger, board: new HubBoard([]), at: Date.parse(data.at) });
    return { decided, from: wish === read ? 'messages' : 'ledger' };
  }

  /** Every wish that the page must have decided: those after the ledger's last; null when they aren't to be had any more. */
  private async wishes({ firstOffset, lastOffset }: DecisionsRecorded): Promise<Wish[] | null> {
    const { recorded, ledger } = this;
    const records = await recorded.messages(ledger.lastOffset + 1, lastOffset);
    if (!records.some(({ offset }) => offset === firstOffset)) return null;
    const { requests } = readBatch(this.batchOf(records), recorded.partitions);
    return requests.flatMap((request) => {
      if (isRelease(request)) return [];
      const { offset, registrationId, requestId, source, attestation } = request;
      return { offset, registrationId, requestId, source, attestation };
    });
  }

  private batchOf(records: Parameters<typeof readBatch>[0]['records']) {
    return { topic: topics.registrations, partition: this.recorded.partition, records };
  }

  private async covered(page: DecisionsRecorded, revision: number): Promise<CoveredMessage[]> {
    const cited = new Map<number, DecisionsRecorded>();
    for (const { revision: at } of page.unchanged) {
      if (at !== revision && !cited.has(at)) cited.set(at, await this.earlierPage(at));
    }
    this.keep(revision, page);
    return coveredBy(page, revision, (at, offset) => outcomeIn(cited.get(at), at, offset));
  }

  private async earlierPage(revision: number): Promise<DecisionsRecorded> {
    let page = this.pages.get(revision);
    if (!page) {
      const { event } = await this.recorded.ledgerEvent(revision);
      if (event.type !== 'DecisionsRecorded') throw new Error(`Event ${revision} is cited as a page, and is none`);
      page = event.data;
    }
    this.keep(revision, page);
    return page;
  }

  private keep(revision: number, page: DecisionsRecorded): void {
    this.pages.delete(revision);
    this.pages.set(revision, page);
    if (this.pages.size <= pagesKeptMax) return;
    const [oldest] = this.pages.keys();
    this.pages.delete(oldest as number);
  }
}

function outcomeIn(page: DecisionsRecorded | undefined, revision: number, offset: number): Outcome {
  const outcome = page?.outcomes.find((one) => one.offset === offset);
  if (!outcome) throw new Error(`Outcome ${offset} of page ${revision} is cited, and is not there`);
  return outcome;
}
