import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chunkBytesMax } from './snapshot-file.js';
import { type Snapshot, Snapshots } from './snapshots.js';

interface Facts {
  lastId: string;
}
interface Restored {
  at: bigint;
  facts: Facts;
  chunks: string[];
}

let dataFolder: string;
let folder: string;
let damaged: string[];

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'berth-snapshots-'));
  folder = join(dataFolder, 'snapshots', 'ledger-3');
  damaged = [];
});
afterEach(() => rm(dataFolder, { recursive: true, force: true }));

function snapshots(shape = 1): Snapshots<Facts> {
  return new Snapshots({ dataFolder, name: 'ledger-3', shape, onDamaged: (file) => void damaged.push(file) });
}

function save(at: number, texts: readonly string[], shape = 1): Promise<void> {
  return snapshots(shape).save(
    BigInt(at),
    { lastId: `id-${at}` },
    texts.map((text) => Buffer.from(text)),
  );
}

async function restore({ at, facts, chunks }: Snapshot<Facts>): Promise<Restored> {
  const texts: string[] = [];
  for await (const chunk of chunks) texts.push(chunk.toString());
  return { at, facts, chunks: texts };
}

function load(shape = 1): Promise<Restored | null> {
  return snapshots(shape).load(restore);
}

async function newestFile(): Promise<string> {
  return join(folder, (await readdir(folder)).sort().at(-1) ?? '');
}

describe('snapshots of a fold', () => {
  it('are restored as they were saved: place, facts, and the chunks in order', async () => {
    await save(7, ['one', 'two', 'x'.repeat(chunkBytesMax), 'last']);
    expect(await load()).toEqual({
      at: 7n,
      facts: { lastId: 'id-7' },
      chunks: ['one', 'two', 'x'.repeat(chunkBytesMax), 'last'],
    });
  });

  it('may be empty, and stand anywhere up to the last position there is', async () => {
    await snapshots().save(2n ** 64n - 1n, { lastId: 'end' }, []);
    expect(await load()).toEqual({ at: 2n ** 64n - 1n, facts: { lastId: 'end' }, chunks: [] });
    await expect(snapshots().save(-1n, { lastId: '' }, [])).rejects.toThrow(RangeError);
  });

  it('there is none before the first, and none once all are lost', async () => {
    expect(await load()).toBeNull();
    await save(1, ['a']);
    await rm(await newestFile());
    expect(await load()).toBeNull();
    expect(damaged).toEqual([]);
  });

  it('the newest by place wins, and the last two are kept', async () => {
    for (const at of [9, 10, 100]) await save(at, [`at ${at}`]);
    expect((await readdir(folder)).length).toBe(2);
    expect(await load()).toMatchObject({ at: 100n });
    await rm(await newestFile());
    expect(await load()).toMatchObject({ at: 10n, chunks: ['at 10'] });
  });

  it('takes chunks from a generator that uses its buffer again', async () => {
    const scratch = Buffer.alloc(4);
    function* counted(): Generator<Buffer> {
      for (let n = 0; n < 300_000; n += 1) {
        scratch.writeUInt32LE(n);
        yield scratch;
      }
    }
    await snapshots().save(1n, { lastId: '' }, counted());
    let next = 0;
    await snapshots().load(async ({ chunks }) => {
      for await (const chunk of chunks) {
        if (chunk.readUInt32LE() !== next) throw new Error(`${chunk.readUInt32LE()} where ${next} was expected`);
        next += 1;
      }
      return true;
    });
    expect(next).toBe(300_000);
  });

  it('lets the event loop turn for each MiB, saving and loading', async () => {
    const mebibytes = 48;
    const turnsOf = async (work: () => Promise<unknown>): Promise<number> => {
      let turns = 0;
      let isDone = false;
      const turn = (): void => {
        turns += 1;
        if (!isDone) setImmediate(turn);
      };
      setImmediate(turn);
      await work();
      isDone = true;
      return turns;
    };
    function* rows(): Generator<Buffer> {
      for (let n = 0; n < mebibytes * 1024; n += 1) yield Buffer.alloc(1024, n % 251);
    }
    expect(await turnsOf(() => snapshots().save(1n, { lastId: '' }, rows()))).toBeGreaterThanOrEqual(mebibytes);
    expect(await turnsOf(() => load())).toBeGreaterThanOrEqual(mebibytes);
  });
});

describe('a snapshot that can not be trusted', () => {
  beforeEach(async () => {
    await save(1, ['the older one']);
    await save(2, ['the newer one', 'of two chunks']);
  });

  it('is passed over for the older one and removed when it is torn, wherever', async () => {
    const whole = await readFile(await newestFile());
    for (let length = 0; length < whole.length; length += 1) {
      await save(2, ['the newer one', 'of two chunks']);
      await truncate(await newestFile(), length);
      expect(await load()).toMatchObject({ at: 1n, chunks: ['the older one'] });
      expect(await readdir(folder)).toHaveLength(1);
    }
    expect(damaged).toHaveLength(whole.length);
  });

  it('is passed over when any one byte of it has changed', async () => {
    const whole = await readFile(await newestFile());
    for (let place = 0; place < whole.length; place += 1) {
      await save(2, ['the newer one', 'of two chunks']);
      const changed = Buffer.from(whole);
      changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8));
      await writeFile(await newestFile(), changed);
      expect(await load()).toMatchObject({ at: 1n });
    }
  });

  it('is passed over when two of its frames have changed places', async () => {
    await save(3, ['aaaa', 'bbbb']);
    const file = await newestFile();
    const bytes = await readFile(file);
    const frame = 8 + 4;
    const start = bytes.length - 8 - 2 * frame;
    const [a, b] = [bytes.subarray(start, start + frame), bytes.subarray(start + frame, start + 2 * frame)];
    await writeFile(file, Buffer.concat([bytes.subarray(0, start), b, a, bytes.subarray(start + 2 * frame)]));
    expect(await load()).toMatchObject({ at: 2n });
  });

  it('leaves nothing to restore from when the older one is damaged too', async () => {
    for (const file of await readdir(folder)) await writeFile(join(folder, file), 'rubbish');
    expect(await load()).toBeNull();
    expect(damaged).toHaveLength(2);
  });

  it('is passed over but stays when the system can not read it now', async () => {
    const file = await newestFile();
    await rm(file);
    await mkdir(file);
    expect(await load()).toMatchObject({ at: 1n });
    expect(await readdir(folder)).toHaveLength(2);
    expect(damaged).toHaveLength(1);
  });

  it('is removed when the caller refuses it, and the older one is asked', async () => {
    const asked: bigint[] = [];
    const refuseAll = async ({ at }: Snapshot<Facts>) => {
      asked.push(at);
      return null;
    };
    expect(await snapshots().load(refuseAll)).toBeNull();
    expect(asked).toEqual([2n, 1n]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('of another shape is ignored; a newer shape replaces the older', async () => {
    expect(await load(2)).toBeNull();
    await save(1, ['anew'], 2);
    expect(await load(2)).toMatchObject({ chunks: ['anew'] });
    expect(await load(1)).toBeNull();
    await save(5, ['gone back'], 1);
    expect(await load(2)).toMatchObject({ chunks: ['anew'] });
  });

  it('is not taken for the caller’s own failure, which is passed on', async () => {
    await expect(snapshots().load(() => Promise.reject(new Error('the store is away')))).rejects.toThrow('away');
    expect(await readdir(folder)).toHaveLength(2);
  });
});

describe('saving a snapshot', () => {
  it('that fails half way leaves those before it, and nothing of itself', async () => {
    await save(1, ['before']);
    function* breaking(): Generator<Buffer> {
      yield Buffer.alloc(chunkBytesMax);
      yield Buffer.alloc(chunkBytesMax);
      throw new Error('the state is gone');
    }
    await expect(snapshots().save(2n, { lastId: '' }, breaking())).rejects.toThrow('the state is gone');
    await expect(snapshots().save(2n, { lastId: '' }, [Buffer.alloc(chunkBytesMax + 1)])).rejects.toThrow(RangeError);
    await expect(snapshots().save(2n, { lastId: '' }, [Buffer.alloc(0)])).rejects.toThrow(RangeError);
    expect(await readdir(folder)).toHaveLength(1);
    expect(await load()).toMatchObject({ at: 1n });
  });

  it('keeps the one just written even if older files claim a later place', async () => {
    for (const at of [100, 200]) await save(at, ['of another history']);
    await save(3, ['of this history']);
    const ofThisHistory = async (snapshot: Snapshot<Facts>) => (snapshot.at < 100n ? restore(snapshot) : null);
    expect(await snapshots().load(ofThisHistory)).toMatchObject({ at: 3n, chunks: ['of this history'] });
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('by many writers at once, while others load, never gives a state that nobody saved', async () => {
    const chunksOf = (at: number): string[] => [`state ${at}`, 'x'.repeat(300_000), `end ${at}`];
    await save(0, chunksOf(0));
    // Two by two they save the same places.
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let at = 1 + (writer >> 1); at <= 24; at += 3) await save(at, chunksOf(at));
    });
    let isDone = false;
    const readers = Array.from({ length: 3 }, async () => {
      while (!isDone) {
        const restored = await load();
        expect(restored?.chunks).toEqual(chunksOf(Number(restored?.at)));
      }
    });
    await Promise.all(writers).finally(() => (isDone = true));
    await Promise.all(readers);
    expect(await load()).toMatchObject({ at: 24n });
    expect(damaged).toEqual([]);
  });

  it('removes what a killed process left half written an hour ago, and leaves alone what is being written', async () => {
    await save(1, ['whole']);
    await writeFile(join(folder, 'old.part'), 'half');
    await utimes(join(folder, 'old.part'), new Date(0), new Date(0));
    await writeFile(join(folder, 'young.part'), 'half');
    await save(2, ['whole']);
    expect((await readdir(folder)).filter((file) => file.endsWith('.part'))).toEqual(['young.part']);
    expect(await load()).toMatchObject({ at: 2n });
  });

  it.each(['', '../x', 'A', 'a b'])('takes no name that is no folder of its own: "%s"', (name) => {
    expect(() => new Snapshots({ dataFolder, name, shape: 1 })).toThrow(RangeError);
  });
});
