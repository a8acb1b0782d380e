import { describe, expect, it } from '@jest/globals';
import { judgeAppend, mayDelete, type StreamHistory, type StreamStanding } from './append-verdict.js';
import { NO_REVISION, type ExpectedRevision } from './records.js';

const id = (text: string): Buffer => Buffer.from(text.padEnd(16, '.'));
const ids = (...texts: string[]): Buffer[] => texts.map(id);

const missing: StreamStanding = {
  lastRevision: NO_REVISION,
  softDeleted: false,
  tombstoned: false,
  hasMetadata: false,
};
/** Holds a, b and c at revisions 0 to 2. */
const standing: StreamStanding = { ...missing, lastRevision: 2, hasMetadata: true };
const stored = ids('a', 'b', 'c');
const history: StreamHistory = {
  isAt: (revision, wanted) => stored[revision]?.equals(wanted) === true,
  recentRevisionOf: (wanted) => {
    const revision = stored.findIndex((known) => known.equals(wanted));
    return revision === -1 ? undefined : revision;
  },
};
const nothing: StreamHistory = { isAt: () => false, recentRevisionOf: () => undefined };

const write = { kind: 'write' };
const wrong = { kind: 'wrong-expected-revision' };
const deleted = { kind: 'stream-deleted' };
const repeated = (lastRevision: number) => ({ kind: 'repeated', lastRevision });

describe('judging an append', () => {
  it.each<[ExpectedRevision, Buffer[], object]>([
    [2, ids('x'), write],
    [3, ids('x'), wrong],
    [1, ids('c'), repeated(2)],
    [0, ids('b', 'c'), repeated(2)],
    [0, ids('b'), repeated(1)],
    ['noStream', ids('a', 'b'), repeated(1)],
    ['noStream', ids('x'), wrong],
    [0, ids('b', 'x'), wrong],
    [1, ids('c', 'x'), wrong],
    [1, [], wrong],
    [2, [], write],
    ['any', ids('x'), write],
    ['any', ids('a', 'b'), repeated(1)],
    ['any', ids('a', 'x'), wrong],
    ['any', [], write],
    ['streamExists', ids('x'), write],
    ['streamExists', ids('c'), repeated(2)],
  ])('at revision 2, expecting %s with %s', (expected, proposed, verdict) => {
    expect(judgeAppend(expected, proposed, standing, history)).toEqual(verdict);
  });

  it.each<[ExpectedRevision, StreamStanding, object]>([
    ['noStream', missing, write],
    ['any', missing, write],
    [0, missing, wrong],
    ['streamExists', missing, wrong],
    ['streamExists', { ...missing, hasMetadata: true }, write],
  ])('expecting %s of a stream without events: %j', (expected, stream, verdict) => {
    expect(judgeAppend(expected, ids('x'), stream, nothing)).toEqual(verdict);
  });

  it.each<[ExpectedRevision, object]>([
    ['noStream', write],
    ['any', write],
    [2, write],
    [1, wrong],
    ['streamExists', deleted],
  ])('expecting %s of a soft-deleted stream that was at revision 2', (expected, verdict) => {
    expect(judgeAppend(expected, ids('x'), { ...standing, softDeleted: true }, nothing)).toEqual(verdict);
  });

  it.each<ExpectedRevision>(['noStream', 'any', 'streamExists', 2])(
    'expecting %s of a tombstoned stream',
    (expected) => {
      expect(judgeAppend(expected, stored, { ...standing, tombstoned: true }, history)).toEqual(deleted);
    },
  );
});

describe('whether a stream may be deleted', () => {
  const softDeleted: StreamStanding = { ...standing, softDeleted: true };
  it.each<[ExpectedRevision, StreamStanding, boolean]>([
    ['any', missing, true],
    ['any', standing, true],
    [2, standing, true],
    [1, standing, false],
    [3, standing, false],
    ['noStream', missing, true],
    ['noStream', standing, false],
    ['noStream', softDeleted, true],
    ['streamExists', standing, true],
    ['streamExists', missing, false],
    ['streamExists', softDeleted, false],
  ])('expecting %s of %j: %s', (expected, stream, verdict) => {
    expect(mayDelete(expected, stream)).toBe(verdict);
  });
});
