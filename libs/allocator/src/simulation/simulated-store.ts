import {
  type Appended,
  type BerthEvent,
  type EventMetadata,
  type EventStreams,
  type Followed,
  type FollowOptions,
  type ReadOptions,
  RevisionConflict,
  type StoredEvent,
  StoreUnavailable,
} from '@berth/event-store';
import { type Network, NoAnswer, type Server } from './network.js';
import { type Random } from './random.js';
import { type Scheduler, type SimulatedProcess } from './scheduler.js';

interface Recorded {
  id: string;
  stream: string;
  revision: number;
  position: bigint;
  /** As bytes on a disk would be: whoever reads it gets objects of his own. */
  text: string;
}

/** Waits, tries and deadlines of the real client. */
const appendDeadlineMs = 5_000;
const appendTriesMax = 12;
const readDeadlineMs = 10_000;
const backOffMs = { first: 50, longest: 2_000 };

/** What the store did, for those who watch the world. */
export interface StoreWatcher {
  appended(by: SimulatedProcess, events: readonly StoredEvent[]): void;
  /** An append was answered with a conflict. */
  refused(by: SimulatedProcess, stream: string, events: readonly BerthEvent[], expectedRevision: number): void;
  /** A follower waited for a position until its deadline. */
  waitedInVain(by: SimulatedProcess, position: bigint): void;
}

/** The event store of the simulated world: streams in memory, the rules of the real one for appends. */
export class SimulatedStore implements Server {
  readonly name = 'store';
  isAway = false;
  watcher: StoreWatcher | null = null;
  private readonly all: Recorded[] = [];
  private readonly streams = new Map<string, Recorded[]>();
  /** How many events a stream is read back, by stream; others wholly. */
  private readonly kept = new Map<string, number>();
  private readonly followers = new Set<SimulatedFollower>();
  private position = 1000n;

  constructor(
    readonly scheduler: Scheduler,
    readonly network: Network,
    readonly random: Random,
  ) {}

  connect(process: SimulatedProcess): SimulatedStoreClient {
    return new SimulatedStoreClient(this, process);
  }

  /** Like the real one: an append that is below the stream's revision is looked for where it would be. */
  append(
    by: SimulatedProcess,
    stream: string,
    proposals: readonly { id: string; event: BerthEvent; metadata: EventMetadata }[],
    expectedRevision: number,
  ): Appended {
    let recorded = this.streams.get(stream);
    if (!recorded) this.streams.set(stream, (recorded = []));
    const first = expectedRevision + 1;
    if (first !== recorded.length) {
      const known = proposals.map(({ id }, index) =>
        recorded[first + index]?.id === id ? recorded[first + index] : null,
      );
      const last = known.at(-1);
      if (!last || known.includes(null)) throw new RevisionConflict(stream, expectedRevision);
      return { revision: last.revision, position: last.position };
    }
    for (const { id, event, metadata } of proposals) {
      this.position += BigInt(this.random.whole(1, 500));
      const { position } = this;
      const entry = { id, stream, revision: recorded.length, position, text: JSON.stringify({ event, metadata }) };
      recorded.push(entry);
      this.all.push(entry);
    }
    const added = recorded.slice(first);
    this.watcher?.appended(by, added.map(storedEvent));
    for (const follower of this.followers) follower.wake();
    const { revision, position } = added.at(-1) as Recorded;
    return { revision, position };
  }

  revisionOf(stream: string): number {
    return (this.streams.get(stream)?.length ?? 0) - 1;
  }

  keepNewest(stream: string, count: number): void {
    this.kept.set(stream, count);
  }

  /** At most `count` events from `from` on, in the direction asked for. */
  readStream(stream: string, from: number, backwards: boolean, count: number): StoredEvent[] {
    const recorded = this.streams.get(stream) ?? [];
    const oldest = Math.max(0, recorded.length - (this.kept.get(stream) ?? recorded.length));
    const start = Math.max(from, oldest);
    const found = backwards
      ? recorded.slice(Math.max(oldest, from - count + 1), from + 1).reverse()
      : recorded.slice(start, start + count);
    return found.map(storedEvent);
  }

  readAll(prefixes: readonly string[], after: bigint | null, count: number): StoredEvent[] {
    const found: StoredEvent[] = [];
    for (let at = this.indexBehind(after); at < this.all.length && found.length < count; at += 1) {
      const recorded = this.all[at] as Recorded;
      if (prefixes.some((prefix) => recorded.stream.startsWith(prefix))) found.push(storedEvent(recorded));
    }
    return found;
  }

  private indexBehind(position: bigint | null): number {
    if (position === null) return 0;
    let [from, to] = [0, this.all.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.all[middle] as Recorded).position <= position) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  add(follower: SimulatedFollower): void {
    this.followers.add(follower);
  }

  remove(follower: SimulatedFollower): void {
    this.followers.delete(follower);
  }
}

function storedEvent({ id, stream, revision, position, text }: Recorded): StoredEvent {
  const { event, metadata } = JSON.parse(text) as { event: BerthEvent; metadata: EventMetadata };
  return { event, id, stream, revision, position, recordedAt: new Date(metadata.at), metadata };
}

/** One process's access to the store, with the retries of the real client. */
export class SimulatedStoreClient implements EventStreams {
  /** Appends of this process that are under way, by stream. */
  private readonly appending = new Map<string, number>();
  private readonly followers: SimulatedFollower[] = [];

  constructor(
    private readonly store: SimulatedStore,
    private readonly process: SimulatedProcess,
  ) {}

  isAppendingTo(stream: string): boolean {
    return (this.appending.get(stream) ?? 0) > 0;
  }

  async append(
    stream: string,
    events: readonly BerthEvent[],
    expectedRevision: number,
    metadata: EventMetadata,
  ): Promise<Appended> {
    const { store, process } = this;
    const what = `append ${events.map(({ type }) => type).join()} to ${stream} behind ${expectedRevision}`;
    let proposals = this.proposals(events, metadata);
    this.appending.set(stream, (this.appending.get(stream) ?? 0) + 1);
    try {
      for (let attempt = 0; attempt < appendTriesMax; attempt += 1) {
        const asked = proposals;
        const work = () => store.append(process, stream, asked, expectedRevision);
        try {
          const asking = { from: process, to: store, what, deadlineMs: appendDeadlineMs, work };
          return await store.network.ask(asking);
        } catch (error) {
          if (error instanceof RevisionConflict) store.watcher?.refused(process, stream, events, expectedRevision);
          if (!(error instanceof NoAnswer)) throw error;
          proposals = this.proposalsForRetry(proposals, metadata);
          await this.backOff(attempt);
        }
      }
      throw new StoreUnavailable(`An append to ${stream} got no answer in ${appendTriesMax} tries`);
    } finally {
      this.appending.set(stream, (this.appending.get(stream) ?? 0) - 1);
    }
  }

  async *read<E extends BerthEvent>(stream: string, options: ReadOptions = {}): AsyncIterable<StoredEvent<E>> {
    const { store, process } = this;
    const { backwards = false, maxCount = Number.MAX_SAFE_INTEGER } = options;
    let from = options.from ?? (backwards ? null : 0);
    for (let left = maxCount; left > 0;) {
      const count = Math.min(left, store.random.whole(1, 20));
      const what = `read ${stream} ${backwards ? 'backwards ' : ''}from ${from ?? 'its end'}`;
      const work = () => store.readStream(stream, from ?? store.revisionOf(stream), backwards, count);
      const found = await store.network
        .ask({ from: process, to: store, what, deadlineMs: readDeadlineMs, work })
        .catch((error: unknown) => {
          if (!(error instanceof NoAnswer)) throw error;
          throw new StoreUnavailable(`Reading ${stream} was cut off`, { cause: error });
        });
      yield* found as StoredEvent<E>[];
      const last = found.at(-1);
      if (!last || found.length < count) return;
      left -= found.length;
      from = last.revision + (backwards ? -1 : 1);
      if (from < 0) return;
    }
  }

  async keepNewest(stream: string, count: number): Promise<void> {
    const { store, process } = this;
    const work = () => store.keepNewest(stream, count);
    const asking = { from: process, to: store, what: `keep ${count} of ${stream}`, deadlineMs: appendDeadlineMs, work };
    await store.network.ask(asking).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      throw new StoreUnavailable(`Limiting ${stream} got no answer`, { cause: error });
    });
  }

  follow<E extends BerthEvent>(options: FollowOptions<E>): Followed {
    const follower = new SimulatedFollower(this.store, this.process, options as unknown as FollowOptions<BerthEvent>);
    this.followers.push(follower);
    return follower;
  }

  async close(): Promise<void> {
    for (const follower of this.followers) await follower.stop();
  }

  /** What is sent when nobody knows whether it was stored: the same events under the same ids. */
  protected proposalsForRetry(proposals: ReturnType<typeof this.proposals>, _metadata: EventMetadata) {
    return proposals;
  }

  protected proposals(events: readonly BerthEvent[], metadata: EventMetadata) {
    const { random } = this.store;
    return events.map((event) => ({ id: `${random.whole(0, 2 ** 31)}-${random.whole(0, 2 ** 31)}`, event, metadata }));
  }

  private async backOff(attempt: number): Promise<void> {
    const ceiling = Math.min(backOffMs.longest, backOffMs.first * 2 ** attempt);
    const { scheduler, random } = this.store;
    await scheduler.sleep(random.between(ceiling / 2, ceiling), this.process, 'tries the append again');
  }
}

/** A catch-up subscription: gives what there is, a few events at a time, and again when it is told of more. */
export class SimulatedFollower implements Followed {
  position: bigint | null;
  live = false;
  /** Nobody asks in here. */
  readonly lagMs = null;
  readonly caughtUp: Promise<void>;
  readonly failed: Promise<never>;
  private readonly waiters = new Set<{ position: bigint; resolve: (reached: boolean) => void }>();
  private isBusy = false;
  private isStopped = false;
  private markCaughtUp!: () => void;
  private fail!: (error: unknown) => void;

  constructor(
    private readonly store: SimulatedStore,
    private readonly process: SimulatedProcess,
    private readonly options: FollowOptions<BerthEvent>,
  ) {
    this.position = options.after;
    this.caughtUp = new Promise((resolve) => (this.markCaughtUp = resolve));
    this.failed = new Promise((_resolve, reject) => (this.fail = reject));
    this.failed.catch(() => undefined);
    store.add(this);
    this.wake();
  }

  wake(): void {
    if (this.isBusy || this.isStopped || this.process.hasEnded) return;
    this.isBusy = true;
    this.deliverSoon(this.store.network.latency());
  }

  async reached(position: bigint, deadlineMs: number): Promise<boolean> {
    if (this.position !== null && this.position >= position) return true;
    const { scheduler, watcher } = this.store;
    return new Promise((resolve) => {
      const waiter = { position, resolve };
      this.waiters.add(waiter);
      scheduler.after(deadlineMs, this.process, `has waited ${deadlineMs} ms for position ${position}`, () => {
        if (!this.waiters.delete(waiter)) return;
        watcher?.waitedInVain(this.process, position);
        resolve(false);
      });
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.store.remove(this);
  }

  private deliverSoon(delayMs: number): void {
    this.store.scheduler.after(delayMs, this.process, 'follows the store', () => void this.deliver().catch(this.fail));
  }

  private async deliver(): Promise<void> {
    const { store, process, options } = this;
    if (this.isStopped) return;
    if (store.isAway || process.isCutOff) {
      this.live = false;
      this.deliverSoon(store.random.between(backOffMs.first, backOffMs.longest));
      return;
    }
    const count = Math.min(options.batchMax ?? 1000, store.random.whole(1, 20));
    const events = store.readAll(options.prefixes, this.position, count);
    const last = events.at(-1);
    if (last) {
      await options.handle(events, last.position);
      this.position = last.position;
      for (const waiter of this.waiters) {
        if (waiter.position <= last.position && this.waiters.delete(waiter)) waiter.resolve(true);
      }
    }
    if (events.length === count) {
      this.deliverSoon(store.network.latency());
      return;
    }
    this.isBusy = false;
    // Something may have come while this was handled.
    if (store.readAll(options.prefixes, this.position, 1).length > 0) return this.wake();
    this.live = true;
    this.markCaughtUp();
  }
}
