import { type Configuration, type ConfigurationEvent, type LedgerEvent } from '@berth/domain';
import { configurationPrefixes, type EventStreams, type StoredEvent, streams } from '@berth/event-store';
import { type ReceivedRecord, type RegistrationLog, topics } from '@berth/registration-log';
import { foreknowRewrapped } from '../rewrapped-keys.js';

/** Everything that one partition's ledger was decided from, and the ledger. */
export interface RecordedLedger {
  partition: number;
  /** Of the registration topic. */
  partitions: number;
  idScope: string;
  /** Its events in order, as far as they went when this was asked. */
  ledger(): AsyncIterable<StoredEvent<LedgerEvent>>;
  /** One event of it by revision. */
  ledgerEvent(revision: number): Promise<StoredEvent<LedgerEvent>>;
  /** Tells a configuration, before any of these is folded, of data keys that were wrapped anew since. */
  foreknow(configuration: Configuration): Promise<void>;
  /** The events of all configuration streams in order, from the first one on, as far as they went when this was asked. */
  configuration(): AsyncIterable<StoredEvent<ConfigurationEvent>>;
  /** What the registration topic still has from offset `first` to `last`, both inclusive. */
  messages(first: number, last: number): Promise<readonly ReceivedRecord[]>;
}

/** Records asked of the log at once, which several pages are made of. */
const readMax = 1000;

/** A ledger where it is stored. @param log null: its messages are not to be had. */
export async function storedLedger(
  { store, log, idScope }: { store: EventStreams; log: RegistrationLog | null; idScope: string },
  partition: number,
): Promise<RecordedLedger> {
  const stream = streams.ledger(partition);
  const messages = log && new Messages(log, partition);
  return {
    partition,
    partitions: log === null ? 0 : await log.partitionCount(topics.registrations),
    idScope,
    async *ledger() {
      let end = -1;
      for await (const { revision } of store.read(stream, { backwards: true, maxCount: 1 })) end = revision;
      if (end >= 0) yield* store.read<LedgerEvent>(stream, { maxCount: end + 1 });
    },
    async ledgerEvent(revision) {
      for await (const stored of store.read<LedgerEvent>(stream, { from: revision, maxCount: 1 })) return stored;
      throw new Error(`${stream} has no event ${revision}`);
    },
    async foreknow(configuration) {
      if (await hasRotated(store)) await foreknowRewrapped(store, configuration);
    },
    configuration: () => configurationEvents(store),
    messages: (first, last) => messages?.between(first, last) ?? Promise.resolve([]),
  };
}

/** Reads a partition of the registration topic more or less in order, and keeps what it has read last. */
class Messages {
  private held: readonly ReceivedRecord[] = [];
  /** Offsets that these cover: from the first to before the second. */
  private from = 0;
  private next = 0;

  constructor(
    private readonly log: RegistrationLog,
    private readonly partition: number,
  ) {}

  /** What there is from offset `first` to `last`, both inclusive. */
  async between(first: number, last: number): Promise<ReceivedRecord[]> {
    const found: ReceivedRecord[] = [];
    for (let at = first; at <= last; at = this.next) {
      if (at < this.from || at >= this.next) await this.read(at);
      if (at >= this.next) break;
      found.push(...this.held.filter(({ offset }) => offset >= at && offset <= last));
    }
    return found;
  }

  private async read(at: number): Promise<void> {
    this.held = await this.log.read(topics.registrations, this.partition, at, readMax);
    this.from = at;
    this.next = (this.held.at(-1)?.offset ?? at - 1) + 1;
  }
}

async function hasRotated(store: EventStreams): Promise<boolean> {
  for await (const { event } of store.read(streams.masterKey)) if (event.type === 'MasterKeyRotationBegun') return true;
  return false;
}

/** Follows until the present, one batch at a time. */
async function* configurationEvents(store: EventStreams): AsyncIterable<StoredEvent<ConfigurationEvent>> {
  type Given = { events: readonly StoredEvent<ConfigurationEvent>[]; done: () => void };
  let give!: (given: Given) => void;
  let next = new Promise<Given>((resolve) => (give = resolve));
  const following = store.follow<ConfigurationEvent>({
    prefixes: configurationPrefixes,
    after: null,
    handle: (events) => new Promise<void>((done) => give({ events, done })),
  });
  try {
    for (;;) {
      // What has been caught up with has been handed over before.
      const given = await Promise.race([next, following.caughtUp, following.failed]);
      if (!given) return;
      yield* given.events;
      next = new Promise((resolve) => (give = resolve));
      given.done();
    }
  } finally {
    // A batch that nobody takes any more would keep the following from stopping.
    void next.then(({ done }) => done());
    await following.stop();
  }
}
