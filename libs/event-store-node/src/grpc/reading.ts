import { BEYOND_ALL, type EventReader } from '../log/event-reader.js';
import type { EventHeader } from '../log/records.js';
import { encodeStreamNotFound } from '../wire/read-signals.js';
import type { EventSender } from './event-sender.js';
import type { ReadOutlet } from './read-outlet.js';
import type { ReadRequest } from './read-request.js';
import { streamDeleted } from './statuses.js';

/** Headers fetched at once: about what one turn of the event loop may cost the others. */
export const PAGE_EVENTS = 256;
/** Headers looked at in one go under a filter. */
export const STRETCH_EVENTS = 4096;

export interface Reading {
  readonly request: ReadRequest;
  readonly reader: EventReader;
  readonly sender: EventSender;
  readonly outlet: ReadOutlet;
}

/** Reads a stream as it stands now; what is appended meanwhile isn't waited for. */
export async function readStream(stream: string, { request, reader, sender, outlet }: Reading): Promise<void> {
  const view = reader.view(stream);
  if (view.kind === 'deleted') {
    outlet.fail(streamDeleted(stream));
    return;
  }
  if (view.kind === 'not-found') {
    await outlet.send(encodeStreamNotFound(stream));
    return;
  }
  const { direction, from } = request;
  const step = direction === 'forwards' ? 1 : -1;
  if (direction === 'forwards' && from === 'end') return;
  let next = from === 'start' ? 0 : from === 'end' ? view.lastRevision : from;
  let left = request.count ?? 0;
  while (left > 0 && next >= 0 && outlet.open) {
    const page = reader.readStream(view, direction, next, Math.min(left, PAGE_EVENTS));
    for (const header of page) await sender.send(header);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_EVENTS) return;
    next = last.revision + step;
    left -= page.length;
    await outlet.yield();
  }
}

/** Reads $all up to where it ends now. */
export async function readAll(reading: Reading): Promise<void> {
  const { request, reader, sender, outlet } = reading;
  const { direction, from } = request;
  if (from === (direction === 'forwards' ? 'end' : 'start')) return;
  const endOfLog = reader.endOfLog();
  const nextPage = request.filter ? filteredPages(reading) : plainPages(reading);
  let next: number | undefined = from === 'start' ? 0 : from === 'end' ? BEYOND_ALL : from;
  let left = request.count ?? 0;
  while (left > 0 && next !== undefined && outlet.open) {
    const page: Page = nextPage(next, left);
    for (const header of page.events.slice(0, left)) {
      if (direction === 'forwards' && header.position > endOfLog) return;
      await sender.send(header);
    }
    left -= page.events.length;
    next = page.next;
    await outlet.yield();
  }
}

interface Page {
  readonly events: readonly EventHeader[];
  /** Undefined at the end. */
  readonly next: number | undefined;
}

type Pager = (from: number, left: number) => Page;

function plainPages({ request: { direction }, reader }: Reading): Pager {
  return (from, left) => {
    const limit = Math.min(left, PAGE_EVENTS);
    const events = reader.readAll(direction, from, limit);
    const last = events.at(-1);
    if (last === undefined || events.length < limit) return { events, next: undefined };
    return { events, next: direction === 'forwards' ? last.position + 1 : last.position };
  };
}

function filteredPages({ request: { direction, filter }, reader }: Reading): Pager {
  if (filter === undefined) throw new Error('There is no filter to read by.');
  const prepared = reader.prepareFilter(filter);
  return (from) => {
    const { events, lastLookedAt, lookedAt } = reader.readStretch(prepared, direction, from, STRETCH_EVENTS);
    if (lastLookedAt === undefined || lookedAt < STRETCH_EVENTS) return { events, next: undefined };
    return { events, next: direction === 'forwards' ? lastLookedAt + 1 : lastLookedAt };
  };
}
