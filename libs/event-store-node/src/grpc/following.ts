import { randomUUID } from 'node:crypto';
import type { CommitSignal, CommitWatch } from '../log/commit-signal.js';
import type { PreparedFilter } from '../log/event-reader.js';
import { encodeCaughtUp, encodeCheckpoint, encodeConfirmation } from '../wire/read-signals.js';
import { PAGE_EVENTS, STRETCH_EVENTS, type Reading } from './reading.js';
import { streamDeleted } from './statuses.js';

export interface Following extends Reading {
  readonly commits: CommitSignal;
}

/*
 * A subscription is a cursor that reads the log page by page, and at its end waits for a commit. Catching up and living on are
 * the same loop over the same cursor, so between them no event is missed or sent twice, and nothing is buffered.
 */

/** Every event of a stream after the requested revision, for as long as the reader stays. */
export async function followStream(stream: string, following: Following): Promise<void> {
  const { request, reader, sender, outlet } = following;
  const { from } = request;
  const atStart = reader.view(stream);
  const last = atStart.kind === 'readable' ? atStart.lastRevision : -1;
  let next = from === 'start' ? 0 : from === 'end' ? last + 1 : from + 1;
  await follow(stream, following, async () => {
    const view = reader.view(stream);
    if (view.kind === 'deleted') {
      outlet.fail(streamDeleted(stream));
      return false;
    }
    if (view.kind === 'not-found') return false;
    const page = reader.readStream(view, 'forwards', next, PAGE_EVENTS);
    for (const header of page) {
      await sender.send(header);
      next = header.revision + 1;
    }
    return page.length === PAGE_EVENTS;
  });
}

/** Every event of $all after the requested position that the filter lets through. */
export async function followAll(following: Following): Promise<void> {
  const { request, reader } = following;
  const { from, filter } = request;
  const cursor = from === 'start' ? 0 : from === 'end' ? reader.endOfLog() : from;
  if (filter) await followFiltered(following, reader.prepareFilter(filter), cursor);
  else await followUnfiltered(following, cursor);
}

async function followUnfiltered(following: Following, from: number): Promise<void> {
  const { reader, sender } = following;
  let cursor = from;
  await follow(undefined, following, async () => {
    const page = reader.readAll('forwards', cursor + 1, PAGE_EVENTS);
    for (const header of page) await sender.send(header);
    cursor = page.at(-1)?.position ?? cursor;
    return page.length === PAGE_EVENTS;
  });
}

async function followFiltered(following: Following, filter: PreparedFilter, from: number): Promise<void> {
  const { request, reader, sender, outlet } = following;
  const { checkpointEvery } = request;
  let cursor = from;
  let lookedAtSinceCheckpoint = 0;
  const sendCheckpoint = async (): Promise<void> => {
    lookedAtSinceCheckpoint = 0;
    await outlet.send(encodeCheckpoint(cursor));
  };
  const advance = async (): Promise<boolean> => {
    // A stretch ends where a checkpoint is due, so that the checkpoint names exactly the last event looked at.
    const limit = Math.min(checkpointEvery - lookedAtSinceCheckpoint, STRETCH_EVENTS);
    const { events, lastLookedAt, lookedAt } = reader.readStretch(filter, 'forwards', cursor + 1, limit);
    for (const header of events) await sender.send(header);
    cursor = lastLookedAt ?? cursor;
    lookedAtSinceCheckpoint += lookedAt;
    if (lookedAtSinceCheckpoint >= checkpointEvery) await sendCheckpoint();
    return lookedAt === limit;
  };
  await follow(undefined, following, advance, sendCheckpoint);
}

/**
 * Runs `advance` until it says that the log's end is reached, announces the end once, then waits for commits.
 * `beforeLive` runs once, just before that announcement.
 */
async function follow(
  stream: string | undefined,
  { outlet, commits }: Following,
  advance: () => Promise<boolean>,
  beforeLive?: () => Promise<void>,
): Promise<void> {
  const watch: CommitWatch = commits.watch(stream);
  outlet.onClose(() => watch.notice());
  try {
    await outlet.send(encodeConfirmation(randomUUID()));
    for (let live = false; outlet.open; live = true) {
      while ((await advance()) && outlet.open) await outlet.yield();
      if (!outlet.open) return;
      if (!live) {
        await beforeLive?.();
        await outlet.send(encodeCaughtUp());
      }
      await watch.next();
    }
  } finally {
    commits.unwatch(watch);
  }
}
