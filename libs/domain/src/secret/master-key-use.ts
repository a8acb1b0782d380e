import { accepted, type Decision, rejected } from '../decision.js';

/** Which master key a deployment's data keys are wrapped by. Stream `masterKey-default`; the key itself is in no event. */
export type MasterKeyEvent =
  /** A deployment begins with it. */
  | { type: 'MasterKeyAdopted'; v: 1; data: { masterKeyId: string } }
  /** From now on it is wanted at every start; data keys are being wrapped by it. */
  | { type: 'MasterKeyRotationBegun'; v: 1; data: { masterKeyId: string } }
  | { type: 'MasterKeyRotationAdvanced'; v: 1; data: RotationProgress }
  /** Every data key that there was is wrapped by it, except those that nobody could open. */
  | { type: 'MasterKeyRotated'; v: 1; data: RotationProgress };

export interface RotationProgress {
  /** Everything stored up to there has been looked at, a decimal string; null before the first. */
  position: string | null;
  /** Data keys wrapped anew so far. */
  rewrapped: number;
  /** Data keys that no key at hand opens. */
  unopenable: number;
}

export type MasterKeyUse =
  { status: 'none' } | ({ status: 'inUse' | 'rotating'; masterKeyId: string } & RotationProgress);

export const noMasterKeyUse: MasterKeyUse = { status: 'none' };

/** The ids of the keys that a process has. */
export interface KeyRing {
  current: string;
  former: readonly string[];
}

/** The process has not the key that the deployment's secrets are wrapped by. */
export type MasterKeyRejection = { kind: 'otherMasterKey'; wanted: string; current: string };

const nothingYet: RotationProgress = { position: null, rewrapped: 0, unopenable: 0 };

/** A process starts: its ring must hold the key in use; the first one says which that is. */
export function adoptMasterKey(ring: KeyRing, use: MasterKeyUse): Decision<MasterKeyEvent, MasterKeyRejection> {
  if (use.status === 'none') return accepted({ type: 'MasterKeyAdopted', v: 1, data: { masterKeyId: ring.current } });
  return holds(ring, use.masterKeyId) ? accepted() : rejected(otherKey(ring, use.masterKeyId));
}

/** Wraps by the ring's current key begin, or go on where they were. */
export function beginRotation(ring: KeyRing, use: MasterKeyUse): Decision<MasterKeyEvent, MasterKeyRejection> {
  const { current: masterKeyId } = ring;
  const begun = { type: 'MasterKeyRotationBegun', v: 1, data: { masterKeyId } } as const;
  if (use.status === 'none') return accepted(begun);
  if (!holds(ring, use.masterKeyId)) return rejected(otherKey(ring, use.masterKeyId));
  return use.status === 'rotating' && use.masterKeyId === masterKeyId ? accepted() : accepted(begun);
}

export function evolveMasterKeyUse(use: MasterKeyUse, event: MasterKeyEvent): MasterKeyUse {
  switch (event.type) {
    case 'MasterKeyAdopted':
      return { status: 'inUse', ...event.data, ...nothingYet };
    case 'MasterKeyRotationBegun':
      return { status: 'rotating', ...event.data, ...nothingYet };
    case 'MasterKeyRotationAdvanced':
      return use.status === 'none' ? use : { ...use, ...event.data };
    case 'MasterKeyRotated':
      return use.status === 'none' ? use : { ...use, status: 'inUse', ...event.data };
  }
}

function holds({ current, former }: KeyRing, id: string): boolean {
  return id === current || former.includes(id);
}

function otherKey({ current }: KeyRing, wanted: string): MasterKeyRejection {
  return { kind: 'otherMasterKey', wanted, current };
}
