import { describe, expect, it } from '@jest/globals';
import {
  adoptMasterKey,
  beginRotation,
  evolveMasterKeyUse,
  type MasterKeyEvent,
  noMasterKeyUse,
} from './master-key-use.js';

const adopted = (masterKeyId: string): MasterKeyEvent => ({ type: 'MasterKeyAdopted', v: 1, data: { masterKeyId } });
const begun = (masterKeyId: string): MasterKeyEvent => ({
  type: 'MasterKeyRotationBegun',
  v: 1,
  data: { masterKeyId },
});
const advanced = (rewrapped: number): MasterKeyEvent => ({
  type: 'MasterKeyRotationAdvanced',
  v: 1,
  data: { position: String(10 * rewrapped), rewrapped, unopenable: 0 },
});
const rotated: MasterKeyEvent = {
  type: 'MasterKeyRotated',
  v: 1,
  data: { position: '99', rewrapped: 9, unopenable: 1 },
};
const ring = (current: string, ...former: string[]) => ({ current, former });
const after = (...events: MasterKeyEvent[]) => events.reduce(evolveMasterKeyUse, noMasterKeyUse);
const other = (wanted: string, current: string) => ({
  ok: false,
  rejection: { kind: 'otherMasterKey', wanted, current },
});

describe('the master key in use', () => {
  it('is that of the first process', () => {
    expect(adoptMasterKey(ring('a'), noMasterKeyUse)).toEqual({ ok: true, events: [adopted('a')] });
    expect(after(adopted('a'))).toMatchObject({ status: 'inUse', masterKeyId: 'a', rewrapped: 0 });
  });

  it.each([[ring('a')], [ring('b', 'a')], [ring('b', 'x', 'a')]])('is wanted of every other: %j has it', (process) => {
    expect(adoptMasterKey(process, after(adopted('a')))).toEqual({ ok: true, events: [] });
  });

  it.each([
    ['another', ring('b'), [adopted('a')], other('a', 'b')],
    ['the one before a rotation only', ring('a'), [adopted('a'), begun('b')], other('b', 'a')],
    ['the one before a rotation that is over', ring('a'), [adopted('a'), begun('b'), rotated], other('b', 'a')],
  ])('is not had by a process with %s', (_which, process, events, refusal) => {
    expect(adoptMasterKey(process, after(...events))).toEqual(refusal);
    expect(beginRotation(process, after(...events))).toEqual(refusal);
  });

  it('changes with the beginning of a rotation', () => {
    expect(beginRotation(ring('b', 'a'), after(adopted('a')))).toEqual({ ok: true, events: [begun('b')] });
    expect(after(adopted('a'), begun('b'))).toMatchObject({ status: 'rotating', masterKeyId: 'b', position: null });
  });

  it('goes on with a rotation that was interrupted, where it was', () => {
    const interrupted = after(adopted('a'), begun('b'), advanced(3));
    expect(beginRotation(ring('b', 'a'), interrupted)).toEqual({ ok: true, events: [] });
    expect(interrupted).toMatchObject({ status: 'rotating', position: '30', rewrapped: 3 });
  });

  it('can be changed again while it is being changed, and then all is looked at anew', () => {
    const interrupted = after(adopted('a'), begun('b'), advanced(3));
    expect(beginRotation(ring('c', 'b', 'a'), interrupted)).toEqual({ ok: true, events: [begun('c')] });
    expect(after(adopted('a'), begun('b'), advanced(3), begun('c'))).toMatchObject({ position: null, rewrapped: 0 });
  });

  it('is looked for anew when a rotation to the same key is asked for once more', () => {
    const done = after(adopted('a'), begun('b'), rotated);
    expect(done).toMatchObject({ status: 'inUse', masterKeyId: 'b', rewrapped: 9, unopenable: 1 });
    expect(beginRotation(ring('b'), done)).toEqual({ ok: true, events: [begun('b')] });
  });

  it('can be rotated where nobody has adopted one', () => {
    expect(beginRotation(ring('b', 'a'), noMasterKeyUse)).toEqual({ ok: true, events: [begun('b')] });
  });

  it('is not known by what comes of a rotation that nobody began', () => {
    for (const event of [advanced(3), rotated]) expect(after(event)).toBe(noMasterKeyUse);
  });
});
