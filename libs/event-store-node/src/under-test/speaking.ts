import { randomUUID } from 'node:crypto';
import type { JSONEventData, ResolvedEvent } from '@eventstore/db-client';

export function events(count: number, type = 'Happened'): JSONEventData[] {
  return Array.from({ length: count }, (_, n) => ({
    id: randomUUID(),
    contentType: 'application/json',
    type,
    data: { n },
    metadata: undefined,
  }));
}

let named = 0;

/** A stream name no other test uses. */
export function freshStream(prefix = 'stream'): string {
  named += 1;
  return `${prefix}-${named}`;
}

export async function collect(reading: AsyncIterable<ResolvedEvent>): Promise<ResolvedEvent[]> {
  const collected: ResolvedEvent[] = [];
  for await (const event of reading) collected.push(event);
  return collected;
}

export function revisionsOf(read: readonly ResolvedEvent[]): number[] {
  return read.map(({ event }) => Number(event?.revision));
}

/** What the promise was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('It was expected to fail, but did not.');
}

export interface Conflict {
  readonly type: unknown;
  readonly streamName: unknown;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** What an append or a deletion was refused with, whatever the client calls it. */
export async function conflictOf(promise: Promise<unknown>): Promise<Conflict> {
  const { type, streamName, ...versions } = await failureOf(promise);
  return {
    type,
    streamName,
    expected: versions['expectedVersion'] ?? versions['expectedState'],
    actual: versions['actualVersion'] ?? versions['actualState'],
  };
}
