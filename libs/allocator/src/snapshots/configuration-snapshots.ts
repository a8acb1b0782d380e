import {
  type CommonTerms,
  type Configuration,
  type ConfigurationEvent,
  type ConfigurationFacts,
  type DataKeyEvent,
  factsOf,
  restoreFacts,
  type TablePart,
} from '@berth/domain';
import { type EventStreams, type Snapshot, Snapshots, type StoredEvent } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import { chunksOf, partsIn } from './table-chunks.js';

/** Raise it when the records of an enrollment table, the facts, or what the fold makes of an event change. */
const shape = 4;
const eventsMinDefault = 10_000;
const enrollmentsPart = 4;
const deletedKeysKeptMsDefault = 60_000;

/** Keys that were there before are to be nowhere any more. */
const destroysKeys: ReadonlySet<ConfigurationEvent['type']> = new Set([
  'EnrollmentDeleted',
  'EnrollmentAttestationReplaced',
  'EnrollmentGroupDeleted',
  'EnrollmentGroupAttestationReplaced',
]);

/** Data keys go with their records, and of a gateway's reports only the newest is kept; every other stream stays. */
const passes: ReadonlySet<ConfigurationEvent['type']> = new Set([
  'DataKeyCreated',
  'DataKeyRewrapped',
  'GatewayLatenciesReported',
]);

/** An event by which a store is recognised. */
interface Witness {
  stream: string;
  revision: number;
  id: string;
}

interface SnapshotFacts {
  witness: Witness;
  /** Position of the newest event folded. */
  newest: string;
  /** Everything but these facts is sealed with it. */
  dataKey: DataKeyEvent['data'];
}

/** A configuration and how far it is folded. */
export interface FoldedConfiguration {
  configuration: Configuration;
  /** Every event up to there is folded in. */
  position: bigint;
  /** Of the newest event folded. */
  newest: bigint;
}

export interface ConfigurationSnapshotsOptions {
  dataFolder: string;
  store: EventStreams;
  masterKey: MasterKey;
  /** Events after which one is due, and a quarter as many as there are enrollments; default 10,000. */
  eventsMin?: number;
  /** Once an enrollment or group was deleted or got other keys, the former ones are in no snapshot any more after so long; default a minute. */
  deletedKeysKeptMs?: number;
  /** Hears what went wrong with a snapshot; the events make up for it. */
  warn(message: string, error?: unknown): void;
}

/**
 * Snapshots of the configuration, enrollments above all: a million of them take more than a minute to read as events. They hold
 * enrollment keys, sealed under a data key of the snapshot's own.
 */
export class ConfigurationSnapshots {
  private readonly snapshots: Snapshots<SnapshotFacts>;
  private witness: Witness | null = null;
  /** Events folded since the last snapshot. */
  private behind = 0;
  /** Runs while deleted keys may be in a snapshot. */
  private timer: NodeJS.Timeout | null = null;
  private taking: Promise<void> | null = null;
  private isStopped = false;

  constructor(private readonly options: ConfigurationSnapshotsOptions) {
    const { dataFolder, warn } = options;
    const onDamaged = (file: string, reason: string) => warn(`Snapshot ${file} of the configuration: ${reason}`);
    this.snapshots = new Snapshots({ dataFolder, name: 'configuration', shape, onDamaged });
  }

  /** @param empty makes an empty configuration. @returns null when there is no snapshot that can be trusted. */
  load(empty: () => Configuration): Promise<FoldedConfiguration | null> {
    return this.snapshots.load((snapshot) => this.restore(empty(), snapshot));
  }

  /** Takes note of events folded into the configuration. */
  folded(events: readonly StoredEvent<ConfigurationEvent>[], current: () => FoldedConfiguration): void {
    this.behind += events.length;
    for (const { event, stream, revision, id } of events) {
      if (!passes.has(event.type)) this.witness = { stream, revision, id };
      const { deletedKeysKeptMs = deletedKeysKeptMsDefault } = this.options;
      if (destroysKeys.has(event.type))
        this.timer ??= setTimeout(() => this.take(current()), deletedKeysKeptMs).unref();
    }
  }

  /** Takes a snapshot when it is time, and none is being taken. */
  consider(folded: FoldedConfiguration): void {
    const { eventsMin = eventsMinDefault } = this.options;
    if (this.behind >= eventsMin + folded.configuration.enrollments.size / enrollmentsPart) this.take(folded);
  }

  /** Gives up the one that is being taken, if any. */
  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.taking;
  }

  private take(folded: FoldedConfiguration): void {
    if (this.isStopped) return;
    this.taking ??= this.takeNow(folded)
      .catch((error: unknown) => {
        if (!this.isStopped) this.options.warn('No snapshot of the configuration could be taken', error);
      })
      .finally(() => (this.taking = null));
  }

  private async takeNow({ configuration, position, newest }: FoldedConfiguration): Promise<void> {
    const { witness, timer } = this;
    if (!witness) return;
    const mustForget = timer !== null;
    if (timer) clearTimeout(timer);
    this.timer = null;
    this.behind = 0;
    const { event, key } = this.options.masterKey.newDataKey();
    const facts = { witness, newest: String(newest), dataKey: event.data };
    const chunks = this.chunks(configuration, factsOf(configuration));
    const seal = (chunk: Buffer, place: number) => this.options.masterKey.sealBytes(chunk, key, String(place));
    await this.snapshots.save(position, facts, mapped(chunks, seal));
    if (mustForget) await this.snapshots.keepOnly(position);
  }

  private *chunks(configuration: Configuration, facts: ConfigurationFacts): Iterable<Buffer> {
    // The facts go as a part without records.
    yield* chunksOf({ shared: [facts], records: Buffer.alloc(0) });
    for (const part of configuration.enrollments.parts()) {
      if (this.isStopped) throw new Error('The configuration is followed no more');
      yield* chunksOf(part);
    }
  }

  private async restore(
    configuration: Configuration,
    { at: position, facts, chunks }: Snapshot<SnapshotFacts>,
  ): Promise<FoldedConfiguration | null> {
    const { witness, newest, dataKey } = facts;
    if (!this.options.masterKey.holds(dataKey.masterKeyId) || !(await this.isStored(witness))) return null;
    const opened = mappedAsync(chunks, (chunk, place) => {
      const bytes = this.options.masterKey.openBytes(chunk, dataKey, String(place));
      if (!bytes) throw new Unopenable();
      return bytes;
    });
    try {
      let isFirst = true;
      for await (const part of partsIn<ConfigurationFacts | CommonTerms>(opened)) {
        if (isFirst) restoreFacts(configuration, part.shared[0] as ConfigurationFacts);
        else configuration.enrollments.restore(part as TablePart<CommonTerms>);
        isFirst = false;
      }
    } catch (error) {
      if (error instanceof Unopenable) return null;
      throw error;
    }
    this.witness = witness;
    return { configuration, position, newest: BigInt(newest) };
  }

  private async isStored({ stream, revision, id }: Witness): Promise<boolean> {
    for await (const stored of this.options.store.read(stream, { from: revision, maxCount: 1 }))
      return stored.id === id;
    return false;
  }
}

/** It was sealed elsewhere, or altered together with its checksum. */
class Unopenable extends Error {}

function* mapped<A, B>(items: Iterable<A>, change: (item: A, index: number) => B): Iterable<B> {
  let index = 0;
  for (const item of items) yield change(item, index++);
}

async function* mappedAsync<A, B>(items: AsyncIterable<A>, change: (item: A, index: number) => B): AsyncIterable<B> {
  let index = 0;
  for await (const item of items) yield change(item, index++);
}
