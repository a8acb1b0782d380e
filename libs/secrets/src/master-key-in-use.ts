import {
  adoptMasterKey,
  type DataKeyEvent,
  evolveMasterKeyUse,
  type KeyRing,
  type MasterKeyEvent,
  noMasterKeyUse,
} from '@berth/domain';
import { dataKeyPrefix, type EventStore, streams, transact } from '@berth/event-store';
import { UnusableSettings } from '@berth/platform';
import { type MasterKey } from './master-key.js';

const decider = { initial: noMasterKeyUse, evolve: evolveMasterKeyUse };

/**
 * Makes sure that this process has the key by which the deployment's secrets are wrapped; the first process of all says which that is.
 * @throws UnusableSettings when it has another.
 */
export async function checkMasterKey(masterKey: MasterKey, store: EventStore): Promise<void> {
  const { ring } = masterKey;
  const metadata = { correlationId: 'master-key', actor: 'berth', at: new Date().toISOString() };
  for await (const _ of store.read(streams.masterKey, { maxCount: 1 })) return settle();
  // A store from before its master key was written down.
  const wrappedBy = await firstWrap(store);
  if (wrappedBy !== null && !masterKey.holds(wrappedBy)) throw otherKey(wrappedBy, masterKey);
  // That one is in use, also where its successor is at hand already.
  return settle({ ...ring, current: wrappedBy ?? ring.current });

  async function settle(own: KeyRing = ring): Promise<void> {
    const outcome = await transact<typeof noMasterKeyUse, MasterKeyEvent, { kind: 'otherMasterKey'; wanted: string }>(
      store,
      streams.masterKey,
      decider,
      (use) => adoptMasterKey(use.status === 'none' ? own : ring, use),
      { metadata },
    );
    if (!outcome.ok && outcome.rejection.kind === 'otherMasterKey') throw otherKey(outcome.rejection.wanted, masterKey);
  }
}

/** Id of the master key that wrapped the first data key there is; null when there is none. */
async function firstWrap(store: EventStore): Promise<string | null> {
  let found: string | null = null;
  const following = store.follow<DataKeyEvent>({
    prefixes: [dataKeyPrefix],
    after: null,
    batchMax: 1,
    handle: ([first]) => {
      found ??= first?.event.data.masterKeyId ?? null;
    },
  });
  await Promise.race([following.caughtUp, following.failed]);
  await following.stop();
  return found;
}

function otherKey(wanted: string, { id }: MasterKey): UnusableSettings {
  return new UnusableSettings(
    `the secrets in this event store are wrapped by master key ${wanted}, and BERTH_MASTER_KEY is ${id}: set the key that ` +
      'was used before, or name it in BERTH_FORMER_MASTER_KEYS to rotate to the new one',
  );
}
