import {
  type CertificateHolder,
  type CertificateUseRejection,
  type DataKeyEvent,
  type Decision,
  type ReserveCertificate,
} from '@berth/domain';
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
import { release, reserve } from './certificate/certificate-uses.js';

/** A stream whose record may hold secrets, each sealed under the record's data key, and certificates that are its alone. */
export interface RecordStream<S, E> {
  stream: string;
  decider: Decider<S, E>;
  belongingsOf(state: S): Belongings;
  /** Who the record is to its certificates; null for one that never has any. */
  holder: CertificateHolder | null;
}

/** What a record has outside of its stream. */
export interface Belongings {
  /** Ids of the data keys under which its present secrets are sealed. */
  keyIds: readonly string[];
  /** Of its present certificates. */
  thumbprints: readonly string[];
}

export interface RecordOptions {
  metadata: EventMetadata;
  expectedVersion?: number | undefined;
  /** The data key of secrets in the events to come; stored before them, and not kept when they aren't recorded. */
  dataKey?: DataKeyEvent | null | undefined;
  /** Certificates in the events to come; reserved before them, and let go when they aren't recorded. */
  certificates?: readonly Omit<ReserveCertificate, 'holder'>[];
  /** The record is most likely new: append without reading first, which saves a round trip when that is true. */
  isLikelyNew?: boolean;
}

interface Kept<S> {
  record: S;
  /** What the record once had and no longer has: it has to be gone. */
  retired: Belongings;
}

/** More than the keys of one predecessor can only be left over when Berth died that often in the same spot. */
const retiredMax = 8;

/**
 * `transact` for a record with belongings: they are there before the events that cite them, and go after those that no longer
 * do, in a second step. If Berth dies between the two, the next command on the same record, be it a repeated delete or a new
 * creation, finds them in the stream and finishes the step: whoever got no answer to a delete asks again, and after an
 * answer the secrets are gone.
 * @throws StoreUnavailable (retriable) also when the events are stored and only the second step isn't done.
 */
export function transactRecord<S, E extends BerthEvent, R>(
  store: EventStore,
  record: RecordStream<S, E> & { holder: null },
  decide: (state: S) => Decision<E, R>,
  options: RecordOptions,
): Promise<Transacted<S, R>>;
export function transactRecord<S, E extends BerthEvent, R>(
  store: EventStore,
  record: RecordStream<S, E>,
  decide: (state: S) => Decision<E, R>,
  options: RecordOptions,
): Promise<Transacted<S, R | CertificateUseRejection>>;
export async function transactRecord<S, E extends BerthEvent, R>(
  store: EventStore,
  record: RecordStream<S, E>,
  decide: (state: S) => Decision<E, R>,
  { metadata, expectedVersion, dataKey, certificates = [], isLikelyNew = false }: RecordOptions,
): Promise<Transacted<S, R | CertificateUseRejection>> {
  const { stream, decider, belongingsOf, holder } = record;
  const belongings = new BelongingsKeeper(store, holder, metadata);
  const rejection = await belongings.reserve(certificates);
  if (rejection) {
    await belongings.letGo({ keyIds: [], thumbprints: belongings.reserved });
    return { ok: false, rejection, position: null };
  }
  if (dataKey) await store.append(streams.dataKey(dataKey.data.keyId), [dataKey], noStream, metadata);
  const begun = isLikelyNew ? await begin(store, stream, decider, decide, metadata) : null;
  // Another command on the same record may have let go what this one found reserved: so it is asked for once more.
  const reserveAgain = () => belongings.reserve(certificates);
  if (begun) {
    await reserveAgain();
    return begun;
  }

  const keeping = keepingTrack(decider, belongingsOf);
  let latest = keeping.initial;
  const decideRecord = (state: Kept<S>) => decide((latest = state).record);
  const outcome = await transact(store, stream, keeping, decideRecord, { metadata, expectedVersion });
  if (outcome.ok) latest = outcome.state;

  const { keyIds, thumbprints } = belongingsOf(latest.record);
  const fresh = { keyIds: dataKey ? [dataKey.data.keyId] : [], thumbprints: belongings.reserved };
  await belongings.letGo({
    keyIds: [...latest.retired.keyIds, ...fresh.keyIds].filter((keyId) => !keyIds.includes(keyId)),
    thumbprints: [...latest.retired.thumbprints, ...fresh.thumbprints].filter((it) => !thumbprints.includes(it)),
  });
  if (!outcome.ok) return outcome;
  if (certificates.every(({ thumbprint }) => thumbprints.includes(thumbprint))) await reserveAgain();
  return { ...outcome, state: outcome.state.record };
}

/** Reserves and lets go what a record has outside of its stream. */
class BelongingsKeeper {
  /** Certificates that were free before this command. */
  readonly reserved: string[] = [];

  constructor(
    private readonly store: EventStore,
    private readonly holder: CertificateHolder | null,
    private readonly metadata: EventMetadata,
  ) {}

  async reserve(certificates: readonly Omit<ReserveCertificate, 'holder'>[]): Promise<CertificateUseRejection | null> {
    const { holder } = this;
    if (!holder) return null;
    for (const certificate of certificates) {
      const result = await reserve(this.store, { ...certificate, holder }, this.metadata);
      if ('kind' in result) return result;
      if (result.isNew) this.reserved.push(certificate.thumbprint);
    }
    return null;
  }

  async letGo({ keyIds, thumbprints }: Belongings): Promise<void> {
    for (const keyId of new Set(keyIds)) await this.store.delete(streams.dataKey(keyId));
    const { holder } = this;
    if (!holder) return;
    for (const thumbprint of new Set(thumbprints)) await release(this.store, { thumbprint, holder }, this.metadata);
  }
}

/** A decider that remembers besides what the record once had. */
function keepingTrack<S, E>(decider: Decider<S, E>, belongingsOf: (state: S) => Belongings): Decider<Kept<S>, E> {
  const after = (before: readonly string[], had: readonly string[], has: readonly string[]) => {
    const gone = had.filter((it) => !has.includes(it));
    return gone.length === 0 ? before : [...before, ...gone].slice(-retiredMax);
  };
  return {
    initial: { record: decider.initial, retired: { keyIds: [], thumbprints: [] } },
    evolve({ record, retired }, event) {
      const next = decider.evolve(record, event);
      const [had, has] = [belongingsOf(record), belongingsOf(next)];
      const keyIds = after(retired.keyIds, had.keyIds, has.keyIds);
      return {
        record: next,
        retired: { keyIds, thumbprints: after(retired.thumbprints, had.thumbprints, has.thumbprints) },
      };
    },
  };
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
