import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { append, everything, proposal, seededRandom, textsOf } from '../under-test/log-under-test.js';
import { EventLog } from './event-log.js';

/*
 * What a power failure leaves is a write-ahead log whose end is missing or garbage. The folder of a running node is copied, the
 * copy's log damaged, and the copy opened.
 */

const APPENDS = 40;
const EVENTS_EACH = 3;
const WAL_HEAD_BYTES = 32;
const FRAME_BYTES = 24 + 8192;

let origin: string;
let log: EventLog;

beforeAll(async () => {
  origin = await mkdtemp(join(tmpdir(), 'event-log-torn-'));
  log = await EventLog.open({ folder: origin, lockPatienceMs: 0 });
  for (let n = 0; n < APPENDS; n += 1) {
    const texts = Array.from({ length: EVENTS_EACH }, (_, of) => `${n}.${of}`.padEnd(4_000, '.'));
    await append(
      log,
      's',
      texts.map((text) => proposal(text)),
      n === 0 ? 'noStream' : n * EVENTS_EACH - 1,
    );
  }
});
afterAll(async () => {
  log.close();
  await rm(origin, { recursive: true, force: true });
});

async function openDamaged(
  damage: (wal: string, bytes: number) => Promise<void>,
  check: (damaged: EventLog) => Promise<void>,
) {
  const folder = await mkdtemp(join(tmpdir(), 'event-log-damaged-'));
  const wal = join(folder, 'events.sqlite-wal');
  try {
    await copyFile(join(origin, 'events.sqlite'), join(folder, 'events.sqlite'));
    await copyFile(join(origin, 'events.sqlite-wal'), wal);
    await damage(wal, (await readFile(wal)).length);
    const damaged = await EventLog.open({ folder, lockPatienceMs: 0 });
    try {
      await check(damaged);
    } finally {
      damaged.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A prefix of the appends, each whole, and a log that goes on behind it. */
async function expectPrefix(damaged: EventLog): Promise<number> {
  const texts = textsOf(damaged, 's');
  expect(texts.length % EVENTS_EACH).toBe(0);
  expect(texts).toEqual(textsOf(log, 's').slice(0, texts.length));
  const headers = everything(damaged);
  const outcome = await append(damaged, 's', [proposal('next')], texts.length === 0 ? 'noStream' : texts.length - 1);
  expect(outcome).toMatchObject({ kind: 'written', revision: texts.length });
  expect(everything(damaged).at(-1)?.position).toBeGreaterThan(headers.at(-1)?.position ?? 0);
  return texts.length / EVENTS_EACH;
}

describe('a torn end of the write-ahead log', () => {
  it('is found and cut, whichever byte it breaks off at: every append is there whole or not at all', async () => {
    const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);
    console.log(`Seed ${seed}; repeat with BERTH_SEED=${seed}`);
    const random = seededRandom(seed);
    const survivors = new Set<number>();
    for (let round = 0; round < 25; round += 1) {
      await openDamaged(
        async (wal, bytes) => {
          const frames = Math.floor((bytes - WAL_HEAD_BYTES) / FRAME_BYTES);
          const boundary = WAL_HEAD_BYTES + Math.floor(random() * frames) * FRAME_BYTES;
          // Half the rounds break off exactly between two frames, where only the commit mark tells.
          await truncate(
            wal,
            round % 2 === 0 ? boundary : Math.min(bytes, boundary + Math.floor(random() * FRAME_BYTES)),
          );
        },
        async (damaged) => {
          survivors.add(await expectPrefix(damaged));
        },
      );
    }
    expect(survivors.size).toBeGreaterThan(3);
  });

  it('is found and cut when its last frames are garbage', async () => {
    await openDamaged(
      async (wal, bytes) => {
        const content = await readFile(wal);
        content.fill(0xa5, bytes - FRAME_BYTES / 2);
        await writeFile(wal, content);
      },
      async (damaged) => {
        expect(await expectPrefix(damaged)).toBe(APPENDS - 1);
      },
    );
  });

  it('loses nothing when it is whole', async () => {
    await openDamaged(
      async () => undefined,
      async (damaged) => {
        expect(await expectPrefix(damaged)).toBe(APPENDS);
      },
    );
  });
});
