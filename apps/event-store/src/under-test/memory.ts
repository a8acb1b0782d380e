import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventStoreDBClient, jsonEvent, streamNameFilter } from '@eventstore/db-client';
import { EventLog } from '@berth/event-store-node';
import { startProgram } from './program.js';

/** Of issue 3, whatever the node holds and does. */
export const residentMiBMax = 300;

const PER_APPEND = 1000;
const STREAMS = 1000;
const ID_BYTES = 16;

/** Puts small events into the data folder, straight into the log: over gRPC it would take ten times as long. */
export async function fill(folder: string, events: number): Promise<void> {
  const log = await EventLog.open({ folder: join(folder, 'event-store'), lockPatienceMs: 0 });
  for (let n = 0; n < events; n += PER_APPEND) {
    const proposed = Array.from({ length: PER_APPEND }, (_, of) => ({
      id: randomBytes(ID_BYTES),
      type: 'Happened',
      isJson: true,
      data: Buffer.from(JSON.stringify({ n: n + of, note: 'y'.repeat(80) })),
      metadata: Buffer.alloc(0),
    }));
    const stream = `filled-${(n / PER_APPEND) % STREAMS}`;
    await new Promise<void>((resolve, reject) => {
      log.append({ stream, expected: 'any', events: proposed }, (outcome) =>
        outcome.ok ? resolve() : reject(outcome.error),
      );
    });
  }
  log.close();
}

export interface MemoryReport {
  readonly read: number;
  readonly appended: number;
  /** Most resident memory that the process ever had. */
  readonly peakMiB: number;
}

/**
 * Starts the program on the folder and does with it, all at once, what takes memory: reads everything, searches everything
 * through a filter, appends small events with 64 in flight and pages of 400 KB, and lets four subscribers of everything sleep.
 */
export async function loadOn(folder: string): Promise<MemoryReport> {
  const program = await startProgram({ BERTH_DATA: folder });
  const client = EventStoreDBClient.connectionString(program.connectionString);
  try {
    const sleepers = Array.from({ length: 4 }, () => client.subscribeToAll());
    for (const sleeper of sleepers) sleeper.on('confirmation', () => sleeper.pause()).on('error', () => undefined);
    const [read, , small, pages] = await Promise.all([
      readEverything(client),
      searchEverything(client),
      appendSmall(client),
      appendPages(client),
    ]);
    await Promise.all(sleepers.map((sleeper) => sleeper.unsubscribe()));
    return { read, appended: small + pages, peakMiB: peakMiBOf(program.child.pid) };
  } finally {
    await client.dispose();
    await program.end('SIGTERM');
  }
}

async function readEverything(client: EventStoreDBClient): Promise<number> {
  let read = 0;
  for await (const { event } of client.readAll()) if (event) read += 1;
  return read;
}

async function searchEverything(client: EventStoreDBClient): Promise<void> {
  const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: ['filled-77'] }) });
  subscription.on('data', () => undefined);
  await new Promise((caughtUp) => subscription.once('caughtUp', caughtUp));
  await subscription.unsubscribe();
}

async function appendSmall(client: EventStoreDBClient): Promise<number> {
  const [lanes, appends, events] = [64, 20, 10];
  const note = 'z'.repeat(200);
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let n = 0; n < appends; n += 1) {
        const some = Array.from({ length: events }, () => jsonEvent({ type: 'Happened', data: { note } }));
        await client.appendToStream(`lane-${lane}`, some);
      }
    }),
  );
  return lanes * appends * events;
}

async function appendPages(client: EventStoreDBClient): Promise<number> {
  const pages = 150;
  const data = 'p'.repeat(400_000);
  for (let n = 0; n < pages; n += 1) await client.appendToStream('pages', jsonEvent({ type: 'Page', data }));
  return pages;
}

function peakMiBOf(pid: number | undefined): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
