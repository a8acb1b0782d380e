import { type Decision } from '@berth/domain';
import { backOff } from './back-off.js';
import { type BerthEvent, type EventMetadata } from './codec.js';
import { type EventStreams, noStream } from './event-store.js';
import { RevisionConflict } from './faults.js';

export interface Decider<S, E> {
  initial: S;
  evolve(state: S, event: E): S;
}

/** The stream isn't at the version the caller saw. */
export interface VersionConflict {
  kind: 'versionConflict';
  currentVersion: number;
}

/** What became of a command: the state after it, or the refusal. */
export type Transacted<S, R> =
  | {
      ok: true;
      state: S;
      /** Revision of the stream's last event. */
      version: number;
      /** Position of the stream's last event: a read model that has reached it shows the command's effect. */
      position: bigint | null;
    }
  | { ok: false; rejection: R | VersionConflict; position: bigint | null };

/** Tries when others write the same stream at the same time. */
const conflictsMax = 8;

/**
 * Loads, folds, decides and appends at the exact revision; decides anew when someone else was faster.
 * @param options.expectedVersion refuse when the stream's last revision is another; undefined decides on any.
 * @throws StoreUnavailable (retriable); RevisionConflict after 8 lost races.
 */
export async function transact<S, E extends BerthEvent, R>(
  store: EventStreams,
  stream: string,
  { initial, evolve }: Decider<S, E>,
  decide: (state: S) => Decision<E, R>,
  options: { metadata: EventMetadata; expectedVersion?: number | undefined },
): Promise<Transacted<S, R>> {
  for (let attempt = 0; ; attempt += 1) {
    let state = initial;
    let version = noStream;
    let position: bigint | null = null;
    for await (const stored of store.read<E>(stream)) {
      state = evolve(state, stored.event);
      version = stored.revision;
      ({ position } = stored);
    }
    const { expectedVersion } = options;
    if (expectedVersion !== undefined && expectedVersion !== version) {
      return { ok: false, rejection: { kind: 'versionConflict', currentVersion: version }, position };
    }
    const decision = decide(state);
    if (!decision.ok) return { ok: false, rejection: decision.rejection, position };
    if (decision.events.length === 0) return { ok: true, state, version, position };
    try {
      const appended = await store.append(stream, decision.events, version, options.metadata);
      return {
        ok: true,
        state: decision.events.reduce(evolve, state),
        version: appended.revision,
        position: appended.position,
      };
    } catch (error) {
      if (!(error instanceof RevisionConflict) || attempt + 1 >= conflictsMax) throw error;
      await backOff(attempt);
    }
  }
}
