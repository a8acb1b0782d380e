import {
  type DataKeyEvent,
  type Enrollment,
  type EnrollmentGroup,
  type SealedSecret,
  type SymmetricKeys,
} from '@berth/domain';
import { type EventStore, streams, type Transacted } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import { type AttestationWish, type GroupAttestationWish } from './attestation-wish.js';
import { type KeyPair } from './symmetric-keys.js';

/**
 * The keys of an attestation, opened; null for one whose data key is gone or was wrapped by another master key.
 * @param fresh a data key that need not be read first.
 */
export async function openKeptKeys(
  { primary, secondary }: SymmetricKeys,
  store: EventStore,
  masterKey: MasterKey,
  fresh: DataKeyEvent | null = null,
): Promise<KeyPair<Buffer | null>> {
  const dataKeys = new Map<string, DataKeyEvent['data'] | null>();
  for (const keyId of new Set([primary.keyId, secondary.keyId])) {
    dataKeys.set(keyId, fresh?.data.keyId === keyId ? fresh.data : await storedDataKey(keyId, store));
  }
  const open = (sealed: SealedSecret) => {
    const dataKey = dataKeys.get(sealed.keyId);
    return dataKey ? masterKey.open(sealed, dataKey) : null;
  };
  return { primary: open(primary), secondary: open(secondary) };
}

/**
 * Keys that Berth generated, base64, and null for one that the wish brought; null when none was generated, or nothing
 * was recorded. Read back from what
 * is recorded: whoever got no answer the first time and repeats the wish under its idempotency key would otherwise never learn
 * the keys of its own device.
 */
export async function generatedKeysOf(
  wish: AttestationWish | GroupAttestationWish,
  outcome: Transacted<Enrollment | EnrollmentGroup, unknown>,
  store: EventStore,
  masterKey: MasterKey,
  fresh: DataKeyEvent | null = null,
): Promise<KeyPair<string | null> | null> {
  if (wish.type !== 'symmetricKey' || (wish.primary !== null && wish.secondary !== null)) return null;
  if (!outcome.ok || outcome.state.status === 'none') return null;
  const { attestation } = outcome.state;
  if (attestation.type !== 'symmetricKey') return null;
  const { primary, secondary } = await openKeptKeys(attestation, store, masterKey, fresh);
  return {
    primary: wish.primary === null ? (primary?.toString('base64') ?? null) : null,
    secondary: wish.secondary === null ? (secondary?.toString('base64') ?? null) : null,
  };
}

async function storedDataKey(keyId: string, store: EventStore): Promise<DataKeyEvent['data'] | null> {
  let stored: DataKeyEvent['data'] | null = null;
  for await (const { event } of store.read<DataKeyEvent>(streams.dataKey(keyId))) stored = event.data;
  return stored;
}
