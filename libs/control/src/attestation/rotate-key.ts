import { type Slot, type SymmetricKeys } from '@berth/domain';
import { type EventStore, type Transacted, type VersionConflict } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import { type Prepared, sealKeys } from './attestation-wish.js';
import { openKeptKeys } from './kept-keys.js';
import {
  generateSymmetricKey,
  type KeyPair,
  type KeyRejection,
  keyRefusal,
  parseSymmetricKey,
} from './symmetric-keys.js';

/** The key of the other slot can't be opened, so it can't be kept. Replacing both is the remedy. */
export interface OtherKeyLost {
  kind: 'otherKeyLost';
  slot: Slot;
}

export interface KeyRotation {
  slot: Slot;
  /** Base64, 16–64 bytes; null has one generated. */
  key: string | null;
  /** Revision the caller saw; undefined changes whatever is there. */
  expectedVersion?: number | undefined;
}

/** A record with keys, whatever it is. */
export interface KeyHolder<S, R> {
  /** The present keys and revision; null when it has none. */
  read(): Promise<{ keys: SymmetricKeys | null; version: number }>;
  /** Records new keys at that revision, or refuses for whatever reason the record has. Null: it has no keys. */
  replace(prepared: Prepared<SymmetricKeys> | null, expectedVersion: number | undefined): Promise<Transacted<S, R>>;
}

export interface RotatedKey<S, R> {
  outcome: Transacted<S, R | KeyRejection | OtherKeyLost>;
  /** The generated key in its slot, base64; null when the command brought it. */
  generatedKeys: KeyPair<string | null> | null;
}

/** Tries when others write the same record at the same time. */
const conflictsMax = 4;

/**
 * Replaces one of two keys. Both are sealed anew under a fresh data key, and the one before is destroyed: with it goes every key
 * that was ever rotated out.
 */
export async function rotateKey<S, R>(
  store: EventStore,
  masterKey: MasterKey,
  { slot, key: given, expectedVersion }: KeyRotation,
  holder: KeyHolder<S, R>,
): Promise<RotatedKey<S, R>> {
  const key = given === null ? generateSymmetricKey() : parseSymmetricKey(given);
  if (!key) return refused(keyRefusal(slot));
  for (let attempt = 1; ; attempt += 1) {
    const { keys, version } = await holder.read();
    if (!keys || (expectedVersion !== undefined && expectedVersion !== version)) {
      return { outcome: await holder.replace(null, expectedVersion), generatedKeys: null };
    }
    const other = slot === 'primary' ? 'secondary' : 'primary';
    const kept = (await openKeptKeys(keys, store, masterKey))[other];
    if (!kept) return refused({ kind: 'otherKeyLost', slot: other });
    const pair = { [slot]: key, [other]: kept } as Record<Slot, Buffer>;
    const outcome = await holder.replace(sealKeys(pair, masterKey), version);
    if (isConflict(outcome) && expectedVersion === undefined && attempt < conflictsMax) continue;
    const isShown = given === null && outcome.ok;
    const shown = { primary: null, secondary: null, [slot]: key.toString('base64') };
    return { outcome, generatedKeys: isShown ? shown : null };
  }
}

function refused<S, R>(rejection: KeyRejection | OtherKeyLost): RotatedKey<S, R> {
  return { outcome: { ok: false, rejection, position: null }, generatedKeys: null };
}

function isConflict<S, R>(outcome: Transacted<S, R>): boolean {
  return !outcome.ok && (outcome.rejection as Partial<VersionConflict>).kind === 'versionConflict';
}
