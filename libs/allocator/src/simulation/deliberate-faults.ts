import { type LedgerEvent, type Outcome, type RecordedLatency } from '@berth/domain';
import {
  type Appended,
  type BerthEvent,
  type EventMetadata,
  type ReadOptions,
  RevisionConflict,
  type StoredEvent,
} from '@berth/event-store';
import {
  type Batch,
  type BatchConsumer,
  type Consumption,
  type ConsumeOptions,
  LogFault,
  type LogRecord,
  type Receipt,
  type RegistrationLog,
  topics,
} from '@berth/registration-log';
import { Allocator } from '../allocator.js';
import { type ClaimedPartition } from '../claimed-partition.js';
import { CapacityLeases } from '../peers/capacity-leases.js';
import { type Peers } from '../peers/peers.js';
import { type Invariant } from './invariants.js';
import { Sabotage } from './sabotage.js';
import { type SimulatedProcess } from './scheduler.js';
import { type SimulatedStore, SimulatedStoreClient } from './simulated-store.js';

/** A way to get the ledger protocol wrong, and what says so. */
export interface DeliberateFault {
  name: string;
  sabotage: Sabotage;
  /** Some world among so many, from seed 1 on, must show it. */
  withinSeeds: number;
  /** Found by looking for this one alone. */
  caughtBy: Invariant;
}

type Append = SimulatedStoreClient['append'];
type Read = SimulatedStoreClient['read'];
type Page = Extract<LedgerEvent, { type: 'DecisionsRecorded' }>;

/** A store whose appends and reads are other than asked for. */
class FaultyStore extends SimulatedStoreClient {
  constructor(
    store: SimulatedStore,
    process: SimulatedProcess,
    private readonly faults: { append?: (append: Append) => Append; read?: (read: Read) => Read },
  ) {
    super(store, process);
  }

  override append(stream: string, events: readonly BerthEvent[], revision: number, metadata: EventMetadata) {
    const append: Append = (...args) => super.append(...args);
    return (this.faults.append?.(append) ?? append)(stream, events, revision, metadata);
  }

  override read<E extends BerthEvent>(stream: string, options?: ReadOptions): AsyncIterable<StoredEvent<E>> {
    const read = ((...args: Parameters<Read>) => super.read(...args)) as Read;
    return (this.faults.read?.(read) ?? read)(stream, options);
  }
}

function inStore(faults: ConstructorParameters<typeof FaultyStore>[2]): Sabotage {
  return new (class extends Sabotage {
    override storeClient(store: SimulatedStore, process: SimulatedProcess) {
      return new FaultyStore(store, process, faults);
    }
  })();
}

type Publish = (topic: string, records: readonly LogRecord[]) => Promise<readonly Receipt[]>;

/** A log that publishes, or hands batches over, other than it should. */
function inLog(faults: { publish?: (publish: Publish) => Publish; batch?: (batch: Batch) => Batch | Promise<Batch> }) {
  return new (class extends Sabotage {
    override log(log: RegistrationLog): RegistrationLog {
      const publish: Publish = (topic, records) => log.publish(topic, records);
      const consume = (options: ConsumeOptions, consumer: BatchConsumer): Promise<Consumption> =>
        log.consume(options, {
          assigned: (partitions) => consumer.assigned(partitions),
          revoked: (partitions) => consumer.revoked(partitions),
          batch: async (batch) => consumer.batch(faults.batch ? await faults.batch(batch) : batch),
        });
      return {
        publish: faults.publish?.(publish) ?? publish,
        consume,
        read: (...args) => log.read(...args),
        partitionCount: (topic) => log.partitionCount(topic),
        close: () => log.close(),
      };
    }
  })();
}

/** Methods of the allocator, replaced. */
function inAllocator(replace: (allocator: Allocator) => object): Sabotage {
  return new (class extends Sabotage {
    override allocator(allocator: Allocator): void {
      Object.assign(allocator, replace(allocator));
    }
  })();
}

const isLedger = (stream: string) => stream.startsWith('ledger-');
const isBook = (stream: string) => stream.startsWith('capacity-');
const isReport = (stream: string) => stream.startsWith('gatewayLatencies-');
const isPage = (events: readonly BerthEvent[]) => events[0]?.type === 'DecisionsRecorded';

async function* changed<E extends BerthEvent>(
  events: AsyncIterable<StoredEvent<E>>,
  change: (event: LedgerEvent) => LedgerEvent | null,
): AsyncIterable<StoredEvent<E>> {
  for await (const stored of events) {
    const event = isLedger(stored.stream) ? change(stored.event as LedgerEvent) : stored.event;
    if (event) yield { ...stored, event: event as E };
  }
}

export const deliberateFaults: readonly DeliberateFault[] = [
  {
    name: 'commits before it appends',
    withinSeeds: 5,
    caughtBy: 'I1 one outcome',
    sabotage: inLog({
      batch: async (batch) => {
        await batch.commit();
        return { ...batch, commit: async () => undefined };
      },
    }),
  },
  {
    name: 'commits one message more than it decided',
    withinSeeds: 5,
    caughtBy: 'I1 one outcome',
    sabotage: inLog({
      batch: (batch) => ({ ...batch, records: batch.records.slice(0, Math.max(1, batch.records.length - 1)) }),
    }),
  },
  {
    name: 'commits though the answers did not get out',
    withinSeeds: 20,
    caughtBy: 'I5 told',
    sabotage: inLog({
      publish: (publish) => async (topic, records) =>
        publish(topic, records).catch((error: unknown) => {
          if (error instanceof LogFault && error.retriable) return [];
          throw error;
        }),
    }),
  },
  {
    name: 'answers before it appends',
    withinSeeds: 5,
    caughtBy: 'I5 told',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) => {
        const appending = append(stream, events, revision, metadata);
        if (!isLedger(stream) || !isPage(events)) return appending;
        appending.catch(() => undefined);
        return { revision: revision + 1, position: 1n } satisfies Appended;
      },
    }),
  },
  {
    name: 'has no fence: appends at any revision',
    withinSeeds: 100,
    caughtBy: 'I1 one outcome',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) => {
        if (!isPage(events)) return append(stream, events, revision, metadata);
        for (let at = revision; ; at += 1) {
          try {
            return await append(stream, events, at, metadata);
          } catch (error) {
            if (!(error instanceof RevisionConflict)) throw error;
          }
        }
      },
    }),
  },
  {
    name: 'skips the claim',
    withinSeeds: 5,
    caughtBy: 'fence',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) =>
        events[0]?.type === 'PartitionClaimed'
          ? { revision, position: 1n }
          : append(stream, events, revision, metadata),
    }),
  },
  {
    name: 'claims in the generation of the last claim',
    withinSeeds: 5,
    caughtBy: 'fence',
    sabotage: inStore({
      append: (append) => (stream, events, revision, metadata) =>
        append(
          stream,
          events.map((event) =>
            event.type === 'PartitionClaimed' && event.data.generation > 1
              ? { ...event, data: { ...event.data, generation: event.data.generation - 1 } }
              : event,
          ),
          revision,
          metadata,
        ),
    }),
  },
  {
    name: 'does not resume from the ledger: decides again',
    withinSeeds: 10,
    caughtBy: 'I1 one outcome',
    sabotage: inStore({
      read: (read) => (stream, options) =>
        changed(read(stream, options), (event) =>
          event.type === 'DecisionsRecorded' ? { ...event, data: { ...event.data, lastOffset: -1 } } : event,
        ),
    }),
  },
  {
    name: 'starts from an empty ledger, at the right revision',
    withinSeeds: 10,
    caughtBy: 'I2 one hub',
    sabotage: inStore({
      read: (read) => (stream, options) =>
        changed(read(stream, options), (event) =>
          event.type === 'DecisionsRecorded'
            ? { ...event, data: { ...event.data, outcomes: [], unchanged: [] } }
            : event,
        ),
    }),
  },
  {
    name: 'forgets the newest page when it resumes',
    withinSeeds: 5,
    caughtBy: 'I4 fold',
    sabotage: inStore({
      read: (read) => (stream, options) => withoutNewestPage(read(stream, options), options),
    }),
  },
  {
    name: 'forgets releases when it resumes',
    withinSeeds: 20,
    caughtBy: 'I2 one hub',
    sabotage: inStore({
      read: (read) => (stream, options) =>
        changed(read(stream, options), (event) =>
          event.type === 'RegistrationReleased' ? { ...event, type: 'ReleaseRefused' } : event,
        ),
    }),
  },
  {
    name: 'tries an append again under new ids',
    withinSeeds: 20,
    caughtBy: 'I1 one outcome',
    sabotage: new (class extends Sabotage {
      override storeClient(store: SimulatedStore, process: SimulatedProcess) {
        return new (class extends SimulatedStoreClient {
          protected override proposalsForRetry(
            proposals: ReturnType<SimulatedStoreClient['proposals']>,
            metadata: EventMetadata,
          ) {
            return this.proposals(
              proposals.map(({ event }) => event),
              metadata,
            );
          }
        })(store, process);
      }
    })(),
  },
  {
    name: 'keeps its ledger after an append that failed',
    withinSeeds: 100,
    caughtBy: 'I6 bad message',
    sabotage: inAllocator((allocator) => ({
      hold: (claimed: ClaimedPartition) => {
        Object.defineProperty(claimed, 'isDoubtful', { get: () => false, set: () => undefined });
        Allocator.prototype['hold'].call(allocator, claimed);
      },
    })),
  },
  {
    name: 'answers redelivered messages with a new decision',
    withinSeeds: 10,
    caughtBy: 'I5 told',
    sabotage: inStore({
      read: (read) => (stream, options) =>
        options?.backwards
          ? changed(read(stream, options), (event) =>
              event.type === 'DecisionsRecorded'
                ? { ...event, data: { ...event.data, at: '2026-02-01T00:00:00.000Z' } }
                : event,
            )
          : read(stream, options),
    }),
  },
  {
    name: 'passes bad messages over in silence',
    withinSeeds: 10,
    caughtBy: 'I6 bad message',
    sabotage: inLog({
      publish: (publish) => async (topic, records) => (topic === topics.rejected ? [] : publish(topic, records)),
    }),
  },
  {
    name: 'rejects with other bytes',
    withinSeeds: 20,
    caughtBy: 'I6 bad message',
    sabotage: inLog({
      publish: (publish) => (topic, records) =>
        publish(
          topic,
          topic === topics.rejected
            ? records.map((record) => ({ ...record, value: Buffer.from(record.value.toString()) }))
            : records,
        ),
    }),
  },
  {
    name: 'stops at a bad message',
    withinSeeds: 10,
    caughtBy: 'goes on',
    sabotage: inLog({
      publish: (publish) => (topic, records) => {
        if (topic === topics.rejected && records.length > 0) throw new Error('unreadable');
        return publish(topic, records);
      },
    }),
  },
  {
    name: 'writes the book of a hub at any revision, so that places are leased twice',
    withinSeeds: 400,
    caughtBy: 'I3 capacity',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) => {
        if (!isBook(stream)) return append(stream, events, revision, metadata);
        for (let at = revision; ; at += 1) {
          try {
            return await append(stream, events, at, metadata);
          } catch (error) {
            if (!(error instanceof RevisionConflict)) throw error;
          }
        }
      },
    }),
  },
  {
    name: 'uses a lease though another wrote the book first',
    withinSeeds: 400,
    caughtBy: 'I3 capacity',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) => {
        const appending = append(stream, events, revision, metadata);
        if (!isBook(stream)) return appending;
        return appending.catch((error: unknown) => {
          if (!(error instanceof RevisionConflict)) throw error;
          return { revision, position: 1n } satisfies Appended;
        });
      },
    }),
  },
  {
    name: 'takes the places that a lease left for more than one device each',
    withinSeeds: 100,
    caughtBy: 'I3 capacity',
    sabotage: inAllocator((allocator) => ({
      hold: (claimed: ClaimedPartition) => {
        Allocator.prototype['hold'].call(allocator, claimed);
        (allocator['peers'] as Peers).leases.of = (...args) => {
          const leases = CapacityLeases.prototype.of.apply((allocator['peers'] as Peers).leases, args);
          return { ...leases, filled: () => undefined };
        };
      },
    })),
  },
  {
    name: 'takes partitions over without their loads',
    withinSeeds: 60,
    caughtBy: 'I3 capacity',
    sabotage: inAllocator((allocator) => ({
      hold: (claimed: ClaimedPartition) => {
        claimed.ledger.loads.clear();
        Allocator.prototype['hold'].call(allocator, claimed);
      },
    })),
  },
  {
    name: 'does not wait for the configuration that a message names',
    withinSeeds: 50,
    caughtBy: 'configuration in view',
    sabotage: inAllocator(() => ({ awaitConfiguration: async () => undefined })),
  },
  {
    name: 'keeps no report of a gateway',
    withinSeeds: 10,
    caughtBy: 'reports',
    sabotage: inStore({
      append: (append) => async (stream, events, revision, metadata) =>
        isReport(stream) ? { revision, position: 1n } : append(stream, events, revision, metadata),
    }),
  },
  {
    name: "records a gateway's report without a look at what was recorded before",
    withinSeeds: 400,
    caughtBy: 'reports',
    sabotage: inStore({
      read: (read) => (stream, options) => (isReport(stream) ? nothing() : read(stream, options)),
      append: (append) => async (stream, events, revision, metadata) => {
        if (!isReport(stream)) return append(stream, events, revision, metadata);
        for (let at = revision; ; at += 1) {
          try {
            return await append(stream, events, at, metadata);
          } catch (error) {
            if (!(error instanceof RevisionConflict)) throw error;
          }
        }
      },
    }),
  },
  {
    name: 'makes up what is known of latencies',
    withinSeeds: 20,
    caughtBy: 'latencies',
    sabotage: inStore({
      append: (append) => (stream, events, revision, metadata) =>
        append(
          stream,
          isPage(events) ? events.map((page) => withNearerHubs(page as Page)) : events,
          revision,
          metadata,
        ),
    }),
  },
  {
    name: 'makes up what a webhook has answered',
    withinSeeds: 10,
    caughtBy: 'webhooks',
    sabotage: inAllocator((allocator) => ({
      consult: async (...args: Parameters<Allocator['consult']>) => {
        await Allocator.prototype['consult'].apply(allocator, args);
        for (const asked of args[3]['answers'].values()) asked.answer = { hub: 'hub-1', payload: { n: 0 } };
      },
    })),
  },
];

async function* nothing(): AsyncIterable<never> {
  // Of which there is none.
}

/** As if each hub were a microsecond nearer than anybody says. */
function withNearerHubs(page: Page): Page {
  const nearer = (latencies: readonly RecordedLatency[]) =>
    latencies.map(([hub, us, ...from]): RecordedLatency => [hub, us - 1, ...from]);
  const outcomes = page.data.outcomes.map((outcome): Outcome => {
    if (outcome.type === 'RegistrationRejected' || !outcome.latencies) return outcome;
    return { ...outcome, latencies: nearer(outcome.latencies) };
  });
  const { latencyTables } = page.data;
  return {
    ...page,
    data: { ...page.data, ...(latencyTables && { latencyTables: latencyTables.map(nearer) }), outcomes },
  };
}

async function* withoutNewestPage<E extends BerthEvent>(
  events: AsyncIterable<StoredEvent<E>>,
  options: ReadOptions | undefined,
): AsyncIterable<StoredEvent<E>> {
  const all: StoredEvent<E>[] = [];
  for await (const event of events) all.push(event);
  const isNewest = (at: number) => (options?.backwards ? at === 0 : at === all.length - 1);
  for (const [at, stored] of all.entries()) {
    const { event } = stored;
    if (event.type === 'DecisionsRecorded' && isNewest(at)) {
      yield {
        ...stored,
        event: { ...event, data: { ...event.data, lastOffset: event.data.firstOffset - 1, outcomes: [] } },
      };
    } else yield stored;
  }
}
