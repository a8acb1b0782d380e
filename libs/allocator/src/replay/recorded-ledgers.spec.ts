import { beforeAll, describe, expect, it } from '@jest/globals';
import { algorithmBuild, type DecisionsRecorded, explainPage } from '@berth/domain';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { World } from '../simulation/world.js';
import { replayLedger } from './replay-ledger.js';
import { recordedAs } from './under-test/recorded-as.js';
import { recordedIn, type Recording, recordingOf, textOf } from './under-test/recording.js';
import { masterKeyOfScript, scriptedHistory } from './under-test/scripted-history.js';
import { webhookHistory } from './under-test/webhook-history.js';

/** BERTH_RECORD_LEDGERS=1 records ledgers anew for a new build of the algorithm, and removes those of earlier ones. */
const isRecording = process.env['BERTH_RECORD_LEDGERS'] === '1';
const folder = new URL('./fixtures/', import.meta.url);
const suffix = `.build-${algorithmBuild}.json`;

/** Ledgers of several allocators and all their troubles, besides the one that has every kind of decision. */
const simulated = [{ name: 'handovers', seed: 5, partition: 0 }];
const openSecret = masterKeyOfScript.open.bind(masterKeyOfScript);

beforeAll(async () => {
  if (!isRecording) return;
  await record('scripted', scriptedHistory);
  await record('webhooks', webhookHistory);
  for (const { name, seed, partition } of simulated) {
    await record(name, async () => {
      const world = new World(seed);
      await world.run();
      return recordingOf(world, partition);
    });
  }
  for (const file of readdirSync(folder)) if (!file.endsWith(suffix)) rmSync(new URL(file, folder));
});

/** What is there stays: a build decides alike for ever. */
async function record(name: string, make: () => Promise<Recording>): Promise<void> {
  const file = new URL(name + suffix, folder);
  if (!existsSync(file)) writeFileSync(file, textOf(await make()));
}

function read(file: string): Recording {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recording;
}

describe('recorded ledgers', () => {
  const files = isRecording
    ? ['scripted', 'webhooks', ...simulated.map(({ name }) => name)].map((name) => name + suffix)
    : readdirSync(folder);

  it.each(files)('%s is decided again byte for byte by this build', async (file) => {
    for (const withMessages of [true, false]) {
      const recorded = recordedIn(read(file), { withMessages });
      const { difference, otherBuilds } = await replayLedger(recorded, openSecret);
      // Decided otherwise, or by another build: raise algorithmBuild, then BERTH_RECORD_LEDGERS=1 npm test -- recorded-ledgers
      expect({ file, difference, otherBuilds: [...otherBuilds] }).toEqual({ file, difference: null, otherBuilds: [] });
    }
  });

  it.each(files)('%s is what was recorded with its build, and not recorded again with the same', (file) => {
    const digest = createHash('sha256')
      .update(readFileSync(new URL(file, folder)))
      .digest('hex');
    // A file that is new with a new build wants its line in recorded-as.ts; a line that is there is never changed.
    expect([file, digest]).toEqual([file, recordedAs[file]]);
  });

  it('have every kind of decision in them', () => {
    const pages = files.flatMap((file) =>
      read(file).events.flatMap(({ event }) => (event.type === 'DecisionsRecorded' ? [event.data] : [])),
    );
    const has = (what: (page: DecisionsRecorded) => boolean) => pages.some(what);
    const outcomes = pages.flatMap((page) => page.outcomes);
    const webhooks = () =>
      pages.flatMap((page) => [...explainPage(page)].flatMap(({ decision }) => decision.webhook ?? []));
    const kinds = new Set(
      outcomes.map((outcome) =>
        outcome.type === 'RegistrationRejected' ? `${outcome.status} ${outcome.errorCode}` : outcome.type,
      ),
    );
    expect([...kinds].sort()).toEqual([
      'AssignmentConfirmed',
      'DeviceAssigned',
      'DeviceReassigned',
      'disabled 401002',
      'disabled null',
      'failed 400207',
      'failed 401002',
      'failed 404201',
      'failed 503000',
    ]);
    expect({
      unchanged: has(({ unchanged }) => unchanged.length > 0),
      slowStart: has(({ hubs }) => hubs.some(({ warmth }) => warmth !== undefined)),
      places: has(({ hubs }) => hubs.some(({ places }) => places !== undefined)),
      severalAllocators: has(({ turns }) => turns !== undefined),
      veryManyHubs: has(({ hubCount }) => hubCount !== undefined),
      latencyTables: has(({ latencyTables }) => latencyTables !== undefined),
      dataReset: outcomes.some((outcome) => outcome.type === 'DeviceReassigned' && !outcome.migrateDeviceData),
      outdone: outcomes.some((outcome) => outcome.type === 'AssignmentConfirmed' && outcome.outdone === 2),
      payload: outcomes.some(({ webhook }) => webhook && 'hub' in webhook && webhook.payload !== undefined),
      fallbacks: new Set(webhooks().flatMap(({ fallback, fault }) => (fault === null ? [] : [fallback]))).size,
      policies: new Set(pages.flatMap(({ rules }) => rules.map(({ policy }) => policy))).size,
    }).toEqual({
      unchanged: true,
      slowStart: true,
      places: true,
      severalAllocators: true,
      veryManyHubs: true,
      latencyTables: true,
      dataReset: true,
      payload: true,
      fallbacks: 4,
      policies: 4,
      outdone: true,
    });
  });

  it('take verdicts from the ledger only where the keys or the messages are gone', async () => {
    const file = `scripted${suffix}`;
    const trusted = async (withMessages: boolean) => replayLedger(recordedIn(read(file), { withMessages }), openSecret);
    const [verified, known] = await Promise.all([true, false].map(trusted));
    expect(verified?.takenOnTrust).toBe(4);
    expect(known?.takenOnTrust).toBeGreaterThan(40);
    expect([verified?.pagesFromLedger, known?.pagesFromMessages]).toEqual([0, 0]);
    expect(verified?.releases).toBe(4);
  });
});
