import { type ConfigurationEvent, type LedgerEvent } from '@berth/domain';
import { configurationPrefixes, type StoredEvent, streams } from '@berth/event-store';
import { type ReceivedRecord, topics } from '@berth/registration-log';
import { idScope } from '../../simulation/allocator-process.js';
import { type World } from '../../simulation/world.js';
import { type RecordedLedger } from '../recorded-ledger.js';

/** A recorded ledger as JSON. */
export interface Recording {
  partition: number;
  partitions: number;
  idScope: string;
  /** Of the configuration streams and the ledger, in order. */
  events: (Omit<StoredEvent, 'position' | 'recordedAt'> & { position: string; recordedAt: string })[];
  /** Of the registration topic; values in base64. */
  messages: (Omit<ReceivedRecord, 'value'> & { value: string })[];
}

/** What the world has stored of one partition. */
export function recordingOf(
  { store, plan, broker }: Pick<World, 'store' | 'broker'> & { plan: Pick<World['plan'], 'partitions'> },
  partition: number,
): Recording {
  const stream = streams.ledger(partition);
  const events = store
    .readAll([...configurationPrefixes, stream], null, Infinity)
    .filter((stored) => stored.stream === stream || !stored.stream.startsWith('ledger-'));
  return {
    partition,
    partitions: plan.partitions,
    idScope,
    events: events.map((stored) => ({
      ...stored,
      position: String(stored.position),
      recordedAt: stored.recordedAt.toISOString(),
    })),
    messages: broker
      .read(topics.registrations, partition, 0, Number.MAX_SAFE_INTEGER)
      .map((record) => ({ ...record, value: record.value.toString('base64') })),
  };
}

/** @param withMessages false: as if the topic had none of them any more. */
export function recordedIn(recording: Recording, { withMessages }: { withMessages: boolean }): RecordedLedger {
  const { partition, partitions } = recording;
  const events = recording.events.map(
    (stored) =>
      ({ ...stored, position: BigInt(stored.position), recordedAt: new Date(stored.recordedAt) }) as StoredEvent,
  );
  const isOfLedger = ({ stream }: StoredEvent) => stream === streams.ledger(partition);
  const ledger = events.filter(isOfLedger) as StoredEvent<LedgerEvent>[];
  const configuration = events.filter((stored) => !isOfLedger(stored)) as StoredEvent<ConfigurationEvent>[];
  return {
    partition,
    partitions,
    idScope: recording.idScope,
    async *ledger() {
      yield* ledger;
    },
    ledgerEvent: async (revision) => ledger[revision] as StoredEvent<LedgerEvent>,
    foreknow: async () => undefined,
    async *configuration() {
      yield* configuration;
    },
    async messages(first, last) {
      if (!withMessages) return [];
      return recording.messages
        .filter(({ offset }) => offset >= first && offset <= last)
        .map((record) => ({ ...record, value: Buffer.from(record.value, 'base64') }));
    },
  };
}

/** One event or message a line, so that what differs shows. */
export function textOf({ events, messages, ...head }: Recording): string {
  const lines = (items: readonly unknown[]) => items.map((item) => `\n    ${JSON.stringify(item)}`).join(',');
  const text = JSON.stringify(head);
  return `${text.slice(0, -1)},\n  "events": [${lines(events)}\n  ],\n  "messages": [${lines(messages)}\n  ]\n}\n`;
}
