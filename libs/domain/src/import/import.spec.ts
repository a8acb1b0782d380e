import { describe, expect, it } from '@jest/globals';
import { beginImport, evolveImport, type Import, type ImportEvent, type ImportProgress, noImport } from './import.js';

const begun: ImportProgress = {
  name: 'Load-1',
  mode: 'create',
  ...{ rows: 0, bytes: 0, created: 0, changed: 0, unchanged: 0, refused: 0, lastRow: null },
};
const half: ImportProgress = { ...begun, rows: 500, bytes: 4_000, created: 499, refused: 1, lastRow: '0123abcd' };
const folded = (...events: ImportEvent[]): Import => events.reduce(evolveImport, noImport);
const interrupted = folded(
  { type: 'ImportBegun', v: 1, data: begun },
  { type: 'ImportAdvanced', v: 1, data: { ...half, errors: [] } },
  { type: 'ImportInterrupted', v: 1, data: { ...half, reason: 'the upload broke off' } },
);
const wish = { name: 'load-1', mode: 'create' as const, offset: null };

describe('an import', () => {
  it('begins with nothing done', () => {
    expect(beginImport({ ...wish, name: 'Load-1' }, noImport)).toEqual({
      ok: true,
      events: [{ type: 'ImportBegun', v: 1, data: begun }],
    });
    expect(beginImport({ ...wish, offset: 0 }, noImport).ok).toBe(true);
    expect(folded({ type: 'ImportBegun', v: 1, data: begun })).toEqual({ status: 'receiving', reason: null, ...begun });
  });

  it('goes on where it was interrupted, and where its process died, with the file from there or from its beginning', () => {
    expect(interrupted).toEqual({ status: 'interrupted', reason: 'the upload broke off', ...half });
    const dead = folded({ type: 'ImportAdvanced', v: 1, data: { ...half, errors: [] } });
    for (const state of [interrupted, dead]) {
      for (const offset of [null, 4_000]) {
        expect(beginImport({ ...wish, offset }, state)).toEqual({
          ok: true,
          events: [{ type: 'ImportResumed', v: 1, data: half }],
        });
      }
    }
    expect(folded({ type: 'ImportResumed', v: 1, data: half })).toMatchObject({ status: 'receiving', rows: 500 });
    expect(folded({ type: 'ImportCompleted', v: 1, data: half })).toMatchObject({ status: 'completed', rows: 500 });
  });

  it.each([
    [{ name: 'a b' }, noImport, { kind: 'invalidImportName', name: 'a b' }],
    [{ offset: 7 }, noImport, { kind: 'importGoesOnElsewhere', bytes: 0, rows: 0 }],
    [{ offset: 7 }, interrupted, { kind: 'importGoesOnElsewhere', bytes: 4_000, rows: 500 }],
    [{ offset: 0 }, interrupted, { kind: 'importGoesOnElsewhere', bytes: 4_000, rows: 500 }],
    [{ mode: 'createOrUpdate' as const }, interrupted, { kind: 'importModeFixed', mode: 'create' }],
    [{}, folded({ type: 'ImportCompleted', v: 1, data: half }), { kind: 'importCompleted', rows: 500 }],
  ])('refuses %j', (change, state, rejection) => {
    expect(beginImport({ ...wish, ...change }, state)).toEqual({ ok: false, rejection });
  });
});
