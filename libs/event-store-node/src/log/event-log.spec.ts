import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { append, everything, proposal, remove, textsOf } from '../under-test/log-under-test.js';
import { EventLog } from './event-log.js';
import { DataFolderInUse } from './folder-lock.js';

let folder: string;
let log: EventLog;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'event-log-'));
  log = await EventLog.open({ folder, lockPatienceMs: 0 });
});
afterEach(async () => {
  log.close();
  await rm(folder, { recursive: true, force: true });
});

async function reopen(options: { dataBytesMax?: number } = {}): Promise<void> {
  log.close();
  log = await EventLog.open({ folder, lockPatienceMs: 0, ...options });
}

describe('opening again', () => {
  it('finds everything, and goes on at new positions and the next revision', async () => {
    await append(log, 's', [proposal('a'), proposal('b')]);
    const before = everything(log);
    await reopen();
    expect(everything(log)).toEqual(before);
    const outcome = await append(log, 's', [proposal('c')], 1);
    expect(outcome).toMatchObject({ kind: 'written', revision: 2 });
    expect(everything(log).at(-1)?.position).toBeGreaterThan(before.at(-1)?.position ?? 0);
  });

  it('knows an append without exact revision for repeated, although only the log remembers it', async () => {
    const event = proposal('once');
    const first = await append(log, 's', [event]);
    await reopen();
    expect(await append(log, 's', [event])).toEqual(first);
    expect(textsOf(log, 's')).toEqual(['once']);
  });

  it('never gives a position out twice, though the newest events were deleted', async () => {
    await append(log, 's', [proposal('a'), proposal('b')]);
    const newest = everything(log).at(-1)?.position ?? 0;
    await reopen();
    await remove(log, 's');
    expect(everything(log).map(({ position }) => position > newest)).toEqual([true]);
  });

  it('keeps the last revision of a deleted stream', async () => {
    await append(log, 's', [proposal('a'), proposal('b')]);
    await remove(log, 's');
    await reopen();
    expect(await append(log, 's', [proposal('c')], 1)).toMatchObject({ revision: 2 });
  });
});

describe('the reader', () => {
  it('does not see what is still waiting for its commit', async () => {
    const written = append(log, 's', [proposal()]);
    expect(everything(log)).toEqual([]);
    await written;
    expect(everything(log)).toHaveLength(1);
  });
});

describe('the folder has one owner', () => {
  it('refuses a second one, within its patience', async () => {
    await expect(EventLog.open({ folder, lockPatienceMs: 120 })).rejects.toBeInstanceOf(DataFolderInUse);
    await append(log, 's', [proposal()]);
  });

  it('lets one in that waits while the first lets go', async () => {
    const next = EventLog.open({ folder, lockPatienceMs: 5_000 });
    log.close();
    log = await next;
  });
});

describe('a full disk', () => {
  it('fails appends, loses nothing acknowledged, refuses nothing it could still do, and recovers', async () => {
    await reopen({ dataBytesMax: 512 * 1024 });
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    for (let n = 0; n < 100; n += 1) {
      const text = `${n}`.padEnd(10_000, '.');
      await append(log, 's', [proposal(text)]).then(
        () => acknowledged.push(text),
        (error: unknown) => failures.push(error),
      );
    }
    expect(acknowledged.length).toBeGreaterThan(20);
    expect(failures.length).toBeGreaterThan(20);
    expect(String(failures[0])).toContain('full');
    expect(textsOf(log, 's')).toEqual(acknowledged);
    await reopen();
    expect(textsOf(log, 's')).toEqual(acknowledged);
    const outcome = await append(log, 's', [proposal('after')], acknowledged.length - 1);
    expect(outcome).toMatchObject({ revision: acknowledged.length });
  });

  it('an append that is too big for it does not fail its neighbours of the same turn', async () => {
    await reopen({ dataBytesMax: 256 * 1024 });
    const outcomes = await Promise.allSettled([
      append(log, 'a', [proposal('small')]),
      append(log, 'b', [proposal('x'.repeat(900_000))]),
      append(log, 'c', [proposal('small')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(everything(log).map(({ stream, revision }) => [stream, revision])).toEqual([
      ['a', 0],
      ['c', 0],
    ]);
  });
});

describe('group commit', () => {
  it('gives appends of one turn consecutive revisions and keeps each whole', async () => {
    const outcomes = await Promise.all(Array.from({ length: 64 }, () => append(log, 's', [proposal(), proposal()])));
    expect(outcomes.map((outcome) => outcome.kind === 'written' && outcome.revision)).toEqual(
      Array.from({ length: 64 }, (_, n) => 2 * n + 1),
    );
    expect(everything(log)).toHaveLength(128);
  });

  it('lets one of two appends at the same exact revision through', async () => {
    const outcomes = await Promise.all([
      append(log, 's', [proposal()], 'noStream'),
      append(log, 's', [proposal()], 'noStream'),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['written', 'wrong-expected-revision']);
  });

  it('commits what waits when the log is closed, and refuses what comes later', async () => {
    const waiting = append(log, 's', [proposal('last')]);
    log.close();
    expect(await waiting).toMatchObject({ kind: 'written' });
    await expect(append(log, 's', [proposal('late')])).rejects.toThrow('closed');
    await reopen();
    expect(textsOf(log, 's')).toEqual(['last']);
  });
});
