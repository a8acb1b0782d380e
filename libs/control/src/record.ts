import { type DataKeyEvent, type Decision } from '@berth/domain';
import {
  type BerthEvent,
  type Decider,
  type EventMetadata,
  type EventStore,
  noStream,
  RevisionConflict,
  streams,
  transact,
  type Transacted,
} from '@berth/event-store';

/** A stream whose record may hold secrets, each sealed under the record's data key. */
export interface RecordStream<S, E> {
  stream: string;
  decider: Decider<S, E>;
  /** Ids of the data keys under which the record's present secrets are sealed. */
  keyIds(state: S): readonly string[];
}

export interface RecordOptions {
  metadata: EventMetadata;
  expectedVersion?: number | undefined;
  /** The data key of secrets in the events to come; stored before them, and not kept when they aren't recorded. */
  dataKey?: DataKeyEvent | null | undefined;
  /** The record is most likely new: append without reading first, which saves a round trip when that is true. */
  isLikelyNew?: boolean;
}

interface Keyed<S> {
  record: S;
  /** Data keys that the record once used and no longer does: they have to be gone. */
  retired: readonly string[];
}

/** More than the keys of one predecessor can only be left over when Berth died that often in the same spot. */
const retiredMax = 8;

/**
 * `transact` for a record with secrets. When a record goes, so do its data keys, in a second step. If Berth dies between
 * the two, the next command on the same record, be it a repeated delete or a new creation, finds them in the stream
 * and finishes the step: whoever got no answer to a delete asks again, and after an answer the secrets are gone.
 * @throws StoreUnavailable (retriable) also when the events are stored and only the second step isn't done.
 */
export async function transactRecord<S, E extends BerthEvent, R>(
  store: EventStore,
  { stream, decider, keyIds }: RecordStream<S, E>,
  decide: (state: S) => Decision<E, R>,
  { metadata, expectedVersion, dataKey, isLikelyNew = false }: RecordOptions,
): Promise<Transacted<S, R>> {
  const fresh = dataKey?.data.keyId;
  if (dataKey) await store.append(streams.dataKey(dataKey.data.keyId), [dataKey], noStream, metadata);
  const begun = isLikelyNew ? await begin(store, stream, decider, decide, metadata) : null;
  if (begun) return begun;

  const keyed: Decider<Keyed<S>, E> = {
    initial: { record: decider.initial, retired: [] },
    evolve({ record, retired }, event) {
      const next = decider.evolve(record, event);
      const gone = keyIds(record).filter((keyId) => !keyIds(next).includes(keyId));
      return { record: next, retired: gone.length === 0 ? retired : [...retired, ...gone].slice(-retiredMax) };
    },
  };
  let latest = keyed.initial;
  const decideRecord = (state: Keyed<S>) => decide((latest = state).record);
  const outcome = await transact(store, stream, keyed, decideRecord, { metadata, expectedVersion });
  if (outcome.ok) latest = outcome.state;

  for (const keyId of new Set(latest.retired)) await store.delete(streams.dataKey(keyId));
  if (fresh !== undefined && !keyIds(latest.record).includes(fresh)) await store.delete(streams.dataKey(fresh));
  return outcome.ok ? { ...outcome, state: outcome.state.record } : outcome;
}

/** Decides and appends as if the stream didn't exist; null when it does, or when there is nothing to append. */
async function begin<S, E extends BerthEvent, R>(
  store: EventStore,
  stream: string,
  { initial, evolve }: Decider<S, E>,
  decide: (state: S) => Decision<E, R>,
  metadata: EventMetadata,
): Promise<Transacted<S, R> | null> {
  const decision = decide(initial);
  if (!decision.ok || decision.events.length === 0) return null;
  try {
    const { revision, position } = await store.append(stream, decision.events, noStream, metadata);
    return { ok: true, state: decision.events.reduce(evolve, initial), version: revision, position };
  } catch (error) {
    if (error instanceof RevisionConflict) return null;
    throw error;
  }
}

/** The refusal of a command whose record can't exist, so that no stream has to be named after whatever was sent. */
export function refusalWithoutStream<S, E, R>(decision: Decision<E, R>): Transacted<S, R> {
  if (decision.ok) throw new Error('A record that cannot exist was accepted');
  return { ok: false, rejection: decision.rejection, position: null };
}
