import { setTimeout as wait } from 'node:timers/promises';
import { EventStoreDBClient, jsonEvent, NO_STREAM, type JSONEventType } from '@eventstore/db-client';
import { startProgram } from './program.js';

type Written = JSONEventType<'Written', { worker: number; n: number }>;
type Proposal = ReturnType<typeof jsonEvent<Written>>;

/** Appends to a stream of its own, one event after the other, each at the exact revision. */
interface Worker {
  readonly stream: string;
  /** Ids in order of revision; everything in it was acknowledged. */
  readonly acknowledged: string[];
  /** Its outcome is not known, since the process was killed. */
  unknown: Proposal | undefined;
}

export interface CrashReport {
  readonly acknowledged: number;
  readonly unknown: number;
  /** Unknown ones that turned out to be stored. */
  readonly unknownButStored: number;
}

const IN_FLIGHT = 64;

/**
 * Kills the program with SIGKILL under load, again and again on the same folder, and after each start checks that every
 * acknowledged event is there once, and that repeating what had no answer gets the right revision.
 * @throws with what was found missing, double or wrongly answered.
 */
export async function crashRounds(folder: string, rounds: number, random: () => number): Promise<CrashReport> {
  const workers = Array.from({ length: IN_FLIGHT }, (_, n): Worker => {
    return { stream: `crash-${n}`, acknowledged: [], unknown: undefined };
  });
  let [unknown, unknownButStored] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    await appendUntilKilled(folder, workers, 150 + random() * 300);
    unknown += workers.filter((worker) => worker.unknown).length;
    unknownButStored += await verify(folder, workers);
  }
  const acknowledged = workers.reduce((sum, worker) => sum + worker.acknowledged.length, 0);
  return { acknowledged: acknowledged - unknown, unknown, unknownButStored };
}

async function appendUntilKilled(folder: string, workers: Worker[], afterMs: number): Promise<void> {
  const program = await startProgram({ BERTH_DATA: folder });
  const client = EventStoreDBClient.connectionString(program.connectionString);
  // The clock starts with the first acknowledgement, so that a slow machine has appends in flight too.
  const running: Promise<void>[] = [];
  await new Promise<void>((acknowledged) => {
    running.push(...workers.map((worker, n) => appendOn(client, worker, n, acknowledged)));
  });
  await wait(afterMs);
  await program.end('SIGKILL');
  await Promise.all(running);
  await client.dispose();
}

async function appendOn(
  client: EventStoreDBClient,
  worker: Worker,
  n: number,
  onAcknowledged: () => void,
): Promise<void> {
  for (;;) {
    const event = jsonEvent<Written>({ type: 'Written', data: { worker: n, n: worker.acknowledged.length } });
    try {
      await append(client, worker, event);
      onAcknowledged();
    } catch {
      worker.unknown = event;
      return;
    }
  }
}

async function append(client: EventStoreDBClient, { stream, acknowledged }: Worker, event: Proposal): Promise<void> {
  const expectedRevision = acknowledged.length === 0 ? NO_STREAM : BigInt(acknowledged.length - 1);
  const { nextExpectedRevision } = await client.appendToStream(stream, event, { expectedRevision });
  if (nextExpectedRevision !== BigInt(acknowledged.length)) {
    throw new Error(`${stream} answered revision ${nextExpectedRevision}, not ${acknowledged.length}`);
  }
  acknowledged.push(event.id);
}

/** How many of the unknown ones had been stored. */
async function verify(folder: string, workers: readonly Worker[]): Promise<number> {
  const program = await startProgram({ BERTH_DATA: folder });
  const client = EventStoreDBClient.connectionString(program.connectionString);
  try {
    const stored = await readAll(client);
    let unknownButStored = 0;
    for (const worker of workers) {
      const ids = stored.get(worker.stream) ?? [];
      const extra = ids.slice(worker.acknowledged.length);
      expectSame(worker.stream, ids.slice(0, worker.acknowledged.length), worker.acknowledged);
      if (extra.length > 0) expectSame(worker.stream, extra, worker.unknown ? [worker.unknown.id] : []);
      unknownButStored += extra.length;
    }
    await Promise.all(workers.map((worker) => worker.unknown && append(client, worker, worker.unknown)));
    const repeated = await readAll(client);
    for (const worker of workers) {
      worker.unknown = undefined;
      expectSame(worker.stream, repeated.get(worker.stream) ?? [], worker.acknowledged);
    }
    return unknownButStored;
  } finally {
    await client.dispose();
    await program.end('SIGTERM');
  }
}

/** Event ids by stream, in the order of $all; the revisions are checked on the way. */
async function readAll(client: EventStoreDBClient): Promise<Map<string, string[]>> {
  const streams = new Map<string, string[]>();
  for await (const { event } of client.readAll()) {
    if (!event) continue;
    const ids = streams.get(event.streamId) ?? [];
    if (event.revision !== BigInt(ids.length)) throw new Error(`${event.streamId} has a gap at ${event.revision}`);
    ids.push(event.id);
    streams.set(event.streamId, ids);
  }
  return streams;
}

function expectSame(stream: string, stored: readonly string[], expected: readonly string[]): void {
  const at = expected.findIndex((id, index) => stored[index] !== id);
  if (at !== -1 || stored.length !== expected.length) {
    throw new Error(`${stream}: stored ${stored.length}, expected ${expected.length}, first difference at ${at}`);
  }
}
