import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { DataFolderInUse, startEventStoreNode } from '@berth/event-store-node';
import { crashRounds } from './under-test/crash-rounds.js';
import { runProgram, startParentOfProgram, startProgram, type Program } from './under-test/program.js';
import { seededRandom } from './under-test/seeded-random.js';

/** Of the moments of killing; BERTH_SEED repeats a run. */
const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);

let folder: string;
const started: Program[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'event-store-'));
});
afterEach(async () => {
  for (const program of started.splice(0)) await program.end();
  await rm(folder, { recursive: true, force: true });
});

async function start(dataFolder = folder): Promise<Program> {
  const program = await startProgram({ BERTH_DATA: dataFolder });
  started.push(program);
  return program;
}

describe('the program', () => {
  it('reports every bad variable at once and exits 78', async () => {
    const exit = await runProgram({ BERTH_DATA: folder, BERTH_EVENTSTORE_PORT: '70000', BERTH_HOST: 'not a host' });
    expect(exit.code).toBe(78);
    expect(exit.complaint).toContain('BERTH_EVENTSTORE_PORT');
    expect(exit.complaint).toContain('BERTH_HOST');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops cleanly on %s and lets go of the folder', async (signal) => {
    const program = await start();
    const client = EventStoreDBClient.connectionString(program.connectionString);
    await client.appendToStream('s', jsonEvent({ type: 'Written', data: {} }));
    expect(await program.end(signal)).toMatchObject({ code: 0, signal: null, complaint: '' });
    await client.dispose();
    const next = await startEventStoreNode({ dataFolder: join(folder, 'event-store'), lockPatienceMs: 0 });
    await next.stop();
  });

  it('stops by itself when its parent was killed', async () => {
    const parent = await startParentOfProgram({ BERTH_DATA: folder });
    const dataFolder = join(folder, 'event-store');
    await expect(startEventStoreNode({ dataFolder, lockPatienceMs: 0 })).rejects.toBeInstanceOf(DataFolderInUse);
    parent.kill('SIGKILL');
    const next = await startEventStoreNode({ dataFolder, lockPatienceMs: 10_000 });
    await next.stop();
  });
});

describe('the data folder', () => {
  it('is refused to a second process', async () => {
    await start();
    const second = startEventStoreNode({ dataFolder: join(folder, 'event-store'), lockPatienceMs: 200 });
    await expect(second).rejects.toBeInstanceOf(DataFolderInUse);
  });

  it('is handed on when the first process dies while the second waits', async () => {
    const first = await start();
    const second = start();
    await first.end('SIGKILL');
    await second;
  });
});

describe('SIGKILL under 64 appends in flight', () => {
  it('loses no acknowledged event, stores none twice, and answers every repetition with the right revision', async () => {
    console.log(`Seed ${seed}; repeat with BERTH_SEED=${seed}`);
    const report = await crashRounds(folder, 3, seededRandom(seed));
    console.log(`3 rounds: ${JSON.stringify(report)}`);
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.unknown).toBeGreaterThan(0);
  }, 60_000);
});

describe('a disk that fills up', () => {
  it('answers errors, loses nothing acknowledged, and goes on once there is room', async () => {
    const disk = join(folder, 'disk');
    if (!(await mountSmallDisk(disk))) {
      console.log('Not run: mounting a small tmpfs takes root. The quota test of the log covers the same path.');
      return;
    }
    try {
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, Buffer.alloc(4 * 1024 * 1024));
      const program = await start(disk);
      const client = EventStoreDBClient.connectionString(program.connectionString);
      const acknowledged: string[] = [];
      let failed = 0;
      const append = async (): Promise<void> => {
        const event = jsonEvent({ type: 'Written', data: 'x'.repeat(50_000) });
        try {
          await client.appendToStream('s', event);
          acknowledged.push(event.id);
        } catch {
          failed += 1;
        }
      };
      while (failed < 20) await append();
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(await idsIn(client)).toEqual(acknowledged);
      await rm(ballast);
      const before = acknowledged.length;
      for (let n = 0; n < 20; n += 1) await append();
      expect(acknowledged.length).toBe(before + 20);
      await client.dispose();
      await program.end('SIGKILL');
      const again = await start(disk);
      const reader = EventStoreDBClient.connectionString(again.connectionString);
      expect(await idsIn(reader)).toEqual(acknowledged);
      await reader.dispose();
      await again.end('SIGTERM');
    } finally {
      for (const program of started.splice(0)) await program.end();
      execFileSync('umount', [disk]);
    }
  });

  async function idsIn(client: EventStoreDBClient): Promise<string[]> {
    const ids: string[] = [];
    for await (const { event } of client.readStream('s')) if (event) ids.push(event.id);
    return ids;
  }

  async function mountSmallDisk(path: string): Promise<boolean> {
    await mkdir(path);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }
});
